"""UpSet plots: how many members of several sets lie in each of their combinations."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from error_sequence_model.figures.style import INK, MUTED, RULE, SHADE

MOST_COMBINATIONS, FEWEST_PLACES = 14, 8


def count_combinations(members: pd.DataFrame) -> pd.DataFrame:
    """Count the rows of each combination of sets.

    Args:
        members: bool (n, sets); rows in no set do not count.

    Returns:
        The sets' columns and n, the most frequent combination first.

    Example:
        >>> members = pd.DataFrame({"a": [True, True], "b": [True, False]})
        >>> count_combinations(members)["n"].tolist()
        [1, 1]
    """
    names = list(members)
    inside = members[members.any(axis=1)]
    counts = inside.groupby(names).size().rename("n").reset_index()
    order = [~counts[name] for name in names]
    keys = np.lexsort((*order[::-1], -counts["n"]))
    return counts.iloc[keys].reset_index(drop=True)


def plot_upset(
    counts: pd.DataFrame,
    bars: Axes,
    dots: Axes,
    *,
    color: str,
    most: int = MOST_COMBINATIONS,
) -> None:
    """Draw combinations as bars above a matrix of dots.

    Args:
        counts: From ``count_combinations``.
        bars: Where the bars are drawn.
        dots: Where the matrix is drawn, of the same width, below them.
        color: Of the bars.
        most: Combinations drawn; the others are counted.
    """
    names = [name for name in counts if name != "n"]
    shown = counts.head(most)
    places = np.arange(len(shown))
    bars.bar(places, shown["n"], color=color, width=0.7)
    for place, n in zip(places, shown["n"], strict=True):
        bars.annotate(
            f"{n:,}",
            (place, n),
            xytext=(0, 1.5),
            textcoords="offset points",
            ha="center",
            size=7,
        )
    end = max(len(shown), FEWEST_PLACES) - 0.4
    bars.set(xlim=(-0.9, end), xticks=[], ylabel="sites")
    bars.margins(y=0.12)  # room for the highest number
    rows = np.arange(len(names))
    for row in rows[::2]:
        dots.axhspan(row - 0.5, row + 0.5, color=SHADE, zorder=0)
    is_in = shown[names].to_numpy(dtype=bool)
    for place in places:
        here = rows[is_in[place]]
        dots.scatter(np.full(len(rows), place), rows, s=22, color=RULE, zorder=2)
        dots.scatter(np.full(len(here), place), here, s=22, color=INK, zorder=4)
        dots.plot([place, place], [here.min(), here.max()], color=INK, lw=1, zorder=3)
    totals = [int(counts.loc[counts[name], "n"].sum()) for name in names]
    labels = [f"{name} ({n:,})" for name, n in zip(names, totals, strict=True)]
    dots.set_yticks(rows, labels)
    dots.set(xlim=bars.get_xlim(), ylim=(len(names) - 0.5, -0.5), xticks=[])
    dots.tick_params(length=0)
    for spine in dots.spines.values():
        spine.set_visible(False)
    if len(counts) > len(shown):
        rest = counts["n"].iloc[len(shown) :].sum()
        # In two lines: the first bar, the highest, stands at the left.
        text = f"{len(counts) - len(shown)} more combinations,\n{rest:,} sites"
        place = {"transform": bars.transAxes, "ha": "right", "va": "top"}
        bars.text(1, 0.95, text, size=7, color=MUTED, **place)
