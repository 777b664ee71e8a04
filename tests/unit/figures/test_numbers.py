"""Numbers as texts and tables write them."""

from __future__ import annotations

import pytest

from error_sequence_model.figures import format_share


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0%"), (0.0047, "0.5%"), (0.0094, "0.9%"), (0.0096, "1%"), (0.382, "38%")],
)
def test_some_is_not_told_as_none(share, text):
    assert format_share(share) == text
