"""The performance page of a unit: curves, calibration, confusion, score table."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd

from error_sequence_model.figures import (
    BODY_WIDTH,
    MARGIN,
    SERIES_COLOURS,
    Column,
    Page,
    PageSpec,
    draw_table,
    format_scores,
    get_areas,
    get_curves,
    get_reliability,
    measure_text,
    plot_confusion,
    plot_curve,
    plot_forest,
    plot_reliability,
    say_nothing_to_draw,
)
from error_sequence_model.reports.findings.gain import describe_gain
from error_sequence_model.reports.prose import explain
from error_sequence_model.results import ReportData, Unit, get_predicted

MINIMUM_CLASS = 2
PANEL = 1.5
KIND_COLOURS = {"backbone": "#0072B2", "baseline": "#7F7F7F", "reference": "#E69F00"}
KIND_ORDER = {"backbone": 0, "hybrid": 1, "ensemble": 2, "baseline": 3, "reference": 4}
# A page's units; inches of the last caption, and of what is around a unit's panels.
UNITS, NOTE, AROUND = 2, 0.42, 1.8
SIZE, ROW = 7.5, 7.5 * 1.75 / 72  # type of the table and height of its rows
AXIS = 0.42  # inches below the table for the axis of its forest


def make_performance_pages(data: ReportData, units: Sequence[Unit]) -> list[PageSpec]:
    """Specifications of the pages of all units' curves."""
    parts = [units[n : n + UNITS] for n in range(0, len(units), UNITS)]
    return [
        PageSpec(
            f"Performance{' (continued)' * bool(number)}",
            partial(_draw_performance, data=data, units=part),
            data.footer(),
            "Can the errors be told from sequence? Held-out test part only; the error "
            "is the positive class.",
        )
        for number, part in enumerate(parts)
    ]


def make_score_page(data: ReportData, unit: Unit) -> PageSpec:
    """Specification of the page of every model's scores."""
    return PageSpec(
        f"Scores of every model: {unit.name}",
        partial(_draw_score_table, data=data, unit=unit),
        unit.footer(),
        "All on the same held-out test sites.",
    )


def _draw_performance(page: Page, *, data: ReportData, units: Sequence[Unit]) -> None:
    panel = min((page.room - NOTE) / len(units) - AROUND, PANEL)
    for unit in units:
        page.heading(unit.name)
        text, mark = describe_gain(unit)
        page.bullet(text, mark=mark, size=8.5)
        _draw_panels(page, data, unit, panel)
        scores = collect_score_table(unit)
        data.write("scores", scores.drop(columns="color"), unit.key)
        positive = int((unit.predicted["label"] == unit.positive_label).sum())
        n = len(unit.predicted)
        page.caption(explain("performance", unit=unit, n=n, positive=positive))
    page.caption(explain("performance_panels"))


def _draw_panels(page: Page, data: ReportData, unit: Unit, panel: float) -> None:
    step = (BODY_WIDTH - 0.5 - 4 * panel) / 3 + panel
    top = page.top
    page.top += 0.18
    panels = [
        page.axes(MARGIN + 0.5 + i * step, page.top + 0.22, panel, panel)
        for i in range(4)
    ]
    titles = ("Precision–recall", "ROC", "Reliability", "Confusion")
    for ax, title in zip(panels, titles, strict=True):
        ax.set_title(title, pad=4)
    names = _draw_curves(panels[:3], data, unit)
    _draw_legend(page, names, top)
    confusion = unit.lead.metrics.get("confusion")
    if confusion:
        is_binary = len(unit.lead.classes) == 2
        names = unit.names[::-1] if is_binary else unit.lead.classes
        plot_confusion(np.array(confusion), names, panels[3])
        frame = pd.DataFrame(confusion, index=names, columns=names)
        data.write("confusion", frame.reset_index(names="truth"), unit.key)
    else:
        say_nothing_to_draw(
            panels[3], "metrics.json with a confusion matrix is missing."
        )
    page.top += 0.22 + panel + 0.42


