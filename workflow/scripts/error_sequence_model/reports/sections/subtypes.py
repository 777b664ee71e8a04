"""The page of subtypes: groups by motif, their profiles, causes and exemplars.

Maps are float (n_sites, length), aligned on the junction.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd

from error_sequence_model.figures import (
    BODY_WIDTH,
    GRID,
    INK,
    MARGIN,
    MUTED,
    NEGATIVE,
    POSITIVE,
    RULE,
    Page,
    PageSpec,
    count_words,
    draw_attribution,
    draw_letters,
    draw_ruler,
    format_signed,
    get_class_colour,
    mark_junction,
    round_up,
    shorten_text,
)
from error_sequence_model.reports.findings.causes import UnitCauses, read_unit_causes
from error_sequence_model.reports.findings.groups import (
    FEWEST_SITES,
    Subtypes,
    group_sites,
    measure_content,
)
from error_sequence_model.reports.findings.motifs import read_unit_motifs
from error_sequence_model.reports.findings.statistics import MapStatistics
from error_sequence_model.reports.prose import explain, tell
from error_sequence_model.reports.sections.maps import OFFSET_LABEL
from error_sequence_model.results import ReportData

TEXT_WIDTH, PROFILE_WIDTH, SPACE = 2.6, 3.4, 0.42
SHOWN = 56  # bases of an exemplar
ROW_HEIGHT, GAP, CAPTION = 1.6, 0.17, 1.15
FREQUENT = 0.15
MOST_CAUSES = 3
MOST_SHOWN = 5  # groups of a unit that has the page alone
LETTERS = string.ascii_uppercase


def make_subtype_page(data: ReportData, entries: Sequence[MapStatistics]) -> PageSpec:
    """Specification of the page of subtypes of all units."""
    return PageSpec(
        f"Subtypes of {data.focus}",
        partial(_draw_subtypes, data=data, entries=entries),
        data.footer(),
        f"Groups of explained {data.focus} sites of the held-out test part, by the "
        "motifs that their maps show.",
    )


def _draw_subtypes(
    page: Page, *, data: ReportData, entries: Sequence[MapStatistics]
) -> None:
    most = MOST_SHOWN if len(entries) == 1 else max(4 // len(entries), 1)
    height = (page.room - CAPTION - 0.75 * len(entries)) / (most * len(entries)) - GAP
    for statistics in entries:
        _draw_unit(page, data, statistics, most, height)
    page.caption(
        explain(
            "subtypes",
            s=entries[0],
            axis=OFFSET_LABEL,
            shown=SHOWN,
            focus=data.focus,
        )
    )


def _draw_unit(
    page: Page, data: ReportData, statistics: MapStatistics, most: int, height: float
) -> None:
    page.heading(statistics.where)
    focus = statistics.unit.focus_call
    mine = (statistics.explained.sites["call"] == focus).to_numpy()
    n = int(mine.sum())
    if n < 2:
        page.paragraph(
            f"{count_words(n, f'explained {focus} site')} in the test part: there is "
            "nothing to group.",
            size=8.5,
        )
        return
    scaled = statistics.scaled[mine]
    sites = statistics.explained.sites[mine]
    motifs, first = read_unit_motifs(statistics.unit), int(statistics.offsets[0])
    content = measure_content(motifs, sites.index.to_numpy(), scaled, first)
    found = group_sites(content)
    causes = read_unit_causes(statistics.unit)
    _write_tables(data, statistics, sites, scaled, found)
    n_groups = len(found.exemplars)
    what = f"explained {focus} site"
    told = {"what": what, "n": n, "groups": n_groups, "shows": found.names[0]}
    text = " ".join(tell("subtypes", **told, fewest=FEWEST_SITES))
    if n_groups > most:
        text += f" The largest {most} are shown; all are in the tables folder."
    page.paragraph(text, size=8.5)
    page.top += 0.1
    limit = round_up(
        max(
            np.abs(scaled[found.group == g].mean(axis=0)).max() for g in range(n_groups)
        )
    )
    sequences = data.get_sequences(sites.index.to_numpy()[found.exemplars])
    drawn = min(n_groups, most)
    # Few groups have the room of many.
    height = min((height + GAP) * most / drawn - GAP, ROW_HEIGHT)
    for number in range(drawn):
        _draw_row(
            page,
            statistics,
            sites,
            scaled,
            found,
            number,
            causes=_describe_causes(causes, sites, found.group == number),
            sequence=sequences.get(int(sites.index[found.exemplars[number]]), ""),
            height=height,
            limit=limit,
            is_last=number == drawn - 1,
        )
    page.top += 0.22


def _describe_causes(
    causes: UnitCauses | None, sites: pd.DataFrame, inside: np.ndarray
) -> list[str]:
    """The causes that set a group apart most, or are most frequent if it is alone."""
    if causes is None:
        return ["named causes are not stored"]
    flags = causes.sites.reindex(sites.index)[causes.flags].eq(True).fillna(False)
    own = flags[inside].mean()
    rest = flags[~inside].mean() if (~inside).any() else None
    score = own if rest is None else own - rest
    chosen = score[(own >= FREQUENT) & (score > 0)].nlargest(MOST_CAUSES).index
    lines = [
        f"{causes.labels[flag]} {own[flag]:.0%}"
        + ("" if rest is None else f" ({rest[flag]:.0%})")
        for flag in chosen
    ]
    return lines or ["no named cause sets it apart"]


def _draw_row(
    page: Page,
    statistics: MapStatistics,
    sites: pd.DataFrame,
    scaled: np.ndarray,
    found: Subtypes,
    number: int,
    *,
    causes: list[str],
    sequence: str,
    height: float,
    limit: float,
    is_last: bool,
) -> None:
    inside = found.group == number
    place, n = page.top, int(inside.sum())
    row = found.exemplars[number]
    site = sites.iloc[row]
    lines = [(f"Group {LETTERS[number]}: {n} sites, {inside.mean():.0%}", "bold", INK)]
    lines.append((found.names[number], "normal", INK))
    lines += [(line, "normal", INK) for line in causes]
    gene = site["gene_name"] if pd.notna(site["gene_name"]) else site["gene_id"]
    lines.append((f"exemplar: site {int(sites.index[row])}", "normal", MUTED))
    if pd.notna(gene):
        lines.append((f"in {gene}", "normal", MUTED))
    step = min(height / (len(lines) + 0.5), 0.17)
    for index, (text, weight, color) in enumerate(lines):
        page.write(
            shorten_text(text, TEXT_WIDTH - 0.1, 8, weight),
            MARGIN,
            place + index * step,
            size=8,
            weight=weight,
            color=color,
        )
    left = MARGIN + TEXT_WIDTH + SPACE - 0.1
    ax = page.axes(left, place, PROFILE_WIDTH, height)
    mean = scaled[inside].mean(axis=0)
    _plot_mean(ax, statistics.offsets, mean, limit)
    mark_junction(ax, splice_type=statistics.splice_type if number == 0 else None)
    ax.tick_params(labelbottom=is_last)
    if is_last:
        ax.set_xlabel(OFFSET_LABEL, labelpad=1)
    left += PROFILE_WIDTH + SPACE
    values = statistics.explained.scores[
        (statistics.explained.sites.index == sites.index[row]).argmax()
    ]
    _draw_exemplar(
        page,
        values,
        sequence,
        first=int(statistics.offsets[0]),
        place=(left, place),
        size=(MARGIN + BODY_WIDTH - left, height),
        color=get_class_colour(site["call"]),
    )
    page.top = place + height + GAP


def _plot_mean(ax, offsets: np.ndarray, mean: np.ndarray, limit: float) -> None:
    ax.axhline(0, color=RULE, lw=0.6)
    for sign, color in ((1, POSITIVE), (-1, NEGATIVE)):
        part = np.where(sign * mean > 0, mean, 0)
        ax.fill_between(offsets, part, step="mid", color=color, lw=0)
    ax.set(xlim=(offsets[0] - 0.5, offsets[-1] + 0.5), ylim=(-limit, limit))
    ax.set_yticks(
        [-limit, 0, limit],
        [format_signed(v, 1) if v else "0" for v in (-limit, 0, limit)],
    )
    ax.tick_params(axis="y", labelsize=6.5, length=2)
    ax.grid(axis="x", color=GRID, lw=0.5)
    ax.set_axisbelow(True)


def find_stretch(values: np.ndarray, size: int) -> int:
    """First index of the stretch of ``size`` bases with most |attribution|."""
    size = min(size, len(values))
    total = np.concatenate([[0], np.cumsum(np.abs(values))])
    return int(np.argmax(total[size:] - total[:-size])) if size else 0


def _draw_exemplar(
    page: Page,
    values: np.ndarray,
    sequence: str,
    *,
    first: int,
    place: tuple[float, float],
    size: tuple[float, float],
    color: str,
) -> None:
    begin = find_stretch(values, SHOWN)
    start, end = first + begin, first + min(begin + SHOWN, len(values))
    left, top = place
    width, height = size
    letters = 0.14
    ax = page.axes(left, top, width, height - letters - 0.14)
    shown = values[begin : begin + SHOWN]
    limit = round_up(float(np.abs(shown).max(initial=0.0)))
    draw_attribution(ax, values, first, start=start, end=end, limit=limit)
    if start <= 0 <= end:
        ax.axvline(-0.5, color=color, lw=1.0, ls=(0, (2, 2)))
    strip = page.axes(left, top + height - letters - 0.14, width, letters)
    part = sequence[begin : begin + SHOWN]
    draw_letters(strip, part, start, start=start, end=end)
    ruler = page.axes(left, top + height - 0.12, width, 0.02)
    draw_ruler(ruler, start=start, end=end)
    ruler.tick_params(direction="out")


def _write_tables(
    data: ReportData,
    statistics: MapStatistics,
    sites: pd.DataFrame,
    scaled: np.ndarray,
    found: Subtypes,
) -> None:
    rows = np.arange(len(sites))
    table = pd.DataFrame(
        {
            "site_id": sites.index,
            "group": [LETTERS[number] for number in found.group],
            "shows": [found.names[number] for number in found.group],
            "is_exemplar": np.isin(rows, found.exemplars),
        }
    )
    data.write("subtypes", table, statistics.key)
    profiles = pd.DataFrame({"offset": statistics.offsets})
    for number in range(len(found.exemplars)):
        profiles[LETTERS[number]] = scaled[found.group == number].mean(axis=0)
    data.write("subtype_profiles", profiles, statistics.key)
