"""The overview's pages: everything about one predictor side by side."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from error_sequence_model.drawing.data import plot_stacked_counts
from error_sequence_model.drawing.profiles import get_limit, mark_junction, plot_profile
from error_sequence_model.drawing.style import (
    BAD,
    BODY_WIDTH,
    CLASS_NAMES,
    MARGIN,
    RULE,
    SPLICE_COLOURS,
    get_class_colour,
)
from error_sequence_model.files import write_tsv
from error_sequence_model.maps.regions import get_zoom
from error_sequence_model.reporting.data import ReportData, Unit
from error_sequence_model.reporting.flow import Block, draw_blocks, split_blocks
from error_sequence_model.reporting.layout import Page, PageSpec
from error_sequence_model.reporting.map_pages import OFFSET_LABEL
from error_sequence_model.reporting.methods_page import make_methods_pages
from error_sequence_model.reporting.overview_tables import (
    make_region_pages,
    make_score_pages,
    name_overview,
)
from error_sequence_model.reporting.pages import count_sites
from error_sequence_model.reporting.statistics import MapStatistics
from error_sequence_model.reporting.table import Column, draw_table
from error_sequence_model.reporting.words import (
    describe_checks,
    describe_control,
    describe_gain,
    describe_in_short,
    describe_performance,
)

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
    blocks = [
        Block("heading", "In short"),
        Block("paragraph", describe_in_short(data.units, statistics)),
        Block("heading", "Findings"),
    ]
    blocks += [Block("bullet", describe_performance(unit)) for unit in data.units]
    for unit in data.units:
        text, mark = describe_gain(unit)
        blocks.append(Block("bullet", text, mark))
    if not data.units:
        text = "No contrast was trained: add one under contrasts: in the config."
        blocks.append(Block("bullet", text, "bad"))
    blocks.append(Block("heading", "Warnings and controls"))
    warnings = [pair for unit in data.units for pair in describe_checks(unit)]
    warnings += [describe_control(unit) for unit in data.controls]
    warnings += [(note, "open") for note in data.notes]
    if not data.controls:
        warnings.append(("No control with shuffled labels was run.", "open"))
    if not any(mark == "bad" for _, mark in warnings):
        blocks.append(Block("bullet", "No check failed.", "good"))
    blocks += [Block("bullet", text, mark) for text, mark in warnings]
    blocks.append(Block("heading", "Reports"))
    blocks += [Block("bullet", line) for line in _list_reports(data)]
    width = BODY_WIDTH - 4.0
    first, rest = split_blocks(blocks, width)
    title = f"Overview of {data.predictor}"
    subtitle = "Held-out test part throughout; intervals are 95 % bootstrap over genes."
    draw = partial(_draw_summary, data=data, blocks=first, width=width)
    pages = [PageSpec(title, draw, name_overview(data), subtitle)]
    while rest:
        part, rest = split_blocks(rest, BODY_WIDTH)
        draw = partial(draw_blocks, blocks=part, width=BODY_WIDTH)
        pages.append(
            PageSpec(f"{title} (continued)", draw, name_overview(data), subtitle)
        )
    return pages


def _list_reports(data: ReportData) -> list[str]:
    lines = []
    for name, words in CLASS_NAMES.items():
        units = [u for u in data.units if (u.sites["pred_type"] == name).any()]
        contrasts = "; ".join(unit.name for unit in units)
        lines.append(f"attention_{name}.pdf ({words}s): {contrasts or 'no contrast'}")
    return lines


def _draw_summary(
    page: Page, *, data: ReportData, blocks: Sequence[Block], width: float
) -> None:
    top, left, side = page.top, MARGIN + width + 0.4, 3.6
    draw_blocks(page, blocks=blocks, width=width)
    page.top = top
    page.heading("Sites", left=left, width=side)
    counts = count_sites(data.sites)
    columns = [Column("call", list(counts.index))]
    for name in counts:
        columns.append(Column(name, [f"{v:,}" for v in counts[name]], "right"))
    columns.append(Column("all", [f"{v:,}" for v in counts.sum(axis=1)], "right"))
    draw_table(page, columns, left=left, width=side, size=9)
    write_tsv(data.tables / "overview.sites.tsv", counts.reset_index())
    ax = page.axes(left + 0.6, page.top + 0.2, side - 0.65, 1.5)
    colors = [SPLICE_COLOURS[name] for name in counts]
    plot_stacked_counts(counts, ax, colors=colors, label="sites")
    page.top += 2.1
    split = [unit for unit in data.units if len(unit.sites)]
    if split:
        page.heading("Sites in the test part", left=left, width=side)
        cells = [(u.contrast, u.splice_type, *_count_test(u)) for u in split[:10]]
        names = ("contrast", "splice type", "errors", "correct")
        columns = [
            Column(name, list(values), "left" if i < 2 else "right")
            for i, (name, values) in enumerate(
                zip(names, zip(*cells, strict=True), strict=True)
            )
        ]
        draw_table(page, columns, left=left, width=side, size=8)


def _count_test(unit: Unit) -> tuple[str, str]:
    is_error = unit.test_sites["label"] == unit.positive_label
    return f"{int(is_error.sum()):,}", f"{int((~is_error).sum()):,}"


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
        title = f"{entry.unit.contrast}, {entry.splice_type} · {entry.unit.lead.name}"
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
