"""Single errors up close: words, map, letters, mutagenesis and gene, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from error_sequence_model.features import Word
from error_sequence_model.figures import (
    BAD,
    BASES,
    BODY_WIDTH,
    INK,
    MARGIN,
    MUTED,
    RULE,
    Page,
    PageSpec,
    clear_axes,
    draw_attribution,
    draw_boxes,
    draw_letters,
    draw_ruler,
    measure_text,
    round_up,
    shorten_text,
)
from error_sequence_model.reports.findings.statistics import MapStatistics
from error_sequence_model.reports.prose import explain
from error_sequence_model.reports.sections.maps import OFFSET_LABEL
from error_sequence_model.reports.sections.sites import TITLE as TITLE_LINE
from error_sequence_model.reports.sections.sites import (
    choose_exemplars,
    find_view,
    write_title,
)
from error_sequence_model.reports.sections.words import (
    place_unit_words,
    read_unit_words,
)
from error_sequence_model.results import ReportData

TITLE = "Single sites"
LEFT, WIDTH = MARGIN + 0.38, BODY_WIDTH - 0.38
BOXES, LETTERS, CHANGES, RULER, GENE = 0.15, 0.16, 0.26, 0.22, 0.2
HEAD, CAPTION, LOWEST, HIGHEST = 0.32, 0.72, 0.15, 0.6
MUTAGENESIS = "in_silico_mutagenesis"
WORD_COLOUR = "#CC79A7"
ANNOTATED = ("TP", "FN")


def make_single_page(data: ReportData, entries: Sequence[MapStatistics]) -> PageSpec:
    """Specification of the page of single sites of all units, four in all."""
    return PageSpec(
        TITLE,
        partial(_draw, data=data, entries=entries),
        data.footer(),
        f"{data.focus} sites of the held-out test part, chosen by the rule below, not "
        "by eye.",
    )


def _draw(page: Page, *, data: ReportData, entries: Sequence[MapStatistics]) -> None:
    most = max(4 // len(entries), 1)
    room = (page.room - CAPTION - HEAD * len(entries)) / (most * len(entries))
    drawn = [_draw_unit(page, data, s, most, room) for s in entries]
    is_mapped = any(s.unit.lead.has_passed(s.method) is not False for s in entries)
    page.caption(
        explain(
            "site_rows",
            s=entries[0],
            axis=OFFSET_LABEL,
            is_mapped=is_mapped,
            has_changes=any(drawn),
        )
    )


def _draw_unit(
    page: Page, data: ReportData, statistics: MapStatistics, most: int, room: float
) -> bool:
    """Draw some errors of a unit, each in ``room``; give whether mutagenesis is."""
    unit, explained = statistics.unit, statistics.explained
    probability = unit.predicted["probability"]
    sites = explained.sites.assign(
        probability=probability.reindex(explained.sites.index)
    )
    chosen = choose_exemplars(sites, unit.focus_call, unit.positive_label)
    chosen = [e for e in chosen if sites.loc[e.site_id, "call"] == unit.focus_call]
    page.heading(statistics.where)
    if not chosen:
        page.bullet("No explained site has a stored prediction, so none is chosen.")
        return False
    ids = np.array([e.site_id for e in chosen[:most]])
    is_mapped = unit.lead.has_passed(statistics.method) is not False
    if not is_mapped:
        page.caption(f"{statistics.method_name} failed its checks and is not drawn.")
    values = explained.maps.pick(ids)
    changes = read_changes(statistics, ids)
    words = read_unit_words(unit)
    places = place_unit_words(data, unit, words, ids)
    sequences = data.get_sequences(ids)
    start, end = find_view(statistics)
    first = -explained.maps.upstream
    shown = [v[start - first : end - first] for v in values.values()]
    limit = round_up(max(float(np.abs(v).max(initial=0.0)) for v in shown))
    height = room - TITLE_LINE - BOXES - LETTERS - RULER - GENE - 0.06
    height = min(max(height - CHANGES * bool(changes), LOWEST), HIGHEST)
    for exemplar in chosen[:most]:
        site = exemplar.site_id
        top = write_title(page, sites.loc[site], exemplar, unit)
        own = places[places["site_id"] == site]
        _draw_words(page, own, words, (start, end))
        if is_mapped:
            ax = page.axes(LEFT, page.top, WIDTH, height)
            draw_attribution(ax, values[site], first, start=start, end=end, limit=limit)
            page.top += height + 0.02
        letters = sequences.get(site, "")[max(start - first, 0) : end - first]
        strip = page.axes(LEFT, page.top, WIDTH, LETTERS)
        draw_letters(strip, letters, max(start, first), start=start, end=end)
        page.top += LETTERS + 0.02
        if site in changes:
            ax = page.axes(LEFT, page.top, WIDTH, CHANGES)
            plot_changes(changes[site], first, ax, start=start, end=end)
            page.top += CHANGES
        line = clear_axes(page.axes(LEFT, top, WIDTH, page.top - top), start, end)
        line.patch.set_visible(False)
        line.axvline(-0.5, color=INK, lw=0.8, ls=(0, (2, 2)))
        ruler = page.axes(LEFT, page.top + 0.02, WIDTH, 0.02)
        draw_ruler(ruler, start=start, end=end)
        ruler.tick_params(direction="out")
        page.top += RULER
        ax = page.axes(LEFT, page.top, WIDTH, GENE - 0.08)
        plot_gene(data.sites, site, ax)
        page.top += GENE
    return bool(changes)


def read_changes(
    statistics: MapStatistics, site_ids: np.ndarray
) -> dict[int, np.ndarray]:
    """Changes of the log-odds by substitution, float (length, 4), by site_id."""
    maps = statistics.unit.lead.attributions.get(MUTAGENESIS)
    if maps is None or "substitutions" not in maps.extra:
        return {}
    rows = {int(site): row for row, site in enumerate(maps.site_id)}
    known = [int(site) for site in site_ids if int(site) in rows]
    return {site: maps.extra["substitutions"][rows[site]] for site in known}


def _draw_words(
    page: Page, places: pd.DataFrame, words: Sequence[Word], view: tuple[int, int]
) -> None:
    """Boxes of a site's words with their names, in one line above its map."""
    start, end = view
    ax = clear_axes(page.axes(LEFT, page.top, WIDTH, BOXES), start, end)
    ax.set_ylim(0, 1)
    right = start
    for row in places.sort_values("start").itertuples():
        low, high = max(row.start, start), min(row.end, end)
        if low >= high:
            continue
        span = np.array([[low, high]])
        draw_boxes(ax, span, np.zeros(1), np.array([0.22]), [WORD_COLOUR])
        name = shorten_text(words[row.word].name, 2.0, 6.5)
        if low >= right:
            # In bases; no name leaves the page.
            width = measure_text(name, 6.5) * (end - start) / WIDTH
            at = max(min(low - 0.5, end - width), start)
            ax.text(at, 0.32, name, size=6.5, color=INK)
            right = at + width
    page.top += BOXES


