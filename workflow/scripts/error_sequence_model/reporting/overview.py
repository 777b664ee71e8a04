"""The overview's pages: everything about one predictor side by side."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from error_sequence_model.drawing.profiles import get_limit, mark_junction, plot_profile
from error_sequence_model.drawing.style import (
    BAD,
    BODY_WIDTH,
    CLASS_NAMES,
    MARGIN,
    RULE,
    get_class_colour,
)
from error_sequence_model.files import write_tsv
from error_sequence_model.maps.regions import get_zoom
from error_sequence_model.reporting.answers import (
    answer_controls,
    make_answer_blocks,
)
from error_sequence_model.reporting.data import ReportData
from error_sequence_model.reporting.flow import draw_blocks, split_blocks
from error_sequence_model.reporting.in_short import describe_in_short
from error_sequence_model.reporting.layout import Page, PageSpec
from error_sequence_model.reporting.map_pages import OFFSET_LABEL
from error_sequence_model.reporting.methods_page import make_methods_pages
from error_sequence_model.reporting.overview_tables import (
    make_region_pages,
    make_score_pages,
    name_overview,
)
from error_sequence_model.reporting.pages import (
    FORESTS,
    collect_scores,
    count_sites,
    draw_forest,
)
from error_sequence_model.reporting.side_by_side import collect_answers, draw_answers
from error_sequence_model.reporting.statistics import MapStatistics
from error_sequence_model.reporting.table import Column, draw_table

PANELS_PER_PAGE = 4


def plan_overview(
    data: ReportData, statistics: Sequence[MapStatistics]
) -> list[PageSpec]:
    """The pages of ``overview.pdf``, in order."""
    data.tables.mkdir(parents=True, exist_ok=True)
    return [
        *_make_summary_pages(data, statistics),
        *make_score_pages(data),
        *_make_profile_pages(data, statistics),
        *make_region_pages(data, statistics),
        *make_methods_pages(data, "overview"),
    ]


def _make_summary_pages(
    data: ReportData, statistics: Sequence[MapStatistics]
) -> list[PageSpec]:
    title = f"Overview of {data.predictor}"
    subtitle = "Held-out test part throughout; intervals: 95 % bootstrap over genes."
    draw = partial(_draw_summary, data=data)
    pages = [PageSpec(title, draw, name_overview(data), subtitle)]
    # The first page has said the short of it.
    blocks = make_answer_blocks(data, None, statistics)[2:]
    while data.units and blocks:
        part, blocks = split_blocks(blocks, BODY_WIDTH)
        draw = partial(draw_blocks, blocks=part, width=BODY_WIDTH)
        name = f"{title} (continued)"
        pages.append(PageSpec(name, draw, name_overview(data), subtitle))
    return pages


def _list_reports(data: ReportData) -> str:
    parts = []
    for name, words in CLASS_NAMES.items():
        units = [u for u in data.units if (u.sites["pred_type"] == name).any()]
        pairs = ", ".join(dict.fromkeys(unit.pair for unit in units))
        parts.append(f"attention_{name}.pdf ({words}s): {pairs or 'no contrast'}")
    return f"Reports beside this one: {'; '.join(parts)}; sites.html: every site."


def _draw_summary(page: Page, *, data: ReportData) -> None:
    page.paragraph(describe_in_short(data.units), size=9.5)
    if data.units:
        table = collect_answers(data.units)
        write_tsv(data.tables / "overview.answers.tsv", table)
        page.top += 0.05
        draw_answers(page, table)
    else:
        text = "No contrast was trained: add one under contrasts: in the config."
        page.bullet(text, mark="bad")
    top, side = page.top, 4.6
    counts = count_sites(data.sites)
    write_tsv(data.tables / "overview.sites.tsv", counts.reset_index())
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
        pages.append(PageSpec(title, draw, name_overview(data), subtitle))
    return pages


def _draw_profiles(page: Page, *, statistics: Sequence[MapStatistics]) -> None:
    limit = get_limit([a for s in statistics for p in s.comparison[:2] for a in p[:3]])
    width, height = (BODY_WIDTH - 1.2) / 2, 2.0
    top = page.top + 0.15
    for place, entry in enumerate(statistics):
        row, column = divmod(place, 2)
        left = MARGIN + 0.5 + column * (width + 0.7)
        ax = page.axes(left, top + row * (height + 0.95) + 0.25, width, height)
        names = entry.explained.names
        colours = [get_class_colour(name) for name in names]
        classes = list(zip(names, colours, entry.comparison[:2], strict=True))
        plot_profile(entry.offsets, classes, ax)
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
    methods = ", ".join(dict.fromkeys(entry.method_name for entry in statistics))
    page.caption(
        f"Mean {methods} per base, scaled per site by the 95th percentile of |score| "
        "(no unit), held-out test part; n as given, bands are 95 % bootstrap over "
        "genes."
    )
