"""The overview's tables: every model's scores and every named region, with forests."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd

from error_sequence_model.drawing.style import (
    BODY_WIDTH,
    MARGIN,
    NEGATIVE,
    POSITIVE,
    RULE,
    say_nothing_to_draw,
)
from error_sequence_model.figures import plot_forest
from error_sequence_model.files import write_tsv
from error_sequence_model.reporting.data import ReportData
from error_sequence_model.reporting.flow import Block, draw_blocks
from error_sequence_model.reporting.layout import Page, PageSpec
from error_sequence_model.reporting.performance import (
    collect_score_table,
    make_score_columns,
)
from error_sequence_model.reporting.statistics import MapStatistics
from error_sequence_model.reporting.table import Column, draw_table
from error_sequence_model.reporting.words import format_p, format_signed

ROWS_PER_PAGE = 28


def name_overview(data: ReportData) -> str:
    """Footer of the overview's pages."""
    contrasts = ", ".join(dict.fromkeys(unit.contrast for unit in data.units))
    return f"predictor {data.predictor} · overview · contrasts {contrasts or 'none'}"


def make_score_pages(data: ReportData) -> list[PageSpec]:
    """Scores of every model, baseline and reference, controls marked as such."""
    tables = []
    for unit in (*data.units, *data.controls):
        table = collect_score_table(unit)
        if table.empty:
            continue
        control = " (shuffled labels)" if unit.lead.is_control else ""
        table.insert(0, "splice type", unit.splice_type)
        table.insert(0, "contrast", f"{unit.contrast}{control}")
        tables.append(table)
    footer = name_overview(data)
    title = "Every model, every contrast"
    if not tables:
        block = Block("bullet", "No scores are stored.", "bad")
        draw = partial(draw_blocks, blocks=[block], width=BODY_WIDTH)
        return [PageSpec(title, draw, footer)]
    table = pd.concat(tables, ignore_index=True)
    write_tsv(data.tables / "overview.scores.tsv", table.drop(columns="color"))
    pages = []
    for start in range(0, len(table), ROWS_PER_PAGE):
        part = table.iloc[start : start + ROWS_PER_PAGE].reset_index(drop=True)
        name = title if start == 0 else f"{title} (continued)"
        subtitle = (
            "Backbones, baselines and references on the same held-out test sites."
        )
        draw = partial(_draw_scores, table=part)
        pages.append(PageSpec(name, draw, footer, subtitle))
    return pages


def _draw_scores(page: Page, *, table: pd.DataFrame) -> None:
    width = 7.2
    shown = [
        Column("contrast", table["contrast"].tolist()),
        Column("splice type", table["splice type"].tolist()),
        *[c for c in make_score_columns(table) if c.heading not in ("kind", "sites")],
    ]
    page.top += 0.15
    rows = draw_table(page, shown, width=width, most_rows=ROWS_PER_PAGE, size=7.5)
    left = MARGIN + width + 0.25
    panel = (BODY_WIDTH - width - 0.25 - 0.25) / 2
    for place, (value, label) in enumerate((("auprc", "AUPRC"), ("auroc", "AUROC"))):
        height = rows.step * rows.count
        ax = page.axes(left + place * (panel + 0.25), rows.top, panel, height)
        if not table[value].notna().any():
            say_nothing_to_draw(ax, "none stored", size=8)
            continue
        marks, line = ("prevalence", None) if value == "auprc" else (None, 0.5)
        plot_forest(table, ax, value=value, marks=marks, reference=line, label=label)
        ax.set_xlim(0, 1.02)
        ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    page.top += 0.32
    kinds = {
        "blue": "backbone",
        "green": "hybrid or ensemble",
        "grey": "baseline",
        "orange": "reference",
    }
    legend = ", ".join(f"{colour}: {kind}" for colour, kind in kinds.items())
    page.caption(
        f"{legend.capitalize()}. Points with 95 % gene-bootstrap intervals; the tick "
        "is the prevalence (what guessing reaches in AUPRC), the dashed line AUROC "
        "0.5. Δ: AUPRC minus that of the best baseline. Held-out test part."
    )


def make_region_pages(
    data: ReportData, statistics: Sequence[MapStatistics]
) -> list[PageSpec]:
    """Differences of every named region."""
    frames = [
        s.regions.assign(contrast=s.unit.contrast, splice_type=s.splice_type)
        for s in statistics
        if len(s.regions)
    ]
    if not frames:
        return []
    table = pd.concat(frames, ignore_index=True)
    write_tsv(data.tables / "overview.regions.tsv", table)
    pages = []
    for start in range(0, len(table), ROWS_PER_PAGE):
        part = table.iloc[start : start + ROWS_PER_PAGE].reset_index(drop=True)
        title = "Named regions, side by side" + (" (continued)" if start else "")
        subtitle = "Error minus correct: red speaks more for an error, blue less."
        draw = partial(_draw_regions, table=part, draws=data.draws)
        pages.append(PageSpec(title, draw, name_overview(data), subtitle))
    return pages


def _draw_regions(page: Page, *, table: pd.DataFrame, draws: int) -> None:
    page.top += 0.15
    columns = [
        Column("contrast", table["contrast"].tolist()),
        Column("splice type", table["splice_type"].tolist()),
        Column("region", table["label"].tolist()),
        Column("% |attribution|", [f"{v:.0%}" for v in table["share"]], "right"),
        Column("% bases", [f"{v:.1%}" for v in table["share_of_bases"]], "right"),
        Column("fold", [f"{v:.1f}" for v in table["fold"]], "right"),
        Column(
            "error − correct", [format_signed(v) for v in table["difference"]], "right"
        ),
        Column("p", [format_p(p, draws) for p in table["p_value"]], "right"),
    ]
    rows = draw_table(page, columns, width=7.0, most_rows=ROWS_PER_PAGE)
    ax = page.axes(MARGIN + 7.4, rows.top, BODY_WIDTH - 7.4, rows.step * rows.count)
    found = table["p_value"] < 0.05
    color = np.where(found, np.where(table["difference"] > 0, POSITIVE, NEGATIVE), RULE)
    plot_forest(
        table.assign(color=color),
        ax,
        value="difference",
        reference=0,
        label="error − correct, scaled attribution per base",
    )
    page.top += 0.32
    page.caption(
        "Coloured where p < 0.05 (max-T over the regions of a contrast, labels "
        "permuted within strata, standard error clustered by gene); bars are 95 % "
        "bootstrap over genes. Fold: share of |attribution| over share of bases."
    )
