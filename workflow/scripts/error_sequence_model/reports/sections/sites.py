"""The page of single sites: exemplars chosen by rule, with sequence and tracks."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from error_sequence_model.figures import (
    BODY_WIDTH,
    INK,
    MARGIN,
    MUTED,
    Page,
    PageSpec,
    clear_axes,
    draw_attention,
    draw_attribution,
    draw_letters,
    draw_ruler,
    draw_tokens,
    get_class_colour,
    has_long_tokens,
    measure_text,
    round_up,
    shorten_text,
)
from error_sequence_model.reports.findings.statistics import MapStatistics
from error_sequence_model.reports.prose import explain
from error_sequence_model.reports.sections.maps import OFFSET_LABEL
from error_sequence_model.results import ReportData, Unit

ROW_LENGTH = 100
LEFT, WIDTH = MARGIN + 0.38, BODY_WIDTH - 0.38
TITLE, ATTRIBUTION, LETTERS, TOKENS, ATTENTION, GAP = 0.17, 0.5, 0.17, 0.06, 0.24, 0.11
CAPTION = 0.95


class Tracks(NamedTuple):
    """What is drawn of a site.

    Attributes:
        first: Offset of the first base.
        attribution: Attribution per base, float (length,).
        sequence: Its letters, or nothing.
        spans: Token spans, int (n_tokens, 2), or None.
        attention: Attention received per base, float (length,), or None.
    """

    first: int
    attribution: np.ndarray
    sequence: str
    spans: np.ndarray | None
    attention: np.ndarray | None


class Exemplar(NamedTuple):
    """A chosen site and the rule that chose it."""

    site_id: int
    rule: str
    probability: float


def choose_exemplars(
    sites: pd.DataFrame, focus: str, positive_label: int
) -> list[Exemplar]:
    """Choose up to five sites by rule, never by eye.

    Args:
        sites: Explained test sites with label, call and ``probability`` of the
            positive class (NaN where not predicted), indexed by site_id.
        focus: The call that the page is about.
        positive_label: Label of the positive class.

    Returns:
        Exemplars in drawing order; a site is chosen once.
    """
    known = sites[sites["probability"].notna()]
    own = np.where(
        known["label"] == positive_label, known["probability"], 1 - known["probability"]
    )
    known = known.assign(own=own).sort_values("own", ascending=False, kind="stable")
    mine = known[known["call"] == focus]
    rest = known[known["call"] != focus]
    chosen: dict[int, Exemplar] = {}
    for table, places in ((mine, ("top", "middle", "last")), (rest, ("top", "last"))):
        for place in places:
            if len(table) == 0:
                continue
            index = {"top": 0, "middle": len(table) // 2, "last": len(table) - 1}[place]
            row = table.iloc[index]
            kind = row["call"]
            right = row["own"] >= 0.5
            rule = {
                "top": f"{kind} most clearly seen as such",
                "middle": f"{kind} with the median probability",
                "last": f"{kind} least clearly seen as such"
                + ("" if right else " (misclassified)"),
            }[place]
            site_id = int(row.name)
            chosen.setdefault(site_id, Exemplar(site_id, rule, row["probability"]))
    return list(chosen.values())


def make_site_page(data: ReportData, statistics: MapStatistics) -> PageSpec:
    """Specification of a unit's page of exemplars of both classes."""
    return PageSpec(
        f"More single sites: {statistics.where}",
        partial(_draw_sites, data=data, statistics=statistics),
        statistics.footer,
        "Exemplars from the held-out test part, chosen by the rule below, not by eye.",
    )


def _draw_sites(page: Page, *, data: ReportData, statistics: MapStatistics) -> None:
    unit, explained = statistics.unit, statistics.explained
    probability = unit.predicted["probability"]
    sites = explained.sites.assign(
        probability=probability.reindex(explained.sites.index)
    )
    exemplars = choose_exemplars(sites, unit.focus_call, unit.positive_label)
    page.warn(statistics.warning)
    if not exemplars:
        page.paragraph("No explained site has a stored prediction, so none is chosen.")
        return
    ids = np.array([e.site_id for e in exemplars])
    sequences, tokens = data.get_sequences(ids), data.get_tokens(unit.lead, ids)
    maps, seen = explained.maps, unit.lead.attention
    # Attention that failed its check is not drawn.
    is_seen = seen is not None and unit.lead.has_passed("attention") is not False
    values, attention = maps.pick(ids), seen.pick(ids) if is_seen else {}
    view = find_view(statistics)
    start = view[0]
    sizes = {site: np.abs(scores) for site, scores in values.items()}
    part = slice(start + maps.upstream, start + maps.upstream + ROW_LENGTH)
    limit = round_up(max(float(s[part].max(initial=0.0)) for s in sizes.values()))
    ceiling = round_up(max([float(100 * a.max()) for a in attention.values()] or [1]))
    # All rows get the same height, whatever else the page must hold.
    fixed = TITLE + LETTERS + TOKENS + ATTENTION + GAP + 0.04
    height = min((page.room - CAPTION) / len(exemplars) - fixed, ATTRIBUTION)
    tables = []
    for exemplar in exemplars:
        site = exemplar.site_id
        tracks = Tracks(
            -maps.upstream,
            values[site],
            sequences.get(site, ""),
            tokens.get(site),
            attention.get(site),
        )
        write_title(page, sites.loc[site], exemplar, unit)
        _draw_tracks(page, tracks, view, height=height, limits=(limit, ceiling))
        if exemplar is exemplars[-1]:
            ruler = page.axes(LEFT, page.top + 0.02, WIDTH, 0.02)
            draw_ruler(ruler, start=view[0], end=view[1])
            ruler.tick_params(direction="out")
        page.top += GAP
        tables.append(_tabulate(exemplar, tracks))
    data.write("exemplars", pd.concat(tables), statistics.key)
    page.top += 0.22
    shares = [float(s[part].sum()) / (float(s.sum()) or 1.0) for s in sizes.values()]
    text = explain(
        "exemplars",
        s=statistics,
        axis=OFFSET_LABEL,
        attention=_describe_attention(unit) if attention else "",
        has_tokens=any(map(has_long_tokens, tokens.values())),
        share=np.mean(shares),
        n=len(sites),
    )
    page.caption(text)


