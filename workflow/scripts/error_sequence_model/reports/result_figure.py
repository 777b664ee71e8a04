"""One contrast in one figure: how much is learnt, where in the sequence, which words.

Read from the tables beside a report and from ``comparison.tsv``, so that it can be made
again, for one's own data too, without a model. Offsets are bases from the junction.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from error_sequence_model.core import InputError, read_saved_table
from error_sequence_model.figures import (
    INK,
    MUTED,
    get_class_colour,
    mark_junction,
    use_style,
)

SIZE = (9.6, 3.1)
DPI = 160
MOST_ELEMENTS = 4
# Kinds of comparison.tsv that are drawn in colour; the rest are baselines.
OWN_KINDS = ("backbone", "hybrid", "ensemble")


def draw_result(
    results: Path, predictor: str, contrast: str, splice_type: str, focus: str
) -> Figure:
    """Draw the three panels of a contrast.

    Args:
        results: The folder ``results`` of a finished run.
        predictor: Name of the predictor.
        contrast: Name of a contrast of two classes, such as fn_vs_tp.
        splice_type: donor, acceptor or any.
        focus: The error's call type, such as FN.

    Raises:
        InputError: A table is not there.
    """
    tables = results / "reports" / predictor / "tables"
    unit = f"{focus}.{contrast}.{splice_type}"
    comparison = _read(results / predictor / contrast / splice_type / "comparison.tsv")
    profile = _read(tables / f"{unit}.attribution_profile.tsv")
    elements = _read(tables / f"{unit}.elements.tsv")
    checks = _read(tables / f"{focus}.checks.tsv")
    own = checks["contrast"].eq(contrast) & checks["splice type"].eq(splice_type)
    names = focus, contrast.split("_vs_")[-1].upper()
    with use_style():
        figure = Figure(figsize=SIZE, dpi=DPI, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(1, 3, width_ratios=(1.0, 1.5, 1.0))
        colours = get_class_colour(names[0]), get_class_colour(names[1])
        plot_models(comparison, axes[0], colour=colours[0])
        plot_map(profile, axes[1], names=names, colours=colours)
        mark_junction(axes[1], splice_type=splice_type)
        plot_elements(elements, axes[2], names=names, colours=colours)
        verdict = checks.loc[own, ["method", "verdict"]].head(1)
        for method, words in verdict.itertuples(index=False):
            axes[1].set_xlabel(f"offset from the junction ({method}: {words})")
    return figure


def write_figure(figure: Figure, path: Path) -> None:
    """Save as PNG, with the same bytes every time."""
    figure.savefig(path, dpi=DPI, metadata={"Software": None})


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise InputError(f"{path}: no such file; run the workflow to its end first")
    return read_saved_table(path)


def plot_models(comparison: pd.DataFrame, ax: Axes, *, colour: str) -> Axes:
    """AUPRC with intervals: models in colour, baselines in grey, prevalence a line."""
    rows = comparison[comparison["kind"].ne("reference")]
    rows = rows.sort_values("auprc", ignore_index=True)
    for place, row in rows.iterrows():
        shade = colour if row["kind"] in OWN_KINDS else MUTED
        ax.plot([row["auprc_low"], row["auprc_high"]], [place] * 2, color=shade, lw=1.5)
        marker = "o" if row["kind"] in OWN_KINDS else "s"
        ax.plot(row["auprc"], place, marker, color=shade, ms=4.5)
    ax.set_yticks(range(len(rows)), rows["model"])
    ax.axvline(comparison["prevalence"].iloc[0], color=INK, lw=0.8, ls=(0, (2, 2)))
    ax.set(xlim=(0, 1), xlabel="AUPRC (dashed: guessing)")
    ax.set_title("How much can be learnt")
    return ax


def plot_map(
    profile: pd.DataFrame, ax: Axes, *, names: tuple[str, str], colours: tuple[str, str]
) -> Axes:
    """Mean map of errors and of correct calls with their bands."""
    styles = zip(("error", "correct"), names, colours, ("-", "--"), strict=True)
    for kind, name, colour, line in styles:
        offsets, mean = profile["offset"], profile[kind]
        low, high = profile[f"{kind}_low"], profile[f"{kind}_high"]
        ax.fill_between(offsets, low, high, color=colour, alpha=0.25, lw=0)
        label = f"{name} ({profile[f'{kind}_sites'].iloc[0]} sites)"
        ax.plot(offsets, mean, line, color=colour, label=label)
    ax.axhline(0, color=MUTED, lw=0.6)
    ax.set_xlim(profile["offset"].min(), profile["offset"].max())
    ax.set_ylabel("evidence for an error")
    ax.set_title("Where the evidence lies", pad=14)
    ax.legend(loc="upper right")
    return ax


def plot_elements(
    elements: pd.DataFrame,
    ax: Axes,
    *,
    names: tuple[str, str],
    colours: tuple[str, str],
) -> Axes:
    """Odds ratios of the most significant known elements, one place of each."""
    known = elements[elements["significant"].astype(bool)]
    rows = known.sort_values("q", kind="stable").drop_duplicates("element")
    rows = rows.head(MOST_ELEMENTS).iloc[::-1].reset_index(drop=True)
    for place, row in rows.iterrows():
        shade = colours[0] if row["odds_ratio"] > 1 else colours[1]
        ax.plot([row["low"], row["high"]], [place] * 2, color=shade, lw=1.5)
        ax.plot(row["odds_ratio"], place, "o", color=shade, ms=4.5)
    labels = [f"{row.element}\n{row.consensus}" for row in rows.itertuples()]
    ax.set_yticks(range(len(rows)), [label.replace("_", " ") for label in labels])
    ax.set_ylim(-0.6, max(len(rows), 1) - 0.4)
    ax.axvline(1, color=INK, lw=0.8, ls=(0, (2, 2)))
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set_xlabel(f"odds ratio, {names[0]} against {names[1]}")
    ax.set_title("Which words")
    return ax