def plot_changes(
    changes: np.ndarray, first: int, ax: Axes, *, start: int, end: int
) -> Axes:
    """Draw the change of the log-odds with each base in place of the site's own.

    Args:
        changes: float (length, 4), bases A, C, G, T.
        first: Offset of the first row.
        ax: A strip.
        start: First offset of it.
        end: Offset after its last one.
    """
    low, high = max(start, first), min(end, first + len(changes))
    shown = changes[low - first : high - first]
    limit = float(np.abs(shown).max(initial=0.0)) or 1.0
    clear_axes(ax, start, end)
    ax.imshow(
        shown.T,
        aspect="auto",
        cmap="RdBu_r",
        vmin=-limit,
        vmax=limit,
        interpolation="nearest",
        extent=(low - 0.5, high - 0.5, 4, 0),
    )
    ax.set(xlim=(start - 0.5, end - 0.5), ylim=(4, 0))
    ax.set_yticks(np.arange(4) + 0.5, list(BASES), size=5)
    ax.tick_params(axis="y", length=0, pad=1)
    return ax


def list_exons(sites: pd.DataFrame) -> list[tuple[int, int]]:
    """Exons between a gene's annotated sites, in transcript sense.

    Args:
        sites: The gene's annotated sites: place (rising 5' to 3') and splice_type.

    Returns:
        First and last place of each exon whose two ends are known.
    """
    ordered = sites.sort_values("place")
    acceptors = ordered.loc[ordered["splice_type"] == "acceptor", "place"].to_numpy()
    donors = ordered.loc[ordered["splice_type"] == "donor", "place"].to_numpy()
    exons = []
    for acceptor in acceptors:
        later = donors[donors > acceptor]
        between = acceptors[acceptors > acceptor]
        if len(later) and not (len(between) and between[0] < later[0]):
            exons.append((int(acceptor), int(later[0])))
    return exons


def plot_gene(sites: pd.DataFrame, site_id: int, ax: Axes) -> Axes:
    """Draw a site among the annotated splice sites of its gene, 5' to 3', to scale."""
    ax.set(xticks=[], yticks=[], ylim=(0, 1))
    ax.spines[:].set_visible(False)
    site = sites.loc[site_id]
    gene = site["gene_id"]
    if pd.isna(gene):
        ax.text(0, 0.5, "in no gene", size=6.5, color=MUTED, va="center")
        return ax
    own = sites[(sites["gene_id"] == gene) & (sites["strand"] == site["strand"])]
    sign = 1 if site["strand"] == "+" else -1
    own = own.assign(place=sign * own["junction"])
    known = own[own["pred_type"].isin(ANNOTATED)]
    here = sign * int(site["junction"])
    ends = [*known["place"], here]
    low, high = min(ends), max(ends)
    margin = max((high - low) * 0.03, 50)
    ax.set_xlim(low - margin, high + margin)
    ax.plot((low, high), (0.35, 0.35), color=RULE, lw=1)
    exons = list_exons(known)
    ax.broken_barh([(a, b - a) for a, b in exons], (0.15, 0.4), color=MUTED, lw=0)
    places = known["place"].to_numpy()
    ax.plot(places, np.full(len(places), 0.35), "|", color=INK, ms=5, mew=0.7)
    ax.plot([here], [0.85], marker="v", color=BAD, ms=4, clip_on=False)
    return ax