def _describe_attention(unit: Unit) -> str:
    note = "" if unit.lead.has_passed("attention") else "; not checked"
    return f"Purple: attention received (% of the total{note}). "


def _tabulate(exemplar: Exemplar, tracks: Tracks) -> pd.DataFrame:
    values, attention = tracks.attribution, tracks.attention
    frame = pd.DataFrame({"offset": tracks.first + np.arange(len(values))})
    frame["attribution"] = values
    if attention is not None and len(attention) == len(values):
        frame["attention"] = attention
    frame.insert(0, "rule", exemplar.rule)
    frame.insert(0, "site_id", exemplar.site_id)
    return frame


def _draw_tracks(
    page: Page,
    tracks: Tracks,
    view: tuple[int, int],
    *,
    height: float,
    limits: tuple[float, float],
) -> None:
    """Draw a site's strips at the cursor, from the first to the last offset in view.

    Args:
        page: The page.
        tracks: What there is of the site.
        view: First offset drawn, and the one after the last.
        height: Of the attribution, inches.
        limits: Of the axes of attribution and of attention (%).
    """
    (start, end), first = view, tracks.first
    place = {"start": start, "end": end}
    ax = page.axes(LEFT, page.top, WIDTH, height)
    draw_attribution(ax, tracks.attribution, first, limit=limits[0], **place)
    top = page.top
    page.top += height + 0.02
    shown = max(start, first)
    letters = tracks.sequence[shown - first : end - first]
    draw_letters(page.axes(LEFT, page.top, WIDTH, LETTERS), letters, shown, **place)
    page.top += LETTERS
    if has_long_tokens(tracks.spans):
        ax = page.axes(LEFT, page.top, WIDTH, TOKENS)
        draw_tokens(ax, tracks.spans, first, **place)
        page.top += TOKENS
    page.top += 0.02
    if tracks.attention is not None:
        ax = page.axes(LEFT, page.top, WIDTH, ATTENTION)
        draw_attention(ax, tracks.attention * 100, first, limit=limits[1], **place)
        page.top += ATTENTION
    line = clear_axes(page.axes(LEFT, top, WIDTH, page.top - top), start, end)
    line.patch.set_visible(False)
    line.axvline(-0.5, color=INK, lw=0.8, ls=(0, (2, 2)))


def find_view(statistics: MapStatistics) -> tuple[int, int]:
    """First offset drawn of a site and the one after the last: about the close-up."""
    first = -statistics.explained.maps.upstream
    start = max(-60 if statistics.splice_type == "acceptor" else -50, first)
    return start, start + ROW_LENGTH


def write_title(page: Page, site: pd.Series, exemplar: Exemplar, unit: Unit) -> float:
    """Write what a site is, and by which rule it was chosen; give where it ends."""
    swatch = get_class_colour(site["call"])
    page.fill(MARGIN, page.top + 0.015, 0.1, 0.1, color=swatch)
    gene = site["gene_name"] if pd.notna(site["gene_name"]) else site["gene_id"]
    junction = int(site["junction"])
    strand = site["strand"].replace("-", "−")
    place = f"{site['chrom']}:{junction:,}|{junction + 1:,} ({strand})"
    parts = [
        f"P({unit.positive_name}) = {exemplar.probability:.2f}",
        f"{site['splice_type']} {place}",
        f"gene {gene}" if pd.notna(gene) else "no gene",
        f"site {exemplar.site_id}",
    ]
    if pd.notna(site["score"]):
        parts.insert(1, f"predictor score {site['score']:.2f}")
    page.write(exemplar.rule, MARGIN + 0.17, page.top, size=8, weight="bold")
    shift = 0.17 + measure_text(exemplar.rule, 8, "bold") + 0.2
    text = shorten_text(" · ".join(parts), BODY_WIDTH - shift, 8)
    page.write(text, MARGIN + shift, page.top, size=8, color=MUTED)
    page.top += TITLE
    return page.top
