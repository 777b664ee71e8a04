"""Evidence cards: for each named explanation what it looks like, and three sites."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.features import Word
from error_sequence_model.figures import (
    BODY_WIDTH,
    INK,
    MARGIN,
    MUTED,
    Page,
    PageSpec,
    count_words,
    draw_attribution,
    draw_letters,
    round_up,
    shorten_text,
)
from error_sequence_model.reports.findings.causes import get_names, read_unit_causes
from error_sequence_model.reports.findings.explanations import (
    HIT,
    read_unit_explanations,
    say_ratio,
    say_share,
)
from error_sequence_model.reports.findings.motifs import read_unit_motifs
from error_sequence_model.reports.prose import explain
from error_sequence_model.reports.sections.why import say_effects
from error_sequence_model.reports.sections.words import (
    INDENT,
    CardSize,
    draw_card,
    place_all_words,
    place_unit_words,
)
from error_sequence_model.results import ReportData, Unit

TITLE = "Evidence for the explanations"
CARD = CardSize(logo=1.45, places=1.6, gap=0.26, size=7.5)
NUMBERS = 2.35  # inches of text beside logo and places
HEAD, NOTE, PLOT, MOST_CARDS, MOST_SITES = 0.32, 0.75, 1.75, 4, 3
TEXT_LINE, LETTERS, LOWEST = 0.16, 0.14, 0.12  # of a site, and of its bars
FLANK, SHOWN = 9, 44  # bases beside a word in tables; bases drawn of a site
Card = tuple[Unit, Any]


def make_evidence_pages(data: ReportData, units: Sequence[Unit]) -> list[PageSpec]:
    """Specifications of the evidence cards: one page, the first of each unit first."""
    ranked: list[tuple[int, int, Card]] = []
    for order, unit in enumerate(units):
        found = read_unit_explanations(unit)
        rows = [] if found is None else found.named.itertuples()
        ranked += [(rank, order, (unit, row)) for rank, row in enumerate(rows)]
    ranked.sort(key=lambda entry: entry[:2])
    chosen = sorted(ranked[:MOST_CARDS], key=lambda entry: (entry[1], entry[0]))
    if not chosen:
        return []
    draw = partial(
        _draw,
        data=data,
        cards=[card for *_, card in chosen],
        more=len(ranked) - len(chosen),
    )
    subtitle = (
        "Each named explanation, and three errors of the test part that have it: "
    )
    subtitle += "of those with a map, those of the highest probability of an error."
    return [PageSpec(TITLE, draw, data.footer("explanations.tsv"), subtitle)]


def _draw(page: Page, *, data: ReportData, cards: Sequence[Card], more: int) -> None:
    tables = []
    units = {unit.key: unit for unit, _ in cards}
    known = {key: place_all_words(data, unit) for key, unit in units.items()}
    end = MARGIN + INDENT + CARD.logo + CARD.places + 2 * CARD.gap + NUMBERS
    card = min((page.room - NOTE) / len(cards), HEAD + PLOT + 0.35)
    height = card - HEAD - 0.32
    for unit, row in cards:
        page.heading(f"{row.name}: {unit.name}")
        placed, top = known[unit.key], page.top
        draw_card(
            *(page, unit, placed, row.explanation, _describe_row(unit, row)),
            **{"sizes": CARD, "height": height, "right": end},
        )
        tables.append(
            _draw_sites(
                *(page, data, unit, row, choose_sites(unit, row.explanation)),
                words=[word for word in placed.words if word.key == row.explanation],
                place=(end + CARD.gap, top, card - HEAD - 0.12),
            )
        )
        page.top = top + card - HEAD
    data.write("evidence", pd.concat(tables))
    if more:
        page.bullet(f"{count_words(more, 'further explanation')}: explanations.tsv.")
    page.caption(explain("evidence"))


def choose_sites(unit: Unit, explanation: str) -> pd.DataFrame:
    """Up to three errors of the test part with an explanation.

    Those with a map come first, then those of a higher probability of an error.
    """
    found = read_unit_explanations(unit)
    if found is None or explanation not in found.sites:
        return unit.predicted.iloc[:0]
    has_it = found.sites.index[found.sites[explanation] == HIT]
    sites = unit.predicted[unit.predicted["label"] == 1]
    sites = sites[sites.index.isin(has_it)]
    method = next(iter(unit.lead.methods), None)
    mapped = unit.lead.attributions[method].site_id if method else []
    sites = sites.assign(has_map=sites.index.isin(mapped))
    by = ["has_map", "probability"]
    return sites.sort_values(by, ascending=False, kind="stable").head(MOST_SITES)


def _describe_row(unit: Unit, row: Any) -> list[tuple[str, str, str]]:
    """What is written of an explanation: text, weight and colour."""
    error, correct = get_names(unit)
    shares = f"{say_share(row.share_error, row.n_errors)} {error}, "
    shares += f"{say_share(row.share_correct, row.n_correct)} {correct}"
    place = row.place if isinstance(row.place, str) else ""
    lines = [f"{'lacked ' if row.is_absence else ''}{place}", shares]
    lines += [say_ratio(row), *say_effects(row), say_source(unit, row)]
    return [(text, "normal", INK) for text in lines]


def say_source(unit: Unit, row: Any) -> str:
    """Where an explanation comes from: maps, catalogue or a definition; what binds."""
    motifs = read_unit_motifs(unit)
    if row.kind == "flag":
        causes = read_unit_causes(unit)
        table = causes.table.set_index("flag")["definition"] if causes else {}
        return f"a named cause: {table.get(row.explanation, 'no definition stored')}"
    if motifs is None:
        return ""
    name = str(row.explanation).rpartition(":")[2]
    if row.kind == "motif" and name in set(motifs.table["motif"]):
        entry = motifs.table.set_index("motif").loc[name]
        text = f"found in the maps of {entry['n_sites']} sites; "
        matches = entry.get("matches")
        is_known = isinstance(matches, str) and matches
        return text + (f"fits {matches}" if is_known else "like no known element")
    name = name.partition("@")[0]
    own = motifs.elements[motifs.elements["element"] == name]
    factors = [f for f in own["factor"].dropna().unique()[:1] if f]
    return f"a known element; bound by {factors[0]}" if factors else "a known element"


def _draw_sites(
    page: Page,
    data: ReportData,
    unit: Unit,
    row: Any,
    sites: pd.DataFrame,
    *,
    words: list[Word],
    place: tuple[float, float, float],
) -> pd.DataFrame:
    """Coordinates, letters and maps of some sites; give them as a table.

    Args:
        page: The page.
        data: The report's data.
        unit: The unit.
        row: The explanation.
        sites: The sites.
        words: Its word, if it is one.
        place: Left, top and height of the room, inches.
    """
    left, top, height = place
    width = MARGIN + BODY_WIDTH - left
    ids = sites.index.to_numpy()
    places = place_unit_words(data, unit, words, ids)
    places = places.drop_duplicates("site_id").set_index("site_id")
    sequences = data.get_sequences(ids) if len(sites) else {}
    found = read_unit_explanations(unit)
    upstream = int(found.summary["upstream"]) if found else 0
    method = next(iter(unit.lead.methods), "")
    is_mapped = bool(method) and unit.lead.has_passed(method) is not False
    maps = unit.lead.attributions[method].pick(ids) if is_mapped else {}
    step = height / MOST_SITES
    rows = []
    if sites.empty:
        page.write("no such error in the test part", left, top, size=7.5, color=MUTED)
    for number, (site_id, site) in enumerate(sites.iterrows()):
        hit = places.loc[site_id] if site_id in places.index else None
        span = (-1, 1) if hit is None else (int(hit["start"]), int(hit["end"]))
        where = say_span(site, *span)
        gene = site["gene_name"] if pd.notna(site["gene_name"]) else site["gene_id"]
        parts = [where, f"P {site['probability']:.2f}"]
        parts += [str(gene)] if pd.notna(gene) else []
        text = shorten_text(" · ".join(parts), width, 7.5)
        line = top + number * step
        page.write(text, left, line, size=7.5, color=INK)
        sequence = sequences.get(int(site_id), "")
        bars = step - TEXT_LINE - LETTERS - 0.1
        if sequence and bars >= LOWEST:
            start = sum(span) // 2 - SHOWN // 2
            start = min(max(start, -upstream), len(sequence) - upstream - SHOWN)
            strip = {"start": start, "end": start + SHOWN}
            box = (left, line + TEXT_LINE, width)
            if int(site_id) in maps:
                ax = page.axes(*box, bars)
                values = maps[int(site_id)]
                limit = round_up(float(np.abs(values).max(initial=0.0)))
                draw_attribution(ax, values, -upstream, limit=limit, **strip)
                ax.set_yticks([])
            ax = page.axes(left, line + TEXT_LINE + bars, width, LETTERS)
            shown = sequence[start + upstream :][:SHOWN]
            draw_letters(ax, shown, start, **strip)
            if hit is not None:
                ax.axvspan(span[0] - 0.5, span[1] - 0.5, fc="none", ec=INK, lw=1.2)
        rows.append(
            {
                **{"contrast": unit.contrast, "splice_type": unit.splice_type},
                **{"explanation": row.explanation, "site_id": site_id, "place": where},
                "probability": site["probability"],
                "letters": show_word(sequence, upstream, *span),
            }
        )
    return pd.DataFrame(rows)


def say_span(site: pd.Series, start: int, end: int) -> str:
    """Offsets [start, end) of a site on the genome, 1-based: "chr5:1,201-1,207 (+)"."""
    junction = int(site["junction"])
    if site["strand"] == "+":
        low, high = junction + start, junction + end
    else:
        low, high = junction - end, junction - start
    strand = site["strand"].replace("-", "−")
    return f"{site['chrom']}:{low + 1:,}-{high:,} ({strand})"


def show_word(sequence: str, upstream: int, start: int, end: int) -> str:
    """A word in capitals between its neighbours in small letters."""
    first, last = start + upstream, end + upstream
    before = sequence[max(first - FLANK, 0) : first].lower()
    return f"{before} {sequence[first:last]} {sequence[last : last + FLANK].lower()}"
