"""Plots of scores, of the data and of the training: data and axes in, axes out.

Nothing here reads files. The positive class is the error unless the caller says
otherwise; every number drawn is also returned or handed in as a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from error_sequence_model.figures.style import (
    GRID,
    INK,
    MUTED,
    SERIES_COLOURS,
    say_nothing_to_draw,
)
from error_sequence_model.statistics import cut_by_mass

MOST_POINTS = 400
RATIOS = (1 / 64, 64)  # ends of an axis of odds ratios


class Curve(NamedTuple):
    """A precision–recall or ROC curve.

    Attributes:
        x: Recall, or false positive rate, float (n_points,).
        y: Precision, or true positive rate, float (n_points,).
    """

    x: np.ndarray
    y: np.ndarray


def _count_hits(
    is_positive: np.ndarray, probability: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """True and false positives above each distinct probability, highest first."""
    order = np.argsort(-probability, kind="stable")
    hits = np.asarray(is_positive, dtype=float)[order]
    last = np.r_[np.flatnonzero(np.diff(probability[order])), len(hits) - 1]
    return np.cumsum(hits)[last], np.cumsum(1 - hits)[last]


def get_curves(is_positive: np.ndarray, probability: np.ndarray) -> tuple[Curve, Curve]:
    """Precision–recall and ROC curves, one point per distinct probability.

    Args:
        is_positive: bool (n_sites,), both classes present.
        probability: float (n_sites,).

    Returns:
        Precision over recall, and true over false positive rate; thinned to a few
        hundred points, which no printer can tell from the whole curve.
    """
    true, false = _count_hits(is_positive, probability)
    positives, negatives = true[-1], false[-1]
    if len(true) > MOST_POINTS:
        keep = np.unique(np.linspace(0, len(true) - 1, MOST_POINTS).astype(int))
        true, false = true[keep], false[keep]
    recall, precision = true / positives, true / (true + false)
    return (
        Curve(np.r_[0.0, recall], np.r_[precision[0], precision]),
        Curve(np.r_[0.0, false / negatives], np.r_[0.0, recall]),
    )


def get_areas(is_positive: np.ndarray, probability: np.ndarray) -> tuple[float, float]:
    """Average precision and area under the ROC curve, as scikit-learn defines them.

    Written out because importing scikit-learn takes longer than drawing a page.
    """
    true, false = _count_hits(is_positive, probability)
    recall, precision = true / true[-1], true / (true + false)
    average = float(np.sum(np.diff(recall, prepend=0.0) * precision))
    false_rate = np.r_[0.0, false / false[-1]]
    return average, float(np.trapezoid(np.r_[0.0, recall], false_rate))


def get_reliability(
    is_positive: np.ndarray, probability: np.ndarray, *, bins: int = 10
) -> pd.DataFrame:
    """Observed share of positives by predicted probability, in equal-mass bins.

    Args:
        is_positive: bool (n_sites,).
        probability: float (n_sites,).
        bins: Number of bins; fewer where there are fewer than ten sites per bin.

    Returns:
        Columns predicted, observed, low, high (95 % Wilson interval over sites), n.
    """
    bins = max(min(bins, len(probability) // 10), 1)
    rows = []
    for part in cut_by_mass(probability, bins):
        n, hits = len(part), float(np.sum(is_positive[part]))
        low, high = _get_wilson_interval(hits, n)
        rows.append((probability[part].mean(), hits / n, low, high, n))
    return pd.DataFrame(rows, columns=["predicted", "observed", "low", "high", "n"])


def _get_wilson_interval(hits: float, n: int) -> tuple[float, float]:
    z = 1.96
    share, weight = hits / n, z**2 / n
    centre = (share + weight / 2) / (1 + weight)
    half = z * np.sqrt(share * (1 - share) / n + weight / (4 * n)) / (1 + weight)
    return centre - half, centre + half


def plot_curve(
    curves: Sequence[tuple[str, Curve]],
    ax: Axes,
    *,
    kind: str,
    prevalence: float | None = None,
) -> Axes:
    """Draw PR or ROC curves with the line that guessing would reach.

    Args:
        curves: Names and curves.
        ax: Where to draw.
        kind: "pr" or "roc".
        prevalence: Share of positives, for "pr".
    """
    for place, (name, curve) in enumerate(curves):
        color = SERIES_COLOURS[place % len(SERIES_COLOURS)]
        style = "steps-post" if kind == "roc" else "default"
        ax.plot(curve.x, curve.y, color=color, label=name, drawstyle=style)
    if kind == "pr" and prevalence is not None:
        ax.axhline(prevalence, color=MUTED, lw=1, ls=(0, (4, 3)), zorder=1)
        place = (0.02, prevalence + 0.015) if prevalence < 0.9 else (0.02, 0.85)
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.8}
        text = f"prevalence {prevalence:.2f}"
        ax.text(*place, text, color=MUTED, size=7, bbox=box)
        ax.set(xlabel="recall", ylabel="precision")
    else:
        ax.plot([0, 1], [0, 1], color=MUTED, lw=1, ls=(0, (4, 3)), zorder=1)
        ax.set(xlabel="false positive rate", ylabel="true positive rate")
    ax.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
    return ax


def plot_reliability(tables: Sequence[tuple[str, pd.DataFrame]], ax: Axes) -> Axes:
    """Draw observed over predicted shares; the diagonal is perfect calibration."""
    ax.plot([0, 1], [0, 1], color=MUTED, lw=1, ls=(0, (4, 3)), zorder=1)
    for place, (_, table) in enumerate(tables):
        color = SERIES_COLOURS[place % len(SERIES_COLOURS)]
        ax.plot(table["predicted"], table["observed"], color=color, marker="o", ms=3)
        ax.vlines(table["predicted"], table["low"], table["high"], color=color, lw=0.8)
    ax.set(xlabel="predicted probability", ylabel="observed share")
    ax.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
    return ax


def plot_confusion(matrix: np.ndarray, names: Sequence[str], ax: Axes) -> Axes:
    """Draw a confusion matrix, rows = truth, shaded by the share of the row.

    Args:
        matrix: Counts, int (n_classes, n_classes).
        names: Class names in the matrix' order.
        ax: Where to draw.
    """
    matrix = np.asarray(matrix, dtype=float)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    # pcolormesh stays vector in the PDF; imshow would be a bitmap.
    ax.pcolormesh(shares, cmap="Blues", vmin=0, vmax=1.25, edgecolors="white", lw=1)
    for row, column in np.ndindex(*matrix.shape):
        share = shares[row, column]
        ax.text(
            column + 0.5,
            row + 0.5,
            f"{matrix[row, column]:,.0f}\n{share:.0%}",
            ha="center",
            va="center",
            color="white" if share > 0.7 else INK,
            size=8.5 if len(matrix) == 2 else 7,
        )
    places = np.arange(len(matrix)) + 0.5
    ax.set_xticks(places, names)
    ax.set_yticks(places, names, rotation=90, va="center")
    ax.set(xlabel="model says", ylabel="truth")
    ax.invert_yaxis()
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


def plot_forest(
    table: pd.DataFrame,
    ax: Axes,
    *,
    value: str,
    marks: str | None = None,
    reference: float | None = None,
    label: str = "",
) -> Axes:
    """Draw values with intervals, one row each, first row on top.

    Args:
        table: Columns {value}, {value}_low, {value}_high and ``color``; rows with a
            missing value stay empty.
        ax: Where to draw; y is the row, from 0.
        value: Name of the column.
        marks: Column with a reference per row (the prevalence), drawn as a tick.
        reference: One reference for all rows, drawn as a line.
        label: x label.
    """
    rows = np.arange(len(table))
    if reference is not None:
        ax.axvline(reference, color=MUTED, lw=1, ls=(0, (4, 3)), zorder=1)
    colors = table["color"].tolist()
    low, high = table[f"{value}_low"], table[f"{value}_high"]
    ax.hlines(rows, low, high, colors=colors, lw=2.2)
    ax.scatter(table[value], rows, c=colors, s=26, zorder=3, edgecolors="white", lw=0.6)
    if marks is not None:
        ax.vlines(table[marks], rows - 0.3, rows + 0.3, color=INK, lw=1.1, zorder=2)
    ax.set_ylim(len(table) - 0.5, -0.5)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(label)
    ax.grid(axis="x", color=GRID, lw=0.6)
    ax.set_axisbelow(True)
    return ax


def plot_ratios(table: pd.DataFrame, ax: Axes) -> Axes:
    """Draw odds ratios on a log scale; what lies beyond its ends is drawn at them.

    Args:
        table: Columns odds_ratio, low, high and color, and joint_odds_ratio (a white
            circle) if there is one; one row each, first row on top.
        ax: Where to draw.
    """
    names = {"odds_ratio": "odds_ratio", "low": "odds_ratio_low"}
    names["high"] = "odds_ratio_high"
    clipped = {new: table[name].clip(*RATIOS) for name, new in names.items()}
    ax.set_xscale("log")
    plot_forest(table.assign(**clipped), ax, value="odds_ratio", reference=1.0)
    if "joint_odds_ratio" in table:
        joint = table["joint_odds_ratio"].clip(*RATIOS)
        style = {"s": 16, "facecolors": "white", "edgecolors": INK, "lw": 0.8}
        ax.scatter(joint, np.arange(len(table)), zorder=4, **style)
    ax.set_xlim(RATIOS[0] * 0.85, RATIOS[1] / 0.85)
    ticks = {1 / 64: "1/64", 1 / 16: "1/16", 1 / 4: "1/4", 1: "1", 4: "4", 16: "16"}
    ax.set_xticks([*ticks, 64], [*ticks.values(), "64"])
    ax.minorticks_off()
    return ax


def plot_scores(
    groups: Sequence[tuple[str, str, np.ndarray]], ax: Axes
) -> pd.DataFrame:
    """Draw the distribution of the predictor's score per class as outlines.

    Args:
        groups: Name, colour and scores (0 to 1) of each class.
        ax: Where to draw.

    Returns:
        What is drawn: columns name, low, high (edges) and share.
    """
    edges = np.linspace(0, 1, 21)
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


def plot_history(history: pd.DataFrame, ax: Axes, *, has_legend: bool = True) -> Axes:
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
    if has_legend:
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0.1)
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
