"""The overview's first table: every contrast and splice type in one row of answers."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from error_sequence_model.reporting.answers import rank_causes
from error_sequence_model.reporting.causes import read_unit_causes
from error_sequence_model.reporting.data import Unit
from error_sequence_model.reporting.layout import Page
from error_sequence_model.reporting.motifs import (
    format_ratio,
    read_unit_motifs,
    say_place,
)
from error_sequence_model.reporting.table import Column, draw_table
from error_sequence_model.reporting.words import (
    format_interval,
    format_number,
    measure_gain,
)

MOST_HEIGHT = 2.2  # inches, of the table
RIGHT = ("errors", "correct", "named causes")


def collect_answers(units: Sequence[Unit]) -> pd.DataFrame:
    """One row of text cells per unit; what is not stored is a dash."""
    return pd.DataFrame([_answer(unit) for unit in units])


def _answer(unit: Unit) -> dict[str, str]:
    metrics, gain = unit.lead.metrics, measure_gain(unit)
    intervals = metrics.get("intervals") or {}
    is_error = unit.test_sites["label"] == unit.positive_label
    row = {
        "told apart": unit.pair,
        "splice type": unit.splice_type,
        "errors": f"{int(is_error.sum()):,}",
        "correct": f"{int((~is_error).sum()):,}",
        "AUROC [95 %]": format_number(metrics.get("auroc"))
        + format_interval(intervals.get("auroc")),
        "Δ AUPRC to best baseline": "–",
        "main cause": "–",
        "named causes": "–",
        "strongest motif": "–",
        "maps": "○ not checked",
    }
    if gain is not None:
        sign = {"good": "✓ ", "bad": "✗ "}.get(gain.mark, "")
        number = format_number(gain.delta, sign=True)
        row["Δ AUPRC to best baseline"] = (
            f"{sign}{number}{format_interval((gain.low, gain.high))}"
        )
    row |= _answer_causes(unit)
    motifs = read_unit_motifs(unit)
    if motifs is not None:
        found = motifs.significant
        row["strongest motif"] = "none"
        if len(found):
            first = next(found.itertuples())
            ratio = format_ratio(first.odds_ratio)
            letters = first.consensus.strip("N")
            place = say_place(first).split(",")[0]
            row["strongest motif"] = f"{letters}, {place} (OR {ratio})"
    if unit.lead.methods and unit.lead.has_passed(unit.lead.methods[0]):
        is_attention = unit.lead.has_passed("attention") is not False
        row["maps"] = "✓ passed" if is_attention else "✓ attention ✗"
    elif unit.lead.faithfulness:
        row["maps"] = "✗ FAILED"
    return row


def _answer_causes(unit: Unit) -> dict[str, str]:
    causes = read_unit_causes(unit)
    coverage = causes.summary.get("coverage") if causes else None
    if not coverage or not coverage.get("errors"):
        return {}
    found = rank_causes(causes)
    if found.empty:
        return {"main cause": "none", "named causes": "0%"}
    first = next(found.itertuples())
    ratio = format_ratio(first.odds_ratio)
    return {
        "main cause": f"{first.cause} (OR {ratio})",
        "named causes": f"{max(coverage.get('excess') or 0, 0):.0%}",
    }


def draw_answers(page: Page, table: pd.DataFrame) -> None:
    """Draw the rows and say what their columns mean."""
    columns = [
        Column(name, table[name].tolist(), "right" if name in RIGHT else "left")
        for name in table
    ]
    draw_table(
        page,
        columns,
        most_rows=14,
        rest=" in overview.answers.tsv",
        wrap_within=MOST_HEIGHT,
    )
    page.caption(
        "Errors, correct: sites of the held-out test part. ✓ the language model adds, "
        "✗ it adds nothing measurable or is worse. Main cause: the enriched named "
        "cause that most more errors have than correct calls; named causes: share of "
        "the errors that all of them account for beyond the correct calls. OR: odds "
        "ratio of an error. Maps: the checks of the trust page; attention ✗: "
        "its own check failed."
    )
