"""The page of known elements of one unit: a table beside its forest plot."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from error_sequence_model.drawing.style import (
    BODY_WIDTH,
    MARGIN,
    MUTED,
    NEGATIVE,
    POSITIVE,
)
from error_sequence_model.figures import plot_forest
from error_sequence_model.maps.regions import say_region
from error_sequence_model.reporting.causes import get_names
from error_sequence_model.reporting.data import Unit
from error_sequence_model.reporting.layout import Page, PageSpec
from error_sequence_model.reporting.motifs import (
    UnitMotifs,
    describe_elements,
    format_q,
    format_ratios,
    say_name,
)
from error_sequence_model.reporting.table import Column, draw_table
from error_sequence_model.reporting.words import format_number

MOST_ELEMENTS = 22
FEW_ELEMENTS = 8
FOREST_WIDTH = 2.2
LIMITS = (1 / 64, 64)
TICKS = (1 / 64, 1 / 16, 1 / 4, 1, 4, 16, 64)


def make_element_page(unit: Unit, motifs: UnitMotifs, footer: str) -> PageSpec:
    """Specification of a unit's page of known elements."""
    return PageSpec(
        f"Known elements: {unit.name}",
        partial(_draw_elements, unit=unit, motifs=motifs),
        f"{footer} · elements.tsv",
        "Counted in the windows of all sites, whether or not the model uses them; "
        "their attribution beside it.",
    )


def get_finding_colour(row: Any, fdr: float) -> str:
    """Red for more frequent in errors, blue for less, grey for neither."""
    if not row.q <= fdr:
        return MUTED
    return POSITIVE if row.odds_ratio > 1 else NEGATIVE


def _choose_elements(motifs: UnitMotifs) -> pd.DataFrame:
    """Significant rows, those of their own and beyond composition first; else a few."""
    table = motifs.elements[motifs.elements["p"].notna()]
    found = table[table["significant"]]
    if found.empty:
        return table.head(FEW_ELEMENTS)
    is_own = found["explained_by"].isna() & found["beyond_composition"]
    return pd.concat([found[is_own], found[~is_own]]).head(MOST_ELEMENTS)


def _draw_elements(page: Page, *, unit: Unit, motifs: UnitMotifs) -> None:
    for line in describe_elements(motifs, unit):
        page.bullet(line)
    rows = _choose_elements(motifs)
    if rows.empty:
        page.paragraph("Too few sites have, or lack, a hit of any known element.")
        return
    error, correct = get_names(unit)
    columns = [
        Column("element", [_name_element(row) for row in rows.itertuples()]),
        Column("letters", rows["consensus"].tolist()),
        Column("region", [say_region(key) for key in rows["region"]]),
        Column(error, _write_shares(rows, "error_sites", "n_errors"), "right"),
        Column(correct, _write_shares(rows, "correct_sites", "n_correct"), "right"),
        Column("odds ratio [95 %]", [format_ratios(row) for row in rows.itertuples()]),
        Column("q", [format_q(q) for q in rows["q"]], "right"),
        Column("shuffled", _write_numbers(rows["shuffled_odds_ratio"]), "right"),
        Column("attr.", _write_numbers(rows["attribution_error"], True), "right"),
    ]
    width = BODY_WIDTH - FOREST_WIDTH - 0.25
    drawn = draw_table(page, columns, width=width, most_rows=MOST_ELEMENTS)
    left = MARGIN + width + 0.25
    ax = page.axes(left, drawn.top, FOREST_WIDTH, drawn.step * drawn.count)
    _plot_ratios(rows, ax, fdr=motifs.about["fdr"])
    ax.set_xlabel(f"odds ratio, {error} against {correct}", labelpad=2)
    page.top += 0.36
    chosen = (
        f"the {len(rows)} most significant"
        if rows["significant"].any()
        else f"the {len(rows)} lowest p values; none is significant"
    )
    page.caption(
        f"Shown: {chosen} (all in elements.tsv). Odds ratio: of an error with a hit in "
        "the region, adjusted for the composition of the rest of the window and for "
        "neighbouring sites, clustered by gene; q: Benjamini and Hochberg over all "
        "elements and regions. Shuffled: the odds ratio where the region's bases are "
        "shuffled, what its composition alone gives. Attr.: mean scaled attribution "
        f"per base of the hits in explained {error} (– with fewer than five). (← …): "
        "that element accounts for it. Red: more frequent in errors; blue: "
        "less; grey: not significant. Ratios beyond the axis lie at its end; regions "
        "overlap."
    )


def _name_element(row: Any) -> str:
    shared, name = row.explained_by, say_name(row.element)
    return f"{name} (← {say_name(shared)})" if isinstance(shared, str) else name


def _write_shares(rows: pd.DataFrame, hits: str, total: str) -> list[str]:
    return [
        f"{n / max(of, 1):.0%} ({n:,})"
        for n, of in zip(rows[hits], rows[total], strict=True)
    ]


def _write_numbers(values: pd.Series, is_signed: bool = False) -> list[str]:
    return [format_number(value, sign=is_signed) for value in values]


def _plot_ratios(rows: pd.DataFrame, ax: Axes, *, fdr: float) -> None:
    colors = [get_finding_colour(row, fdr) for row in rows.itertuples()]
    clipped = rows.assign(
        odds_ratio=rows["odds_ratio"].clip(*LIMITS),
        odds_ratio_low=rows["low"].clip(*LIMITS),
        odds_ratio_high=rows["high"].clip(*LIMITS),
        color=colors,
    )
    ax.set_xscale("log")
    plot_forest(clipped, ax, value="odds_ratio", reference=1.0)
    ax.set_xlim(LIMITS[0] * 0.85, LIMITS[1] / 0.85)
    ax.set_xticks(TICKS, ["1/64", "1/16", "1/4", "1", "4", "16", "64"])
    ax.minorticks_off()
