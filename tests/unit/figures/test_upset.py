"""Combinations of sets are counted once each, and drawn most frequent first."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from error_sequence_model.figures import count_combinations, plot_upset

MEMBERS = pd.DataFrame(
    {
        "a": [True] * 5 + [True] * 3 + [False] * 3,
        "b": [True] * 5 + [False] * 3 + [True] + [False] * 2,
    }
)


def test_combinations_are_exclusive_and_sorted() -> None:
    counts = count_combinations(MEMBERS)
    assert counts["n"].tolist() == [5, 3, 1]
    assert counts[["a", "b"]].to_numpy().tolist() == [
        [True, True],
        [True, False],
        [False, True],
    ]


def test_bars_and_totals_are_drawn() -> None:
    bars, dots = Figure().subplots(2)
    plot_upset(count_combinations(MEMBERS), bars, dots, color="k")
    assert [bar.get_height() for bar in bars.patches] == [5, 3, 1]
    assert [label.get_text() for label in dots.get_yticklabels()] == ["a (8)", "b (6)"]


def test_what_is_not_drawn_is_told() -> None:
    many = pd.DataFrame(
        [[bool(n >> k & 1) for k in range(5)] for n in range(1, 32)], columns=[*"abcde"]
    )
    bars, dots = Figure().subplots(2)
    plot_upset(count_combinations(many), bars, dots, color="k")
    assert bars.texts[-1].get_text() == "17 more combinations,\n17 sites"
