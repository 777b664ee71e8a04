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
from error_sequence_model.reports.sections.maps import OFFSET_LABEL
from error_sequence_model.results import ReportData, Unit

ROW_LENGTH = 100
TITLE, ATTRIBUTION, LETTERS, TOKENS, ATTENTION, GAP = 0.17, 0.5, 0.17, 0.06, 0.24, 0.11
CAPTION = 0.95
RULES = (
    "of the page's class, the one most and least clearly seen as such by the model and "
    "the one with the median probability; of the other class, the most and the least "
    "clearly seen as such"
)


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
        sites: Explained test sites with label, pred_type and ``probability`` of the
            positive class (NaN where not predicted), indexed by site_id.
        focus: The page's pred_type.
        positive_label: Label of the positive class.

    Returns:
        Exemplars in drawing order; a site is chosen once.
    """
    known = sites[sites["probability"].notna()]
    own = np.where(
        known["label"] == positive_label, known["probability"], 1 - known["probability"]
    )
    known = known.assign(own=own).sort_values("own", ascending=False, kind="stable")
    mine = known[known["pred_type"] == focus]
    rest = known[known["pred_type"] != focus]
    chosen: dict[int, Exemplar] = {}
    for table, places in ((mine, ("top", "middle", "last")), (rest, ("top", "last"))):
        for place in places:
            if len(table) == 0:
                continue
            index = {"top": 0, "middle": len(table) // 2, "last": len(table) - 1}[place]
            row = table.iloc[index]
            kind = row["pred_type"]
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
    """Specification of a unit's page of single sites."""
    return PageSpec(
        f"Single sites: {statistics.where}",
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
    exemplars = choose_exemplars(sites, data.focus, unit.positive_label)
    page.warn(statistics.warning)
    if not exemplars:
        page.paragraph("No explained site has a stored prediction, so none is chosen.")
        return
    ids = np.array([e.site_id for e in exemplars])
    sequences, tokens = data.get_sequences(ids), data.get_tokens(unit.lead, ids)
    rows = {int(s): r for s, r in zip(sites.index, explained.rows, strict=True)}
    start, end = _get_range(statistics)
    limit = round_up(
        max(
            _cut(explained.maps.scores[rows[i]], statistics, start, end)[0]
            for i in rows_of(exemplars)
        )
    )
    attention = _get_attention(unit, ids)
    ceiling = round_up(max([float(100 * a.max()) for a in attention.values()] or [1]))
    # All rows get the same height, whatever else the page must hold.
    fixed = TITLE + LETTERS + TOKENS + ATTENTION + GAP + 0.04
    height = min((page.room - CAPTION) / len(exemplars) - fixed, ATTRIBUTION)
    tables = []
    for number, exemplar in enumerate(exemplars):
        values = explained.maps.scores[rows[exemplar.site_id]]
        _draw_one(
            page,
            sites.loc[exemplar.site_id],
            exemplar,
            unit,
            (start, end),
            first=-explained.maps.upstream,
            values=values,
            limit=limit,
            height=height,
            attention=attention.get(exemplar.site_id),
            ceiling=ceiling,
            sequence=sequences.get(exemplar.site_id, ""),
            spans=tokens.get(exemplar.site_id),
            is_last=number == len(exemplars) - 1,
        )
        tables.append(
            _tabulate(exemplar, values, attention.get(exemplar.site_id), explained.maps)
        )
    data.write("exemplars", pd.concat(tables), statistics.key)
    page.top += 0.22
    share = np.mean(
        [
            _share_in_view(explained.maps.scores[rows[int(i)]], statistics, start, end)
            for i in ids
        ]
    )
    tokens_shown = any(has_long_tokens(t) for t in tokens.values())
    page.caption(
        f"{OFFSET_LABEL.capitalize()}; the line between −1 and 0 is the junction. "
        f"Bars: {statistics.method_name} in logit units (red: speaks for "
        f"{explained.names[0]}; blue: for {explained.names[1]}), one scale for all "
        f"sites, from {unit.lead.name}. "
        + (_describe_attention(unit) if attention else "")
        + ("Grey bars: tokens. " if tokens_shown else "")
        + f"The stretch shown holds {share:.0%} of |attribution|. Rule: {RULES}. "
        f"Chosen among n = {len(sites):,} explained test sites."
    )


def _describe_attention(unit: Unit) -> str:
    verdict = {True: "", False: "; FAILED its faithfulness check"}
    note = verdict.get(unit.lead.has_passed("attention"), "; not checked")
    return f"Purple: attention received (% of the total{note}). "


def rows_of(exemplars: list[Exemplar]) -> list[int]:
    """Site ids of exemplars."""
    return [exemplar.site_id for exemplar in exemplars]


def _get_range(statistics: MapStatistics) -> tuple[int, int]:
    """The hundred offsets drawn: those around the close-up's middle."""
    upstream = -int(statistics.offsets[0])
    start = -60 if statistics.splice_type == "acceptor" else -50
    start = max(start, -upstream)
    return start, start + ROW_LENGTH


def _cut(
    values: np.ndarray, statistics: MapStatistics, start: int, end: int
) -> tuple[float, float]:
    upstream = -int(statistics.offsets[0])
    seen = np.abs(values[max(start + upstream, 0) : end + upstream])
    return float(seen.max(initial=0.0)), float(seen.sum())


def _share_in_view(
    values: np.ndarray, statistics: MapStatistics, start: int, end: int
) -> float:
    total = float(np.abs(values).sum())
    return _cut(values, statistics, start, end)[1] / total if total else 0.0


def _get_attention(unit: Unit, ids: np.ndarray) -> dict[int, np.ndarray]:
    maps = unit.lead.attention
    if maps is None:
        return {}
    places = {int(s): row for row, s in enumerate(maps.site_id)}
    return {int(i): maps.scores[places[int(i)]] for i in ids if int(i) in places}


def _tabulate(exemplar: Exemplar, values: np.ndarray, attention, maps) -> pd.DataFrame:
    frame = pd.DataFrame({"offset": maps.offsets, "attribution": values})
    if attention is not None and len(attention) == len(values):
        frame["attention"] = attention
    frame.insert(0, "rule", exemplar.rule)
    frame.insert(0, "site_id", exemplar.site_id)
    return frame


def _draw_one(
    page: Page,
    site: pd.Series,
    exemplar: Exemplar,
    unit: Unit,
    view: tuple[int, int],
    *,
    first: int,
    values: np.ndarray,
    limit: float,
    height: float,
    attention: np.ndarray | None,
    ceiling: float,
    sequence: str,
    spans: np.ndarray | None,
    is_last: bool,
) -> None:
    start, end = view
    left, width = MARGIN + 0.38, BODY_WIDTH - 0.38
    _write_title(page, site, exemplar, unit)
    page.top += TITLE
    ax = page.axes(left, page.top, width, height)
    draw_attribution(ax, values, first, start=start, end=end, limit=limit)
    top = page.top
    page.top += height + 0.02
    shown = max(start, first)
    ax = page.axes(left, page.top, width, LETTERS)
    letters = sequence[shown - first : end - first]
    draw_letters(ax, letters, shown, start=start, end=end)
    page.top += LETTERS
    if has_long_tokens(spans):
        ax = page.axes(left, page.top, width, TOKENS)
        draw_tokens(ax, spans, first, start=start, end=end)
        page.top += TOKENS
    page.top += 0.02
    if attention is not None:
        ax = page.axes(left, page.top, width, ATTENTION)
        draw_attention(ax, attention * 100, first, start=start, end=end, limit=ceiling)
        page.top += ATTENTION
    line = clear_axes(page.axes(left, top, width, page.top - top), start, end)
    line.patch.set_visible(False)
    line.axvline(-0.5, color=INK, lw=0.8, ls=(0, (2, 2)))
    if is_last:
        ruler = page.axes(left, page.top + 0.02, width, 0.02)
        draw_ruler(ruler, start=start, end=end)
        ruler.tick_params(direction="out")
    page.top += GAP


def _write_title(page: Page, site: pd.Series, exemplar: Exemplar, unit: Unit) -> None:
    swatch = get_class_colour(site["pred_type"])
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
