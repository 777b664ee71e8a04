"""What is held beside a predictor in one figure: other predictors, outside facts.

Drawn from the tables beside the overview, so that it can be made again without a model.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from error_sequence_model.core import InputError, read_saved_table
from error_sequence_model.figures import (
    INK,
    MUTED,
    format_share,
    get_class_colour,
    plot_upset,
    use_style,
)

SIZE = (9.6, 3.3)
DPI = 160


def draw_beside(results: Path, predictor: str) -> Figure:
    """Draw who shares the missed sites, and which outside facts go with the errors.

    Args:
        results: The folder ``results`` of a finished run.
        predictor: Name of the predictor.

    Raises:
        InputError: Neither other predictors nor outside facts are there.
    """
    tables = results / "reports" / predictor / "tables"
    sets, facts = (
        read_saved_table(path)
        if (path := tables / f"overview.{name}.tsv").exists()
        else None
        for name in ("peer_combinations", "outside_truth")
    )
    if sets is None and facts is None:
        raise InputError(f"{tables}: no other predictors and no outside facts there")
    widths = [1.0, 1.25] if sets is not None and facts is not None else [1.0]
    with use_style():
        figure = Figure(figsize=SIZE, dpi=DPI, layout="constrained")
        FigureCanvasAgg(figure)
        grid = figure.add_gridspec(1, len(widths), width_ratios=widths)
        if sets is not None:
            own = sets[sets["kind"] == "missed"].drop(columns="kind")
            inner = grid[0, 0].subgridspec(2, 1, height_ratios=(2, 1), hspace=0.02)
            bars = figure.add_subplot(inner[0])
            dots = figure.add_subplot(inner[1])
            plot_upset(own, bars, dots, color=get_class_colour("FN"), most=9)
            bars.set_title("Who misses the same sites")
        if facts is not None:
            # Its own facts before those of others, whatever the config's order.
            is_other = facts["predictor"].ne(predictor)
            facts = facts.iloc[np.argsort(is_other, kind="stable")]
            plot_facts(facts, figure.add_subplot(grid[0, -1]))
    return figure


def plot_facts(facts: pd.DataFrame, ax: Axes) -> Axes:
    """Odds ratios of outside facts at errors, each by the first predictor that has it.

    Args:
        facts: Rows of ``outside_truth.tsv`` with the predictor's name.
        ax: Where to draw.
    """
    rows = facts[facts["cause"].isna() & facts["odds_ratio"].notna()]
    rows = rows[~rows["verdict"].isin(["not expected", "too few"])]
    # Others, such as a training chromosome, tell what the predictor itself cannot.
    rows = rows.drop_duplicates(["error_type", "fact"])
    rows = rows.iloc[::-1].reset_index(drop=True)
    labels = []
    for place, row in enumerate(rows.itertuples()):
        shade = get_class_colour(row.error_type)
        ax.plot([row.low, row.high], [place] * 2, color=shade, lw=1.5)
        ax.plot(row.odds_ratio, place, "o", color=shade, ms=4.5)
        mark = "¹" if isinstance(row.caution, str) else ""
        words = row.label.replace("real but unannotated: ", "")
        shares = " against ".join(
            map(format_share, (row.share_with, row.share_without))
        )
        labels.append(f"{row.error_type}{mark}: {words}\n{shares}")
    ax.set_yticks(np.arange(len(rows)), labels)
    ax.set_ylim(-0.6, max(len(rows), 1) - 0.4)
    ax.axvline(1, color=INK, lw=0.8, ls=(0, (2, 2)))
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set_xlabel("odds ratio, errors against correct calls")
    ax.set_title("What others measured there")
    ax.tick_params(axis="y", labelsize=7)
    if cautions := [*rows["caution"].dropna().unique()]:
        ax.text(
            *(1, -0.2, f"¹ {'; '.join(cautions)}"),
            **{"transform": ax.transAxes, "ha": "right", "size": 6.5, "color": MUTED},
        )
    return ax
