"""The overview's pages: everything about one predictor side by side.

First every contrast and splice type in one row of answers, then the tables of every
model's scores and of every named region, with forests.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd

from error_sequence_model.causes import label_explanation
from error_sequence_model.figures import (
    BAD,
    BODY_WIDTH,
    CLASS_NAMES,
    MARGIN,
    NEGATIVE,
    POSITIVE,
    RULE,
    Block,
    Column,
    Page,
    PageSpec,
    draw_blocks,
    draw_table,
    format_interval,
    format_number,
    format_p,
    format_ratio,
    format_signed,
    get_limit,
    mark_junction,
    plot_forest,
    plot_profile,
    say_nothing_to_draw,
    split_blocks,
)
from error_sequence_model.reports.findings.answers import (
    answer_controls,
    describe_in_short,
    make_answer_blocks,
)
from error_sequence_model.reports.findings.explanations import read_unit_explanations
from error_sequence_model.reports.findings.gain import measure_gain
from error_sequence_model.reports.findings.statistics import (
    MapStatistics,
    collect_statistics,
    write_statistics,
)
from error_sequence_model.reports.prose import explain
from error_sequence_model.reports.sections.maps import OFFSET_LABEL
from error_sequence_model.reports.sections.methods import make_methods_pages
from error_sequence_model.reports.sections.outside import make_outside_pages
from error_sequence_model.reports.sections.peers import make_peer_pages
from error_sequence_model.reports.sections.performance import (
    collect_score_table,
    make_score_columns,
)
from error_sequence_model.reports.sections.summary import (
    FORESTS,
    collect_scores,
    count_sites,
    draw_forest,
)
from error_sequence_model.results import ReportData, Unit
from error_sequence_model.windows import get_zoom

PANELS_PER_PAGE = 4


def plan_overview(data: ReportData) -> list[PageSpec]:
    """The pages of ``overview.pdf``, in order."""
    statistics = collect_statistics(data)
    for entry in statistics:
        write_statistics(entry)
    return [
        *_make_summary_pages(data, statistics),
        *make_score_pages(data),
        *make_peer_pages(data),
        *make_outside_pages(data),
        *_make_profile_pages(data, statistics),
        *make_region_pages(data, statistics),
        *make_methods_pages(data),
    ]


def _make_summary_pages(
    data: ReportData, statistics: Sequence[MapStatistics]
) -> list[PageSpec]:
    title = f"Overview of {data.predictor}"
    subtitle = "Held-out test part throughout; intervals: 95 % bootstrap over genes."
    draw = partial(_draw_summary, data=data)
    pages = [PageSpec(title, draw, data.footer(), subtitle)]
    # The first page has said the short of it.
    blocks = make_answer_blocks(data, statistics)[2:]
    while data.units and blocks:
        part, blocks = split_blocks(blocks, BODY_WIDTH)
        draw = partial(draw_blocks, blocks=part, width=BODY_WIDTH)
        name = f"{title} (continued)"
        pages.append(PageSpec(name, draw, data.footer(), subtitle))
    return pages


def _list_reports(data: ReportData) -> str:
    parts = []
    for name, words in CLASS_NAMES.items():
        units = [u for u in data.units if (u.sites["pred_type"] == name).any()]
        if units:
            pairs = ", ".join(dict.fromkeys(unit.pair for unit in units))
            parts.append(f"attention_{name}.pdf ({words}s): {pairs}")
    return f"Reports beside this one: {'; '.join(parts)}; sites.html: every site."


def _draw_summary(page: Page, *, data: ReportData) -> None:
    page.paragraph(describe_in_short(data.units), size=9.5)
    if data.units:
        table = collect_answers(data.units)
        data.write("answers", table)
        page.top += 0.05
        draw_answers(page, table)
    else:
        text = "No contrast was trained: add one under contrasts: in the config."
        page.bullet(text, mark="bad")
    top, side = page.top, 4.6
    counts = count_sites(data.sites)
    data.write("sites", counts.reset_index())
    page.heading("Sites", width=side)
    columns = [Column("call", [f"{n} ({CLASS_NAMES[n]})" for n in counts.index])]
    for name in counts:
        columns.append(Column(name, [f"{v:,}" for v in counts[name]], "right"))
    columns.append(Column("all", [f"{v:,}" for v in counts.sum(axis=1)], "right"))
    draw_table(page, columns, width=side, size=8.5)
    bottom, page.top = page.top, top
    left, width = MARGIN + side + 0.4, BODY_WIDTH - side - 0.4
    page.heading("Controls and notes", left=left, width=width)
    for text, mark in answer_controls(data)[:8]:
        page.bullet(text, mark=mark, left=left, width=width, size=8.5)
    page.top = max(page.top, bottom)
    page.caption(_list_reports(data))
    if data.units and page.room > 2.0:
        scores, top = collect_scores(data.units), page.top
        for place, value in enumerate(FORESTS):
            page.top = top
            left = MARGIN + place * (BODY_WIDTH / 2 + 0.1)
            draw_forest(page, scores, value, left=left, width=BODY_WIDTH / 2 - 0.1)


def _make_profile_pages(
    data: ReportData, statistics: Sequence[MapStatistics]
) -> list[PageSpec]:
    pages = []
    for start in range(0, len(statistics), PANELS_PER_PAGE):
        part = statistics[start : start + PANELS_PER_PAGE]
        title = "Where the models look, side by side"
        title += " (continued)" if start else ""
        subtitle = "Scaled attribution: positive speaks for an error, on one scale."
        draw = partial(_draw_profiles, statistics=part)
        pages.append(PageSpec(title, draw, data.footer(), subtitle))
    return pages


def _draw_profiles(page: Page, *, statistics: Sequence[MapStatistics]) -> None:
    limit = get_limit([a for s in statistics for p in s.comparison[:2] for a in p[:3]])
    width, height = (BODY_WIDTH - 1.2) / 2, 2.0
    top = page.top + 0.15
    for place, entry in enumerate(statistics):
        row, column = divmod(place, 2)
        left = MARGIN + 0.5 + column * (width + 0.7)
        ax = page.axes(left, top + row * (height + 0.95) + 0.25, width, height)
        plot_profile(entry.offsets, entry.explained.names, entry.comparison[:2], ax)
        mark_junction(ax, splice_type=entry.splice_type)
        upstream, downstream = -int(entry.offsets[0]), int(entry.offsets[-1]) + 1
        start, end = get_zoom(entry.splice_type, upstream, downstream)
        ax.set(xlim=(start - 0.5, end - 0.5), ylim=(-limit, limit))
        ax.axhline(0, color=RULE, lw=0.6, zorder=0)
        title = f"{entry.unit.name_at(entry.splice_type)} · {entry.unit.lead.name}"
        ax.set_title(title, pad=14, size=8.5)
        ax.set_xlabel(OFFSET_LABEL)
        ax.legend(loc="upper left", handlelength=1.2)
        if entry.warning:
            ax.text(
                0.99,
                0.03,
                "check failed: see the report"
                if "FAILED" in entry.warning
                else "not checked",
                transform=ax.transAxes,
                ha="right",
                color=BAD,
                size=7.5,
                weight="bold",
            )
        if column == 0:
            ax.set_ylabel("scaled attribution")
    page.top = top + ((len(statistics) + 1) // 2) * (height + 0.95) + 0.1
    methods = list(dict.fromkeys(entry.method_name for entry in statistics))
    page.caption(explain("side_by_side", methods=methods))


ROWS_PER_PAGE = 28


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
    footer = data.footer()
    title = "Every model, every contrast"
    if not tables:
        block = Block("bullet", "No scores are stored.", "bad")
        draw = partial(draw_blocks, blocks=[block], width=BODY_WIDTH)
        return [PageSpec(title, draw, footer)]
    table = pd.concat(tables, ignore_index=True)
    data.write("scores", table.drop(columns="color"))
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
    page.caption(explain("every_model"))


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
    data.write("regions", table)
    pages = []
    for start in range(0, len(table), ROWS_PER_PAGE):
        part = table.iloc[start : start + ROWS_PER_PAGE].reset_index(drop=True)
        title = "Named regions, side by side" + (" (continued)" if start else "")
        subtitle = "Error minus correct: red speaks more for an error, blue less."
        draw = partial(_draw_regions, table=part, draws=data.inputs.draws)
        pages.append(PageSpec(title, draw, data.footer(), subtitle))
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
        label="error − correct, attribution in log-odds",
    )
    page.top += 0.32
    page.caption(explain("every_region"))


MOST_HEIGHT = 2.2  # inches, of the table
RIGHT = ("errors", "correct", "explained")


def collect_answers(units: Sequence[Unit]) -> pd.DataFrame:
    """One row of text cells per unit; what is not stored is a dash."""
    return pd.DataFrame([_answer(unit) for unit in units])


def _answer(unit: Unit) -> dict[str, str]:
    metrics, gain = unit.lead.metrics, measure_gain(unit)
    is_error = unit.test_sites["label"] == unit.positive_label
    row = {
        "told apart": unit.pair,
        "splice type": unit.splice_type,
        "errors": f"{int(is_error.sum()):,}",
        "correct": f"{int((~is_error).sum()):,}",
        "AUROC [95 %]": format_number(metrics.get("auroc"))
        + format_interval(unit.lead.get_interval("auroc")),
        "Δ AUPRC to best baseline": "–",
        "first explanation": "–",
        "explained": "–",
        "maps": "○ not checked",
    }
    if gain is not None:
        sign = {"good": "✓ ", "bad": "✗ "}.get(gain.mark, "")
        number = format_number(gain.delta, sign=True)
        row["Δ AUPRC to best baseline"] = f"{sign}{number}{gain.interval}"
    row |= _answer_why(unit)
    if unit.lead.methods and unit.lead.has_passed(unit.lead.methods[0]):
        is_attention = unit.lead.has_passed("attention") is not False
        row["maps"] = "✓ passed" if is_attention else "✓ attention ✗"
    elif unit.lead.faithfulness:
        row["maps"] = "✗ FAILED"
    return row


def _answer_why(unit: Unit) -> dict[str, str]:
    found = read_unit_explanations(unit)
    if found is None:
        return {}
    if found.named.empty:
        return {"first explanation": "none", "explained": "0%"}
    first = next(found.named.itertuples())
    ratio = format_ratio(first.joint_odds_ratio)
    return {
        "first explanation": f"{label_explanation(first.name, first.is_absence)} "
        f"(OR {ratio})",
        "explained": f"{found.summary['explained_share']:.0%}",
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
    page.caption(explain("answers"))
