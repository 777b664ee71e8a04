"""Plots of the data and of the training: data and axes in, axes out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from error_sequence_model.figures.style import (
    INK,
    MUTED,
    SERIES_COLOURS,
    say_nothing_to_draw,
)


def plot_scores(
    groups: Sequence[tuple[str, str, np.ndarray]], ax: Axes, *, bins: int = 20
) -> pd.DataFrame:
    """Draw the distribution of the predictor's score per class as outlines.

    Args:
        groups: Name, colour and scores (0 to 1) of each class.
        ax: Where to draw.
        bins: Number of bins.

    Returns:
        What is drawn: columns name, low, high (edges) and share.
    """
    edges = np.linspace(0, 1, bins + 1)
    tables = []
    for name, color, scores in groups:
        shares = np.histogram(scores, edges)[0] / max(len(scores), 1)
        label = f"{name} (n = {len(scores):,})"
        ax.stairs(shares * 100, edges, color=color, lw=1.4, label=label)
        columns = {"name": name, "low": edges[:-1], "high": edges[1:], "share": shares}
        tables.append(pd.DataFrame(columns))
    ax.set(xlim=(0, 1), xlabel="predictor's score", ylabel="% of the class")
    ax.set_ylim(bottom=0)
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=4, borderaxespad=0.1)
    return pd.concat(tables)


def plot_history(history: pd.DataFrame, ax: Axes) -> Axes:
    """Draw training and validation loss by epoch; the chosen epoch is marked."""
    for name, color, style in (
        ("train_loss", MUTED, "--"),
        ("validation_loss", SERIES_COLOURS[0], "-"),
    ):
        if name in history:
            known = history[history[name].notna()]
            label = name.replace("_", " ")
            ax.plot(
                known["epoch"], known[name], style, color=color, label=label, lw=1.2
            )
    if "is_best" in history and "validation_loss" in history:
        best = history[history["is_best"].astype(bool)].tail(1)
        ax.plot(
            best["epoch"], best["validation_loss"], "o", color=INK, ms=5, label="kept"
        )
    ax.set(xlabel="epoch", ylabel="loss")
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, borderaxespad=0.1)
    return ax


def plot_stacked_counts(
    counts: pd.DataFrame, ax: Axes, *, colors: Sequence[str], label: str
) -> Axes:
    """Draw stacked bars, one per row of ``counts``, one colour per column."""
    if counts.to_numpy().sum() == 0:
        return say_nothing_to_draw(ax, "There are no sites to count.")
    bottom = np.zeros(len(counts))
    places = np.arange(len(counts))
    for name, color in zip(counts.columns, colors, strict=True):
        heights = counts[name].to_numpy(dtype=float)
        ax.bar(places, heights, bottom=bottom, color=color, label=name, width=0.75)
        bottom += heights
    names = [str(name) for name in counts.index]
    crowded = len(names) > 8 or max(map(len, names)) > 8
    ax.set_xticks(places, names, rotation=60 if crowded else 0)
    if crowded:
        for text in ax.get_xticklabels():
            text.set(ha="right", rotation_mode="anchor")
    ax.set_ylabel(label)
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    ax.legend(
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=len(counts.columns),
        borderaxespad=0.1,
        handlelength=1.0,
    )
    ax.set_ylim(0, bottom.max() * 1.05)
    return ax
