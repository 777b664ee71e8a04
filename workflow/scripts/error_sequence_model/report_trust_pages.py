"""The trust page: are the maps faithful, stable, and silent on shuffled labels?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.figures import plot_forest
from error_sequence_model.files import write_tsv
from error_sequence_model.report_data import ReportData, Unit
from error_sequence_model.report_layout import Page, PageSpec
from error_sequence_model.report_results import RunResults
from error_sequence_model.report_statistics import MapStatistics
from error_sequence_model.report_table import Column, draw_table
from error_sequence_model.report_words import (
    describe_control,
    format_interval,
    format_signed,
)
from error_sequence_model.style import BAD, BODY_WIDTH, GOOD, MARGIN, MUTED

EXPLANATIONS = (
    "Completeness: a map's sum should equal the change of the log-odds from the "
    "baseline input; shown is the relative error, median and 95th percentile.",
    "Deletion: the bases that the map ranks highest are replaced first; a faithful map "
    "loses more log-odds than a random order, so the difference lies above 0.",
    "Randomisation: with the model's weights drawn anew the map must change; shown is "
    "the rank correlation with the real map, whose size must stay below the limit.",
    "Planted truth: where the cause of an error is known (simulated data), how well "
    "the map finds its bases; AUROC 0.5 is chance.",
)


def make_trust_page(
    data: ReportData, statistics: Sequence[MapStatistics], focus: str
) -> PageSpec:
    """Specification of the trust page."""
    return PageSpec(
        "Can these maps be trusted?",
        partial(_draw_trust, data=data, statistics=statistics, focus=focus),
        f"predictor {data.predictor} · {focus} · checks of every leading model",
        "A map that failed a check carries that failure on every figure it is used in.",
    )


def _draw_trust(
    page: Page, *, data: ReportData, statistics: Sequence[MapStatistics], focus: str
) -> None:
    table = collect_checks(data.units)
    if table.empty:
        page.bullet(
            "No faithfulness.json is stored: none of the maps was checked. Read them "
            "as hypotheses only.",
            mark="bad",
        )
    else:
        write_tsv(data.tables / f"{focus}.checks.tsv", table)
        columns = [Column(name, table[name].tolist()) for name in table]
        draw_table(
            page, columns, size=8.5, most_rows=14, rest=f" in {focus}.checks.tsv"
        )
    for text in EXPLANATIONS:
        page.bullet(text, size=8.5)
    agreement = [line for entry in statistics for line in describe_agreement(entry)]
    if agreement:
        page.heading("Agreement")
        for line in agreement[: max(int((page.room - 1.2) / 0.33), 1)]:
            page.bullet(line, size=8.5)
    _draw_deletion(page, data, focus)
    page.heading("Negative control")
    if not data.controls:
        page.bullet(
            "No run with shuffled labels: add a contrast with shuffle_labels: true to "
            "see what the same report finds where nothing is to be found.",
            mark="open",
            size=8.5,
        )
    for unit in data.controls[:4]:
        text, mark = describe_control(unit)
        page.bullet(text, mark=mark, size=8.5)


def _draw_deletion(page: Page, data: ReportData, focus: str) -> None:
    """Log-odds lost by deletion beyond a random order, if there is room."""
    table = collect_deletion(data.units)
    height = 0.19 * len(table)
    if table.empty or page.room < height + 1.9:
        return
    write_tsv(data.tables / f"{focus}.deletion.tsv", table.drop(columns="color"))
    page.heading("Deletion against a random order")
    ax = page.axes(MARGIN + 3.2, page.top + 0.05, BODY_WIDTH - 3.3, height)
    plot_forest(table, ax, value="difference", reference=0.0)
    ax.set_yticks(range(len(table)), table["name"])
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("log-odds lost beyond a random order (above 0: faithful)")
    page.top += height + 0.55


def collect_deletion(units: Sequence[Unit]) -> pd.DataFrame:
    """Deletion checks of every method: difference to a random order, interval."""
    rows = []
    for unit in units:
        for method, result in (unit.lead.faithfulness.get("methods") or {}).items():
            check = result.get("deletion") or {}
            if check.get("area") is None or check.get("random_area") is None:
                continue
            low, high = check.get("interval") or (np.nan, np.nan)
            name = f"{unit.contrast} {unit.splice_type}, {method.replace('_', ' ')}"
            passed = check.get("passed")
            color = MUTED if passed is None else (GOOD if passed else BAD)
            difference = check["area"] - check["random_area"]
            rows.append((name, difference, low, high, color))
    columns = ["name", "difference", "difference_low", "difference_high", "color"]
    return pd.DataFrame(rows, columns=columns)


def collect_checks(units: Sequence[Unit]) -> pd.DataFrame:
    """Checks of every unit's leading model as text cells, one row per method."""
    rows = []
    for unit in units:
        faithfulness = unit.lead.faithfulness
        for method, result in (faithfulness.get("methods") or {}).items():
            rows.append(
                {
                    "contrast": unit.contrast,
                    "splice type": unit.splice_type,
                    "method": method.replace("_", " "),
                    "sites": str(faithfulness.get("n_sites", "–")),
                    "completeness": _say_completeness(result.get("completeness")),
                    "deletion": _say_deletion(result.get("deletion")),
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


def _say_deletion(result: dict[str, Any] | None) -> str:
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


def describe_agreement(statistics: MapStatistics) -> list[str]:
    """How well methods, and seeds, agree on the same sites."""
    unit, lines = statistics.unit, []
    where = f"{unit.contrast}, {statistics.splice_type}"
    for method in unit.lead.methods:
        if method != statistics.method:
            rho = _correlate(unit, unit.lead, statistics, method)
            if rho is not None:
                name = method.replace("_", " ")
                lines.append(
                    f"{where}: {statistics.method_name} and {name} agree with a median "
                    f"per-site rank correlation of {format_signed(rho)}."
                )
    for other in unit.models[1:]:
        if other.backbone == unit.lead.backbone and statistics.method in other.methods:
            rho = _correlate(unit, other, statistics, statistics.method)
            if rho is not None:
                lines.append(
                    f"{where}: seeds {unit.lead.seed} and {other.seed} of "
                    f"{other.backbone} agree with a median per-site rank correlation "
                    f"of {format_signed(rho)} ({statistics.method_name})."
                )
    return lines


def _correlate(
    unit: Unit, run: RunResults, statistics: MapStatistics, method: str
) -> float | None:
    """Median over shared sites of the rank correlation of two maps."""
    ours = statistics.explained
    theirs = unit.explained(run.attributions[method], statistics.splice_type)
    shared, left, right = np.intersect1d(
        ours.sites.index, theirs.sites.index, return_indices=True
    )
    if not len(shared) or ours.scores.shape[1] != theirs.scores.shape[1]:
        return None
    ranks = [
        pd.DataFrame(values).rank(axis=1).to_numpy()
        for values in (ours.scores[left][:200], theirs.scores[right][:200])
    ]
    centred = [r - r.mean(axis=1, keepdims=True) for r in ranks]
    scale = np.sqrt(np.prod([np.square(c).sum(axis=1) for c in centred], axis=0))
    product = (centred[0] * centred[1]).sum(axis=1)
    valid = scale > 0
    return float(np.median(product[valid] / scale[valid])) if valid.any() else None
