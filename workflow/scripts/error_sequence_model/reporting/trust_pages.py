"""The trust page: are the maps faithful, stable, and silent on shuffled labels?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import pandas as pd

from error_sequence_model.files import write_tsv
from error_sequence_model.reporting.checks import (
    describe_labels,
    describe_methods,
    describe_seeds,
)
from error_sequence_model.reporting.data import ReportData, Unit
from error_sequence_model.reporting.layout import Page, PageSpec
from error_sequence_model.reporting.table import Column, draw_table
from error_sequence_model.reporting.trust_curves import make_curve_pages
from error_sequence_model.reporting.words import (
    describe_control,
    format_interval,
    format_signed,
)

VIEW = "attention: "
EXPLANATIONS = (
    "Completeness: a map's sum should equal the change of the log-odds from the "
    "baseline input; shown is the relative error, median and 95th percentile.",
    "Deletion and insertion: the bases that the map ranks highest are replaced, or put "
    "back, first; shown are the log-odds moved beyond a random order: above 0 is "
    "faithful.",
    "Randomisation: with all weights drawn anew the map must change; shown is the rank "
    "correlation with the real map, the median of several draws, whose size must stay "
    "below the limit.",
    "Planted truth: where the cause of an error is known (simulated data), how well "
    "the map finds its bases; AUROC 0.5 is chance.",
)
MOST_ROWS, MOST_LINES, LINE = 14, 8, 0.2


def make_trust_pages(data: ReportData, focus: str) -> list[PageSpec]:
    """Specifications of the trust page and of the pages of curves behind it."""
    page = PageSpec(
        "Can these maps be trusted?",
        partial(_draw_trust, data=data, focus=focus),
        f"predictor {data.predictor} · {focus} · checks of every leading model",
        "A map that failed a check carries that failure on every figure it is used in.",
    )
    return [page, *make_curve_pages(data, focus)]


def _draw_trust(page: Page, *, data: ReportData, focus: str) -> None:
    table = collect_checks(data.units)
    if table.empty:
        page.bullet(
            "No faithfulness.json is stored: none of the maps was checked. Read them "
            "as hypotheses only.",
            mark="bad",
        )
    else:
        write_tsv(data.tables / f"{focus}.checks.tsv", table)
        shown = table[~table["method"].str.startswith(VIEW)]
        columns = [Column(name, shown[name].tolist()) for name in shown]
        rest = f" in {focus}.checks.tsv"
        draw_table(page, columns, size=8.5, most_rows=MOST_ROWS, rest=rest)
    for text in EXPLANATIONS:
        page.bullet(text, size=8.5)
    page.heading("Do methods and training seeds agree?")
    lines = [(text, "") for unit in data.units for text in describe_methods(unit)]
    lines = [line for unit in data.units for line in describe_seeds(unit)] + lines
    _write_lines(page, lines, f" in {focus}.agreement.tsv")
    page.heading("Negative control")
    if not data.controls:
        page.bullet(
            "No run with shuffled labels: add a contrast with shuffle_labels: true to "
            "see what the same report finds where nothing is to be found.",
            mark="open",
            size=8.5,
        )
    controls = data.controls[:4]
    _write_lines(
        page,
        [f(unit) for unit in controls for f in (describe_control, describe_labels)],
        "",
    )


def _write_lines(page: Page, lines: Sequence[tuple[str, str]], rest: str) -> None:
    """Write bullets while there is room, and say how many are left out."""
    room = max(int((page.room - 1.0) / (2 * LINE)), 1)
    shown = lines[: min(room, MOST_LINES)]
    for text, mark in shown:
        page.bullet(text, mark=mark, size=8.5)
    if len(lines) > len(shown):
        page.caption(f"… and {len(lines) - len(shown)} more{rest}")


def collect_checks(units: Sequence[Unit]) -> pd.DataFrame:
    """Checks of every unit's leading model as text cells, one row per map.

    Views of attention beside its mean have a name that starts with ``VIEW``.
    """
    rows = []
    for unit in units:
        faithfulness = unit.lead.faithfulness
        views = faithfulness.get("attention_views") or {}
        every = dict(faithfulness.get("methods") or {})
        every |= {VIEW + n: v for n, v in views.items() if "undefined" not in v}
        for method, result in every.items():
            rows.append(
                {
                    "contrast": unit.contrast,
                    "splice type": unit.splice_type,
                    "method": method.replace("_", " "),
                    "sites": str(faithfulness.get("n_sites", "–")),
                    "completeness": _say_completeness(result.get("completeness")),
                    "deletion": _say_curve(result.get("deletion")),
                    "insertion": _say_curve(result.get("insertion")),
                    "randomisation": _say_randomisation(result.get("randomisation")),
                    "planted truth": _say_planted(result.get("planted")),
                    "verdict": _say_passed(result.get("passed")),
                }
            )
    return pd.DataFrame(rows)


def _say_passed(passed: Any) -> str:
    if passed is None:
        return "○ not checked"
    return "✓ passed" if passed else "✗ FAILED"


def _mark(result: dict[str, Any]) -> str:
    passed = result.get("passed")
    return "" if passed is None else ("✓ " if passed else "✗ ")


def _say_completeness(result: dict[str, Any] | None) -> str:
    if not result or result.get("median") is None:
        return "not defined"
    tail = f", p95 {result['p95']:.1%}" if result.get("p95") is not None else ""
    return f"{_mark(result)}{result['median']:.1%}{tail}"


def _say_curve(result: dict[str, Any] | None) -> str:
    if not result or result.get("area") is None:
        return "not checked"
    difference = result["area"] - (result.get("random_area") or 0.0)
    interval = format_interval(result.get("interval"))
    return f"{_mark(result)}{format_signed(difference)}{interval}"


def _say_randomisation(result: dict[str, Any] | None) -> str:
    if not result or result.get("rank_correlation") is None:
        return "not checked"
    limit = f" (limit {result['limit']:.2g})" if result.get("limit") is not None else ""
    return f"{_mark(result)}ρ {format_signed(result['rank_correlation'])}{limit}"


def _say_planted(result: dict[str, Any] | None) -> str:
    if not result or result.get("auroc") is None:
        return "no known truth"
    base = result.get("base_rate")
    n = f", {result['n_sites']} sites" if result.get("n_sites") is not None else ""
    rate = f" (chance {base:.2f})" if base is not None else ""
    auprc = result.get("auprc")
    second = f", AUPRC {auprc:.2f}{rate}" if auprc is not None else ""
    return f"{_mark(result)}AUROC {result['auroc']:.2f}{second}{n}"
