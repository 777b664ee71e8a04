"""The map pages of a unit: metaprofiles, then regions and difference logo."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from error_sequence_model.figures import (
    BAD,
    BASES,
    BODY_WIDTH,
    INK,
    MARGIN,
    RULE,
    Column,
    Page,
    PageSpec,
    arrange_regions,
    draw_table,
    format_estimates,
    format_p,
    get_class_colour,
    get_contributions,
    get_limit,
    get_logo_limit,
    mark_junction,
    plot_difference,
    plot_logo,
    plot_profile,
    plot_region_effects,
    plot_region_lane,
    say_nothing_to_draw,
)
from error_sequence_model.reports.findings.statistics import MapStatistics, get_warning
from error_sequence_model.reports.prose import explain
from error_sequence_model.results import ReportData
from error_sequence_model.windows import get_regions, get_zoom

FULL_WIDTH, ZOOM_WIDTH, AXIS_ROOM = 5.0, 4.1, 0.62
LANE, PROFILE, DIFFERENCE, ATTENTION = 0.155, 1.6, 1.35, 1.25
OFFSET_LABEL = "offset from the junction (bases)"


def make_map_pages(data: ReportData, statistics: MapStatistics) -> list[PageSpec]:
    """Specifications of the profile page and of the region and logo page."""
    first, second = statistics.explained.names
    sign = f"Positive attribution speaks for {first}, negative for {second}."
    if not statistics.explained.maps.attributes.get("signed", True):
        sign = "This method has no sign: height is importance, not direction."
    return [
        PageSpec(
            f"Where the model looks: {statistics.where}",
            partial(_draw_profiles, statistics=statistics),
            statistics.footer,
            f"{sign} Aligned on the junction, 5′ to 3′ in transcript sense.",
        ),
        PageSpec(
            f"Regions and letters: {statistics.where}",
            partial(_draw_regions, data=data, statistics=statistics),
            statistics.footer,
            sign,
        ),
    ]


def _draw_profiles(page: Page, *, statistics: MapStatistics) -> None:
    page.warn(statistics.warning)
    offsets, compared = statistics.offsets, statistics.comparison
    upstream, downstream = -int(offsets[0]), int(offsets[-1]) + 1
    zoom = get_zoom(statistics.splice_type, upstream, downstream)
    gap = BODY_WIDTH - FULL_WIDTH - ZOOM_WIDTH - AXIS_ROOM
    lefts = (MARGIN + AXIS_ROOM, MARGIN + AXIS_ROOM + FULL_WIDTH + gap)
    ranges = ((-upstream, downstream), zoom)
    names = statistics.explained.names
    limit = get_limit([a for p in compared[:2] for a in p[:3]])
    change = get_limit(list(compared.difference[:3]))
    tested = np.isfinite(statistics.p_value).any()
    regions = get_regions(statistics.splice_type, upstream, downstream)
    lanes = LANE * (max(arrange_regions(regions).values(), default=0) + 1)
    top = page.top + 0.26
    page.write("whole window", lefts[0], top - 0.24, size=9, weight="bold")
    page.write("close-up", lefts[1], top - 0.24, size=9, weight="bold")
    for column, (left, width, (start, end)) in enumerate(
        zip(lefts, (FULL_WIDTH, ZOOM_WIDTH), ranges, strict=True)
    ):
        lane = page.axes(left, top, width, lanes)
        colors = get_region_colours(statistics.regions)
        plot_region_lane(regions, lane, start=start, end=end, colours=colors)
        place = top + lanes + 0.2
        ax = page.axes(left, place, width, PROFILE)
        plot_profile(offsets, names, compared[:2], ax)
        mark_junction(ax, splice_type=statistics.splice_type)
        ax.axhline(0, color=RULE, lw=0.6, zorder=0)
        ax.set_ylim(-limit, limit)
        place += PROFILE + 0.16
        low = page.axes(left, place, width, DIFFERENCE)
        plot_difference(
            offsets, compared.difference, statistics.p_value, low, limit=change
        )
        place += DIFFERENCE + 0.16
        last = page.axes(left, place, width, ATTENTION)
        _draw_attention(last, statistics, narrow=column == 1)
        for panel in (ax, low, last):
            panel.set_xlim(start - 0.5, end - 0.5)
        for panel in (ax, low):
            panel.tick_params(labelbottom=False)
        last.set_xlabel(OFFSET_LABEL)
        if column == 0:
            ax.set_ylabel("scaled attribution")
            low.set_ylabel(f"{names[0]} − {names[1]}")
            ax.legend(loc="upper left", handlelength=1.2)
    page.top = place + ATTENTION + 0.5
    attention = statistics.unit.lead.attention
    view = attention.attributes.get("view", "attention") if attention else "attention"
    page.caption(explain("profiles", s=statistics, is_tested=tested, view=view))


def _draw_attention(ax, statistics: MapStatistics, *, narrow: bool) -> None:
    attention = statistics.attention
    if attention is None:
        say_nothing_to_draw(ax, "attention.h5 has no maps of these sites.", size=8)
        ax.set_xticks([])
        return
    names, offsets = statistics.explained.names, statistics.unit.lead.attention.offsets
    plot_profile(offsets, names, attention[:2], ax, factor=100)
    ax.axhline(100 / len(offsets), color="#5F5F5F", lw=0.8, ls=(0, (4, 3)), zorder=0)
    ax.set_ylim(0, get_limit([100 * a for p in attention[:2] for a in p[:3]]))
    if not narrow:
        ax.set_ylabel("attention (%)")
    if get_warning(statistics.unit, "attention"):
        failed = statistics.unit.lead.has_passed("attention") is False
        text = "attention FAILED its check" if failed else "attention: not checked"
        ax.text(0.01, 0.05, text, transform=ax.transAxes, size=7, color=BAD)


def get_region_colours(regions: pd.DataFrame) -> dict[str, str]:
    """Colour by region key: red or blue tint where the classes differ, else grey."""
    colours = {}
    for row in regions.itertuples():
        tint = "#F0A69C" if row.difference > 0 else "#A9C4E6"
        colours[row.region] = tint if row.p_value < 0.05 else "#E3E3E3"
    return colours


def _draw_regions(page: Page, *, data: ReportData, statistics: MapStatistics) -> None:
    page.warn(statistics.warning)
    _draw_logos(page, data, statistics)
    page.heading("Named regions")
    table = statistics.regions
    if not len(table):
        page.bullet("There are no named regions for this splice type.")
        return
    columns = [
        Column("region", table["label"].tolist()),
        Column("% of |attribution|", [f"{v:.0%}" for v in table["share"]], "right"),
        Column("% of bases", [f"{v:.1%}" for v in table["share_of_bases"]], "right"),
        Column("fold", [f"{v:.1f}" for v in table["fold"]], "right"),
        Column("error − correct [95 %]", format_estimates(table, "difference")),
        Column("p", [format_p(p, statistics.draws) for p in table["p_value"]], "right"),
    ]
    rows = draw_table(page, columns, width=BODY_WIDTH - 3.6)
    left = MARGIN + BODY_WIDTH - 3.2
    ax = page.axes(left, rows.top, 3.2, rows.step * rows.count)
    plot_region_effects(table, ax, names=statistics.explained.names)
    ax.set_xlabel("attribution of the region, log-odds", labelpad=2)
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0.1)
    page.caption(explain("regions", strata=statistics.strata), width=BODY_WIDTH - 3.6)


def _draw_logos(page: Page, data: ReportData, statistics: MapStatistics) -> None:
    explained, offsets = statistics.explained, statistics.offsets
    upstream, downstream = -int(offsets[0]), int(offsets[-1]) + 1
    start, end = get_zoom(statistics.splice_type, upstream, downstream)
    sequences = data.get_sequences(explained.sites.index.to_numpy())
    present = np.array([int(s) in sequences for s in explained.sites.index])
    if not present.any():
        ax = page.axes(MARGIN, page.top, BODY_WIDTH, 1.2)
        say_nothing_to_draw(ax, "windows.arrow is missing: no letters can be drawn.")
        page.top += 1.4
        return
    part = slice(start + upstream, end + upstream)
    letters = np.array([sequences.get(int(s), "")[part] for s in explained.sites.index])
    logos = []
    for mask in (explained.is_first, ~explained.is_first):
        mask = mask & present
        logos.append(get_contributions(statistics.scaled[mask][:, part], letters[mask]))
    logos.append(logos[0] - logos[1])
    limits = (*[get_logo_limit(logos[:2])] * 2, get_logo_limit(logos[2:]))
    first, second = explained.names
    # What comes below: caption, heading, region table, its caption.
    below = 1.75 + 0.2 * (len(statistics.regions) + 1)
    height = min((page.room - below) / 3 - 0.32, 1.1)
    rows = []
    for name, logo, limit in zip(
        (first, second, f"{first} − {second}"), logos, limits, strict=True
    ):
        ax = page.axes(MARGIN + 0.55, page.top + 0.17, BODY_WIDTH - 0.6, height)
        plot_logo(logo, ax, start=start, limit=limit)
        mark_junction(ax, splice_type=statistics.splice_type)
        ax.set_title(name, pad=4, color=INK if "−" in name else get_class_colour(name))
        ax.set_ylabel("scaled attr.")
        ax.tick_params(labelbottom=name not in (first, second))
        page.top += height + 0.32
        frame = pd.DataFrame(logo, columns=list(BASES))
        frame.insert(0, "offset", np.arange(start, end))
        frame.insert(0, "logo", name)
        rows.append(frame)
    data.write("logos", pd.concat(rows), statistics.key)
    ax.set_xlabel(OFFSET_LABEL)
    page.top += 0.35
    page.caption(explain("logos", s=statistics))