def _draw_curves(panels: list, data: ReportData, unit: Unit) -> list[str]:
    shown, seen = [], set()
    for run in unit.models:
        table = get_predicted(unit, run)
        if run.backbone in seen or table.empty:
            continue
        seen.add(run.backbone)
        shown.append((run, table))
    positive = [int((t["label"] == unit.positive_label).sum()) for _, t in shown]
    enough = [
        min(p, len(t) - p) >= MINIMUM_CLASS
        for p, (_, t) in zip(positive, shown, strict=True)
    ]
    if not shown or not any(enough):
        n = f"{positive[0]} positive of {len(shown[0][1])}" if shown else "no predicted"
        reason = f"Too few test sites for a curve: {n} sites."
        for ax in panels:
            say_nothing_to_draw(ax, reason)
        return []
    pr, roc, tables, rows, names = [], [], [], [], []
    for (run, table), is_enough in zip(shown, enough, strict=True):
        if not is_enough or len(pr) == len(SERIES_COLOURS):
            continue
        truth = (table["label"] == unit.positive_label).to_numpy()
        probability = table["probability"].to_numpy()
        precision, recall = get_curves(truth, table["rank"].to_numpy())
        # Each fold by itself, as in the table of scores.
        ap, auc = np.average(
            [
                get_areas(truth[at], probability[at])
                for at in table.groupby("tested_in").indices.values()
            ],
            axis=0,
            weights=table["tested_in"].value_counts(sort=False).sort_index(),
        )
        names.append(f"{run.name}: AUPRC {ap:.2f}, AUROC {auc:.2f}")
        pr.append((run.backbone, precision))
        roc.append((run.backbone, recall))
        tables.append((run.backbone, get_reliability(truth, probability)))
        for kind, curve in (("pr", precision), ("roc", recall)):
            rows.append(
                pd.DataFrame(
                    {"model": run.name, "curve": kind, "x": curve.x, "y": curve.y}
                )
            )
    share = float((shown[0][1]["label"] == unit.positive_label).mean())
    plot_curve(pr, panels[0], kind="pr", prevalence=share)
    plot_curve(roc, panels[1], kind="roc")
    plot_reliability(tables, panels[2])
    data.write("curves", pd.concat(rows), unit.key)
    reliability = pd.concat([t.assign(model=name) for name, t in tables])
    data.write("reliability", reliability, unit.key)
    return names


def _draw_legend(page: Page, names: list[str], top: float) -> None:
    """One line for all panels, above them, where no curve can run through it."""
    place = MARGIN
    for name, color in zip(names, SERIES_COLOURS, strict=False):
        width = measure_text(name, 8.5) + 0.55
        if place + width > MARGIN + BODY_WIDTH + 0.3:
            place, top = MARGIN, top + 0.2
            page.top = max(page.top, top + 0.2)
        page.fill(place, top + 0.03, 0.22, 0.06, color=color)
        page.write(name, place + 0.3, top, size=8.5)
        place += width + 0.1


def collect_score_table(unit: Unit) -> pd.DataFrame:
    """``comparison.tsv`` in drawing order, or the runs' own metrics without it."""
    table = unit.comparison
    if table is None or "auprc" not in table:
        table = pd.DataFrame([run.scores for run in unit.runs])
    names = "auprc auprc_low auprc_high auroc auroc_low auroc_high prevalence n_sites "
    names += "delta_auprc delta_low delta_high"
    table = table.assign(**{n: np.nan for n in names.split() if n not in table})
    numbers = dict.fromkeys(names.split(), float)
    table = table.astype(numbers)
    rank = table["kind"].map(KIND_ORDER).fillna(9)
    table = table.assign(rank=rank).sort_values(
        ["rank", "auprc"], ascending=[True, False], kind="stable"
    )
    color = table["kind"].map(KIND_COLOURS).fillna("#009E73")
    return table.drop(columns="rank").assign(color=color).reset_index(drop=True)


def make_score_columns(table: pd.DataFrame) -> list[Column]:
    """Text columns of a score table."""

    def get_scores(name: str, ends: str = "", *, sign: bool = False) -> list[str]:
        columns = name, f"{ends or name}_low", f"{ends or name}_high"
        return format_scores(table, columns, sign=sign)

    def get_plain(name: str) -> list[str]:
        if name not in table:
            return ["–"] * len(table)
        return [_write_integer(v) for v in table[name]]

    return [
        Column("model", table["model"].astype(str).tolist()),
        Column("kind", table["kind"].astype(str).tolist()),
        Column("seed", get_plain("seed"), "right"),
        Column("fold", get_plain("fold"), "right"),
        Column("sites", get_plain("n_sites"), "right"),
        Column("AUPRC [95 %]", get_scores("auprc")),
        Column("AUROC [95 %]", get_scores("auroc")),
        Column("Δ to best baseline", get_scores("delta_auprc", "delta", sign=True)),
    ]


def _write_integer(value: object) -> str:
    if isinstance(value, str):
        return value
    return "–" if value is None or not np.isfinite(value) else f"{int(value):,}"


def _draw_score_table(page: Page, *, data: ReportData, unit: Unit) -> None:
    table = collect_score_table(unit)
    name = f"{data.report}.{unit.key}.scores.tsv"
    if table.empty or table["auprc"].isna().all():
        page.bullet("No scores are stored for this contrast.", mark="bad")
        return
    fits = (len(table) + 1) * ROW + AXIS <= page.room
    most = len(table) if fits else max(int((page.room - AXIS - 0.25) / ROW) - 1, 3)
    rows = draw_table(
        page,
        make_score_columns(table),
        width=BODY_WIDTH - 2.6,
        size=SIZE,
        most_rows=most,
        rest=f" in {name}",
    )
    left = MARGIN + rows.width + 0.3
    width = min(MARGIN + BODY_WIDTH - left, 3.6)
    ax = page.axes(left, rows.top, width, rows.step * rows.count)
    shown = table.head(most)
    plot_forest(shown, ax, value="auprc", marks="prevalence")
    ax.set_xlabel("AUPRC (tick: prevalence)", labelpad=2)
    page.top += 0.42
