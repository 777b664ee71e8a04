"""The trust page: are the maps faithful, stable, and silent on shuffled labels?

First in words, then in curves: deletion, insertion, random weights, agreement.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from error_sequence_model.figures import (
    BODY_WIDTH,
    INK,
    MARGIN,
    MUTED,
    SERIES_COLOURS,
    Column,
    Page,
    PageSpec,
    draw_table,
    format_signed,
    measure_text,
)
from error_sequence_model.reports.findings.belief import sum_up_belief
from error_sequence_model.reports.findings.checks import (
    describe_agreement,
    describe_seeds,
)
from error_sequence_model.reports.findings.controls import (
    describe_control,
    describe_labels,
)
from error_sequence_model.reports.prose import explain, tell
from error_sequence_model.reports.sections.summary import CONTINUED
from error_sequence_model.results import ReportData, Unit

VIEW = "attention: "
FOOTER = "checks of every leading model"
MOST_ROWS, MOST_LINES, LINE = 14, 8, 0.2


def make_trust_pages(data: ReportData) -> list[PageSpec]:
    """Specifications of the trust page and of the pages of curves behind it."""
    page = PageSpec(
        "Can these maps be trusted?",
        partial(_draw_trust, data=data),
        data.footer(FOOTER),
        "A map that failed a check carries that failure on every figure it is used in.",
    )
    return [page, *make_curve_pages(data)]


def _draw_trust(page: Page, *, data: ReportData) -> None:
    table = collect_checks(data.units)
    if table.empty:
        page.bullet(
            "No faithfulness.json is stored: none of the maps was checked. Read them "
            "as hypotheses only.",
            mark="bad",
        )
    else:
        name = data.write("checks", table)
        shown = table[~table["method"].str.startswith(VIEW)]
        columns = [Column(name, shown[name].tolist()) for name in shown]
        draw_table(page, columns, size=8.5, most_rows=MOST_ROWS, rest=f" in {name}")
    if belief := sum_up_belief(data.units):
        page.bullet(belief, mark="bad", size=8.5)
    for text in tell("checks"):
        page.bullet(text, size=8.5)
    page.heading("Do methods and training seeds agree?")
    lines = [(text, "") for unit in data.units for text in describe_agreement(unit)]
    lines = [line for unit in data.units for line in describe_seeds(unit)] + lines
    _write_lines(page, lines, f" in {data.report}.agreement.tsv")
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
        [
            describe(unit, among=len(data.controls))
            for unit in controls
            for describe in (describe_control, describe_labels)
        ],
        "",
    )
    _draw_gate(page, [unit for unit in data.units if _get_methods(unit)][:2])


def _draw_gate(page: Page, units: Sequence[Unit]) -> None:
    """Draw what the gate of the first units measured, where the page has room."""
    height = min(page.room - 1.5, 2.0)
    if not units or height < 0.8:
        return
    page.heading("What a map's bases do, beside those of maps that know nothing")
    names = dict.fromkeys(name for unit in units for name in _get_methods(unit))
    colours = _choose_colours(names)
    _write_key(page, None, list(colours), colours)
    left, width = MARGIN + 0.5, (BODY_WIDTH - 0.5 - 3 * GAP) / 4
    for unit, mode in product(units, MODES):
        ax = page.axes(left, page.top + 0.2, width, height)
        plot_curves(_get_methods(unit), colours, ax, mode=mode)
        ax.set_title(f"{unit.name}: {mode}", pad=4, size=7.5)
        left += width + GAP
    page.top += height + 0.62
    page.caption(explain("gate"))


def _choose_colours(methods: Iterable[str]) -> dict[str, str]:
    return {
        name: SERIES_COLOURS[place % len(SERIES_COLOURS)]
        for place, name in enumerate(methods)
    }


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
                    "other site": _say_gain(result.get("other_site")),
                    "class mean": _say_gain(result.get("class_mean")),
                    "position": _say_gain(result.get("position_only")),
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


def _say_gain(result: dict[str, Any] | None) -> str:
    gains = [(result or {}).get(mode, {}).get("difference") for mode in MODES]
    if not result or gains == [None, None]:
        return "not checked"
    words = ["–" if gain is None else format_signed(gain) for gain in gains]
    return f"{_mark(result)}{' / '.join(words)}"


def _say_randomisation(result: dict[str, Any] | None) -> str:
    if not result or result.get("pearson") is None:
        return "not checked"
    return (
        f"{_mark(result)}r {format_signed(result['pearson'])}, "
        f"{result['top_overlap']:.0%} stay"
    )


def _say_planted(result: dict[str, Any] | None) -> str:
    if not result or result.get("auroc") is None:
        return "no known truth"
    position = result["position_only"]
    return (
        f"AUROC {result['auroc']:.2f} (position {position['auroc']:.2f}), "
        f"AUPRC {result['auprc']:.2f} ({position['auprc']:.2f})"
    )


UNITS_PER_PAGE = 3
PANEL, WIDTHS, GAP = 0.9, (2.25, 2.25, 2.1, 1.45), 0.63
ORDERS = ("own", "other_site", "class_mean", "position_only")
STYLES = {"class_mean": (0, (4, 3)), "position_only": ":", "own": "-"}
MODES = {
    "deletion": ("bases replaced (%)", "log-odds lost"),
    "insertion": ("bases put back (%)", "log-odds gained"),
}


def make_curve_pages(data: ReportData) -> list[PageSpec]:
    """Specifications of the pages of curves; none where nothing is stored."""
    units = [unit for unit in data.units if _get_methods(unit)]
    tabulate_curves(data, units)
    pages = []
    for start in range(0, len(units), UNITS_PER_PAGE):
        part = units[start : start + UNITS_PER_PAGE]
        pages.append(
            PageSpec(
                "What the checks measured" + (CONTINUED if start else ""),
                partial(_draw_units, units=part),
                data.footer(FOOTER),
                "A faithful map rises above the dashed line, its class's mean, and the "
                "dotted one, the bases next to the junction.",
            )
        )
    return pages


def _get_methods(unit: Unit) -> dict[str, Any]:
    """Methods with a stored curve."""
    methods = unit.lead.faithfulness.get("methods") or {}
    return {n: m for n, m in methods.items() if m.get("own")}


def tabulate_curves(data: ReportData, units: Sequence[Unit]) -> None:
    """Write the numbers behind the curves beside the report."""
    curves, gains, stages, pairs = [], [], [], []
    for unit in units:
        where = {"contrast": unit.contrast, "splice_type": unit.splice_type}
        stored = unit.lead.faithfulness
        every = {**stored["methods"], **(stored.get("attention_views") or {})}
        for method, checks in every.items():
            key = {**where, "method": method}
            for order, mode in product(ORDERS, MODES):
                check = (checks.get(order) or {}).get(mode) or {}
                row = {**key, "mode": mode, "order": order}
                points = zip(
                    check.get("shares", ()), check.get("curve", ()), strict=True
                )
                curves += [{**row, "share": s, "log_odds": v} for s, v in points]
                if check.get("interval"):
                    low, high = check["interval"]
                    gains.append({**row, "own_minus_this": check["difference"]})
                    gains[-1] |= {"low": low, "high": high, "sites": check["n_sites"]}
            cascade = (checks.get("randomisation") or {}).get("cascade") or []
            stages += [{**key, **entry} for entry in cascade]
        agreement = stored.get("agreement") or {}
        names = agreement.get("methods") or []
        for i, j in np.ndindex(len(names), len(names)):
            value = agreement["rank_correlation"][i][j]
            pairs.append({**where, "first": names[i], "second": names[j]})
            pairs[-1]["rank_correlation"] = value
    tables = {"curves": curves, "gate": gains, "cascade": stages, "agreement": pairs}
    for name, rows in tables.items():
        if rows:
            data.write(name, pd.DataFrame(rows))


def _draw_units(page: Page, *, units: Sequence[Unit]) -> None:
    for unit in units:
        methods = _get_methods(unit)
        colours = _choose_colours(methods)
        page.heading(unit.name)
        agreement = unit.lead.faithfulness.get("agreement") or {}
        names = list(dict.fromkeys([*methods, *(agreement.get("methods") or [])]))
        _write_key(page, unit, names, colours)
        left = MARGIN + 0.5
        panels = []
        for width in WIDTHS:
            panels.append(page.axes(left, page.top + 0.2, width, PANEL))
            left += width + GAP
        for ax, mode in zip(panels, MODES, strict=False):
            plot_curves(methods, colours, ax, mode=mode)
            ax.set_title(mode.capitalize(), pad=4)
        plot_cascade(methods, colours, panels[2])
        panels[2].set_title("Weights drawn anew", pad=4)
        plot_agreement(agreement, names, panels[3])
        panels[3].set_title("Agreement", pad=4)
        page.top += PANEL + 0.62
    page.caption(explain("checks"))


def _write_key(
    page: Page, unit: Unit | None, names: Sequence[str], colours: dict[str, str]
) -> None:
    """Numbered names of the maps, those with curves in their colour, and verdicts."""
    place = MARGIN
    for number, name in enumerate(names, start=1):
        passed = unit and unit.lead.has_passed(name)
        verdict = {True: " ✓", False: " ✗"}.get(passed, "") if name in colours else ""
        text = f"{number} {name.replace('_', ' ')}{verdict}"
        if place + 0.2 + measure_text(text, 7.5) > MARGIN + BODY_WIDTH:
            place, page.top = MARGIN, page.top + 0.16
        if name in colours:
            page.fill(place, page.top + 0.03, 0.14, 0.05, color=colours[name])
            place += 0.18
        color = INK if name in colours else MUTED
        page.write(text, place, page.top, size=7.5, color=color)
        place += measure_text(text, 7.5) + 0.22
    page.top += 0.2


def plot_curves(
    methods: dict[str, Any], colours: dict[str, str], ax: Axes, *, mode: str
) -> Axes:
    """Draw deletion or insertion curves of several methods with what they must beat.

    Args:
        methods: Checks by method.
        colours: Colour by method.
        ax: Where to draw.
        mode: "deletion" or "insertion".
    """
    for name, checks in methods.items():
        for order, style in STYLES.items():
            check = (checks.get(order) or {}).get(mode) or {}
            if not check.get("curve"):
                continue
            color = MUTED if order == "position_only" else colours[name]
            shares = 100 * np.r_[0.0, check["shares"]]
            values = np.r_[0.0, check["curve"]]
            ax.plot(shares, values, color=color, lw=1.2, ls=style, marker=".", ms=3)
    ax.axhline(0, color=MUTED, lw=0.5)
    x_label, y_label = MODES[mode]
    ax.set_xlabel(x_label, labelpad=1)
    ax.set_ylabel(y_label, labelpad=2)
    ax.locator_params(nbins=4)
    return ax


def plot_cascade(methods: dict[str, Any], colours: dict[str, str], ax: Axes) -> Axes:
    """Draw the correlation with the real map by how much was drawn anew."""
    stages: list[str] = []
    for name, checks in methods.items():
        check = checks.get("randomisation") or {}
        cascade = check.get("cascade") or []
        stages = [entry["stage"] for entry in cascade] or stages
        values = [entry["pearson"] for entry in cascade]
        heights = [np.nan if value is None else value for value in values]
        ax.plot(range(len(heights)), heights, color=colours[name], marker=".", lw=1.2)
        if cascade:
            limit = check["limits"]["pearson"]
            ax.axhspan(-limit, limit, color="#EDEDED", lw=0, zorder=0)
    ax.set(ylim=(-1.05, 1.05), yticks=[-1, 0, 1])
    ax.set_xticks(range(len(stages)), [stage.replace(" ", "\n", 1) for stage in stages])
    ax.tick_params(axis="x", labelsize=6.5)
    if stages:
        ax.set_xlim(-0.3, len(stages) - 0.7)
    ax.set_ylabel("correlation", labelpad=2)
    return ax


def plot_agreement(agreement: dict[str, Any], names: Sequence[str], ax: Axes) -> Axes:
    """Draw the rank correlations between maps, numbered as in ``names``."""
    stored = list(agreement.get("methods") or [])
    places = [stored.index(name) for name in names if name in stored]
    numbers = [str(names.index(stored[place]) + 1) for place in places]
    matrix = np.array(agreement.get("rank_correlation") or [[]], dtype=float)
    size = len(places)
    if size:
        matrix = matrix[np.ix_(places, places)]
        ax.pcolormesh(np.nan_to_num(matrix), cmap="RdBu_r", vmin=-1.2, vmax=1.2)
        for i, j in np.ndindex(size, size):
            if size <= 8 and i != j and np.isfinite(matrix[i, j]):
                text = f"{matrix[i, j]:.1f}".replace("-", "−").replace("0.", ".")
                color = "white" if abs(matrix[i, j]) > 0.65 else INK
                ax.text(
                    j + 0.5,
                    i + 0.5,
                    text,
                    ha="center",
                    va="center",
                    size=6,
                    color=color,
                )
    middles = np.arange(size) + 0.5
    ax.set_xticks(middles, numbers, size=6.5)
    ax.set_yticks(middles, numbers, size=6.5)
    ax.tick_params(length=0, pad=1)
    ax.spines[:].set_visible(False)
    ax.invert_yaxis()
    return ax
