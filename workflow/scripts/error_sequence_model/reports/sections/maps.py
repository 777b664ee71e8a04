"""The maps of a unit: profiles and every site, then regions and letters."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from error_sequence_model.figures import (
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
from error_sequence_model.reports.sections.words import (
    place_unit_words,
    read_unit_words,
)
from error_sequence_model.results import ReportData
from error_sequence_model.windows import get_regions, get_zoom

PROFILE_WIDTH, HEAT_WIDTH, AXIS_ROOM = 4.75, 4.35, 0.62
LANE, PANEL, HEAT_CAPTION = 0.155, 1.3, 0.62
OFFSET_LABEL = "offset from the junction (bases)"
STRONG = 1.5  # scaled attribution at which the heat map's colour is full


def make_map_page(data: ReportData, statistics: MapStatistics) -> PageSpec:
    """Specification of the page of profiles and of the heat map of single maps."""
    return PageSpec(
        f"Where the model looks: {statistics.where}",
        partial(_draw_maps, data=data, statistics=statistics),
        statistics.footer,
        f"{_say_sign(statistics)} Aligned on the junction, 5′ to 3′ in transcript "
        "sense.",
    )


def make_region_page(data: ReportData, statistics: MapStatistics) -> PageSpec:
    """Specification of the page of letters and named regions."""
    return PageSpec(
        f"Regions and letters: {statistics.where}",
        partial(_draw_regions, data=data, statistics=statistics),
        statistics.footer,
        _say_sign(statistics),
    )


def _say_sign(statistics: MapStatistics) -> str:
    first, second = statistics.explained.names
    if not statistics.explained.maps.attributes.get("signed", True):
        return "This method has no sign: height is importance, not direction."
    return f"Positive attribution speaks for {first}, negative for {second}."


def _draw_maps(page: Page, *, data: ReportData, statistics: MapStatistics) -> None:
    page.warn(statistics.warning)
    top = page.top + 0.3
    tested = np.isfinite(statistics.p_value).any()
    bottom = _draw_profiles(page, statistics, top)
    left = MARGIN + BODY_WIDTH - HEAT_WIDTH
    order = sort_sites(data, statistics)
    height = bottom - top
    page.write("every site's map", left, top - 0.26, size=9, weight="bold")
    ax = page.axes(left, top, HEAT_WIDTH, height)
    plot_heat_map(statistics, order, ax)
    data.write("map_order", order.reset_index(), statistics.key)
    page.top = bottom + 0.5
    if get_warning(statistics.unit, "attention"):
        failed = statistics.unit.lead.has_passed("attention") is False
        page.caption(
            "Attention failed its check and is not drawn."
            if failed
            else "Attention was not checked and is not drawn."
        )
    attention = statistics.unit.lead.attention
    view = attention.attributes.get("view", "attention") if attention else ""
    is_drawn = bool(view) and statistics.unit.lead.has_passed("attention") is True
    view = view if is_drawn else ""
    page.caption(explain("profiles", s=statistics, is_tested=tested, view=view))


def _draw_profiles(page: Page, statistics: MapStatistics, top: float) -> float:
    """Regions, profiles, their difference, attention if it passed; give the bottom."""
    offsets, compared = statistics.offsets, statistics.comparison
    upstream, downstream = -int(offsets[0]), int(offsets[-1]) + 1
    left, names = MARGIN + AXIS_ROOM, statistics.explained.names
    limit = get_limit([a for p in compared[:2] for a in p[:3]])
    regions = get_regions(statistics.splice_type, upstream, downstream)
    lanes = LANE * (max(arrange_regions(regions).values(), default=0) + 1)
    page.write("mean of each class", left, top - 0.26, size=9, weight="bold")
    lane = page.axes(left, top, PROFILE_WIDTH, lanes)
    colors = get_region_colours(statistics.regions)
    plot_region_lane(regions, lane, start=-upstream, end=downstream, colours=colors)
    has_attention = statistics.unit.lead.has_passed("attention") is True
    height = PANEL if has_attention and statistics.attention else PANEL * 1.5
    place = top + lanes + 0.2
    ax = page.axes(left, place, PROFILE_WIDTH, height)
    plot_profile(offsets, names, compared[:2], ax)
    mark_junction(ax, splice_type=statistics.splice_type)
    ax.axhline(0, color=RULE, lw=0.6, zorder=0)
    ax.set_ylim(-limit, limit)
    ax.set_ylabel("scaled attribution")
    ax.legend(loc="upper left", handlelength=1.2)
    place += height + 0.16
    low = page.axes(left, place, PROFILE_WIDTH, height)
    change = get_limit(list(compared.difference[:3]))
    plot_difference(offsets, compared.difference, statistics.p_value, low, limit=change)
    low.set_ylabel(f"{names[0]} − {names[1]}")
    panels = [ax, low]
    place += height
    if has_attention and statistics.attention:
        panels.append(page.axes(left, place + 0.16, PROFILE_WIDTH, height))
        _draw_attention(panels[-1], statistics)
        place += height + 0.16
    for panel in panels[:-1]:
        panel.tick_params(labelbottom=False)
    panels[-1].set_xlabel(OFFSET_LABEL)
    return place


def _draw_attention(ax: Axes, statistics: MapStatistics) -> None:
    attention = statistics.attention
    names, offsets = statistics.explained.names, statistics.unit.lead.attention.offsets
    plot_profile(offsets, names, attention[:2], ax, factor=100)
    ax.axhline(100 / len(offsets), color="#5F5F5F", lw=0.8, ls=(0, (4, 3)), zorder=0)
    ax.set_ylim(0, get_limit([100 * a for p in attention[:2] for a in p[:3]]))
    ax.set_ylabel("attention (%)")


def sort_sites(data: ReportData, statistics: MapStatistics) -> pd.DataFrame:
    """Order explained sites by class, then by the place of their word.

    Returns:
        row (of ``statistics.scaled``), is_error, word and place (offset of its start;
        missing: it has none of the words), indexed by site_id, the top row first.
    """
    explained = statistics.explained
    ids = explained.sites.index.to_numpy()
    words = read_unit_words(statistics.unit)
    places = place_unit_words(data, statistics.unit, words, ids)
    first = places.drop_duplicates("site_id").set_index("site_id")
    table = pd.DataFrame(
        {"row": np.arange(len(ids)), "is_error": explained.is_first},
        index=pd.Index(ids, name="site_id"),
    )
    table = table.join(first[["word", "start"]].rename(columns={"start": "place"}))
    # Sites without a word follow, those of alike maps beside each other.
    peak = np.abs(statistics.scaled).argmax(axis=1)
    table = table.assign(peak=peak, last=table["word"].fillna(len(words)))
    by = ["is_error", "last", "place", "peak"]
    table = table.sort_values(by, ascending=[False, True, True, True], kind="stable")
    table["word"] = table["word"].map(dict(enumerate(word.name for word in words)))
    return table.drop(columns=["peak", "last"])


def plot_heat_map(statistics: MapStatistics, order: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the maps of single sites as rows of colour; dots: where a word starts."""
    offsets, n = statistics.offsets, len(order)
    ax.imshow(
        statistics.scaled[order["row"].to_numpy()],
        aspect="auto",
        cmap="RdBu_r",
        vmin=-STRONG,
        vmax=STRONG,
        interpolation="nearest",
        extent=(offsets[0] - 0.5, offsets[-1] + 0.5, n, 0),
    )
    starts = order["place"].to_numpy(dtype=float)
    ax.plot(starts - 0.5, np.arange(n) + 0.5, "|", color=INK, ms=2.2, mew=0.6)
    mark_junction(ax, splice_type=statistics.splice_type)
    n_error = int(order["is_error"].sum())
    ax.axhline(n_error, color=INK, lw=0.9)
    names = statistics.explained.names
    middles = [n_error / 2, (n_error + n) / 2]
    counts = [n_error, n - n_error]
    shown = [place for place in (0, 1) if counts[place]]
    ax.set_yticks(
        [middles[place] for place in shown],
        [f"{names[place]} ({counts[place]})" for place in shown],
        rotation=90,
        va="center",
    )
    for label, place in zip(ax.get_yticklabels(), shown, strict=True):
        label.set(color=get_class_colour(names[place]), weight="bold")
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel(OFFSET_LABEL)
    ax.set_xlim(offsets[0] - 0.5, offsets[-1] + 0.5)
    return ax


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
