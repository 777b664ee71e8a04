"""Messages of errors."""

from __future__ import annotations

from error_sequence_model.core import list_problems


def test_problems_are_counted_beyond_the_shown() -> None:
    text = list_problems([f"line {i}" for i in range(25)], shown=3)
    assert text.splitlines()[-1] == "  … and 22 more"
    assert len(text.splitlines()) == 4
