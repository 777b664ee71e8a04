"""The pages of motifs of one unit: logos, places, tests and effects.

Known elements have a page of their own: a table beside its forest plot.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from error_sequence_model.features import get_bits
from error_sequence_model.figures import (
    BAD,
    BASES,
    BODY_WIDTH,
    INK,
    MARGIN,
    MUTED,
    NEGATIVE,
    POSITIVE,
    SHADE,
    Column,
    Page,
    PageSpec,
    draw_table,
    format_number,
    format_q,
    format_ratios,
    get_class_colour,
    get_logo_limit,
    make_note_page,
    mark_junction,
    measure_text,
    plot_logo,
    plot_ratios,
    shorten_text,
)
from error_sequence_model.reports.findings.causes import get_names
from error_sequence_model.reports.findings.motifs import (
    UnitMotifs,
    describe_elements,
    describe_motif_control,
    describe_motifs,
    format_effect,
    read_unit_motifs,
    say_element,
    say_name,
    say_place,
)
from error_sequence_model.reports.findings.statistics import get_warning
from error_sequence_model.results import ReportData, Unit
from error_sequence_model.windows import say_region

ROW_HEIGHT, ROWS_PER_PAGE = 0.82, 6
NAME_WIDTH, LOGO_WIDTH, PLACE_WIDTH, GAP = 1.6, 1.6, 2.15, 0.42
REACH = 100  # offsets drawn on each side of the junction
BIN = 5


def make_motif_pages(data: ReportData, unit: Unit) -> list[PageSpec]:
    """Specifications of a unit's pages of motifs and of known elements."""
    motifs = read_unit_motifs(unit)
    title = f"Motifs: {unit.name}"
    footer = unit.footer()
    if motifs is None:
        text = (
            f"The motifs of {unit.name} are not stored (motifs.tsv, motifs.json and "
            "elements.tsv in the run folder). Set motifs.enabled: true in the config "
            "and run the workflow again."
        )
        return [make_note_page(title, footer, text)]
    _write_tables(data, unit, motifs)
    pages = _split_rows(motifs)
    counts = motifs.about["held_out"]
    error, correct = get_names(unit)
    subtitle = (
        "Found in the maps without a look at labels, on one strand; tested on all "
        f"held-out sites ({counts['errors']:,} {error}, {counts['correct']:,} "
        f"{correct}, {counts['genes']:,} genes)."
    )
    drawn = [
        PageSpec(
            title if number == 0 else f"{title} (continued)",
            partial(
                _draw_motifs,
                data=data,
                unit=unit,
                motifs=motifs,
                rows=rows,
                is_first=number == 0,
            ),
            f"{footer} · motifs.tsv",
            subtitle,
        )
        for number, rows in enumerate(pages)
    ]
    return [*drawn, make_element_page(unit, motifs, footer)]


def _split_rows(motifs: UnitMotifs) -> list[pd.DataFrame]:
    """Rows by page: significant motifs, and others as far as the first page goes."""
    count = min(max(len(motifs.significant), 5), 2 * ROWS_PER_PAGE - 1)
    rows = motifs.table.head(count)
    # The first page has a paragraph above its rows.
    parts = [rows.head(5), rows.iloc[5 : 5 + ROWS_PER_PAGE]]
    return [part for index, part in enumerate(parts) if index == 0 or len(part)]


def _write_tables(data: ReportData, unit: Unit, motifs: UnitMotifs) -> None:
    data.write("motifs", motifs.table, unit.key)
    data.write("elements", motifs.elements, unit.key)
    logos, places = [], []
    for name, entry in motifs.details.items():
        for kind, heights in (
            ("contribution", np.array(entry["contributions"])),
            ("bits", get_bits(np.array(entry["matrix"]))),
        ):
            logo = pd.DataFrame(heights, columns=list(BASES))
            logo.insert(0, "position", np.arange(1, len(logo) + 1))
            logo.insert(0, "logo", kind)
            logo.insert(0, "motif", name)
            logos.append(logo)
        places.append(_count_places(motifs, entry).assign(motif=name))
    if logos:
        data.write("motif_logos", pd.concat(logos), unit.key)
        data.write("motif_places", pd.concat(places), unit.key)


def _count_places(motifs: UnitMotifs, entry: dict[str, Any]) -> pd.DataFrame:
    """Hits per 100 sites in bins of five offsets: offset, error, correct, seqlets."""
    about = motifs.about
    low = -min(about["upstream"], REACH)
    high = min(about["downstream"], REACH)
    edges = np.arange(low, high + BIN, BIN)
    table = pd.DataFrame({"offset": edges[:-1]})
    for name, key in (("error", "errors"), ("correct", "correct")):
        counts = np.histogram(entry["hit_offsets"][name], edges)[0]
        table[name] = 100 * counts / max(about["held_out"][key], 1)
    table["seqlets"] = np.histogram(entry["seqlet_offsets"], edges)[0]
    return table


def _draw_motifs(
    page: Page,
    *,
    data: ReportData,
    unit: Unit,
    motifs: UnitMotifs,
    rows: pd.DataFrame,
    is_first: bool,
) -> None:
    warning = get_warning(unit, motifs.about["method"])
    if warning:
        page.paragraph(warning, size=9, color=BAD, weight="bold", after=0.02)
    if is_first:
        for line in describe_motifs(motifs, unit):
            page.bullet(line)
        page.bullets(map(describe_motif_control, data.controls[:1]))
    if rows.empty:
        return
    _draw_heads(page, unit)
    limit = get_logo_limit(
        [np.array(motifs.details[name]["contributions"]) for name in rows["motif"]]
    )
    for row in rows.itertuples():
        _draw_row(page, unit, motifs, row, limit, is_last=row.Index == rows.index[-1])
    error, _ = get_names(unit)
    page.top += 0.3
    page.caption(
        f"First logo: mean signed contribution, one scale for all (upwards speaks for "
        f"{error}); second: bits. Curves: hits per 100 held-out sites by offset of the "
        f"motif's first base, in bins of {BIN}; shaded: the stretch that is tested. "
        "Odds ratio: of an error with a hit there, adjusted for the composition of the "
        "rest of the window and for neighbouring sites, clustered by gene; shuffled: "
        "the same in stretches whose bases are shuffled. Δ log-odds: the motif put "
        "into held-out windows that lack it, against natural sequence of the same "
        "place [bootstrap over genes]."
    )


def _get_lefts() -> tuple[float, float, float, float, float]:
    first = MARGIN + NAME_WIDTH + 0.42
    second = first + LOGO_WIDTH + GAP
    place = second + LOGO_WIDTH + GAP
    return MARGIN, first, second, place, place + PLACE_WIDTH + 0.2


def _draw_heads(page: Page, unit: Unit) -> None:
    heads = ("motif", "contribution", "letters", "where hits lie", "test and effect")
    for left, head in zip(_get_lefts(), heads, strict=True):
        page.write(head, left, page.top, size=8, weight="bold")
    for place, name in enumerate(get_names(unit)):
        page.write(
            name,
            _get_lefts()[3] + 1.1 + 0.55 * place,
            page.top,
            size=8,
            color=get_class_colour(name),
            weight="bold",
        )
    page.top += 0.24


def _draw_row(
    page: Page, unit: Unit, motifs: UnitMotifs, row: Any, limit: float, *, is_last: bool
) -> None:
    entry, lefts = motifs.details[row.motif], _get_lefts()
    top = page.top
    color = get_finding_colour(row, motifs.about["fdr"])
    error, correct = get_names(unit)
    speaks = error if row.sign == "error" else correct
    lines = [
        (
            shorten_text(row.consensus.strip("N") or "N", NAME_WIDTH, 8.5, "bold"),
            8.5,
            "bold",
            INK,
        ),
        (f"speaks for {speaks}", 7.5, "normal", INK),
        (f"{row.n_seqlets} seqlets, {row.n_sites} sites", 7.5, "normal", MUTED),
        (say_element(row), 7.5, "normal", MUTED),
    ]
    _write_lines(page, lines, lefts[0], top, NAME_WIDTH)
    height = ROW_HEIGHT - 0.2
    logo = page.axes(lefts[1], top, LOGO_WIDTH, height)
    plot_logo(np.array(entry["contributions"]), logo, start=1, limit=limit)
    bits = page.axes(lefts[2], top, LOGO_WIDTH, height)
    plot_logo(get_bits(np.array(entry["matrix"])), bits, start=1, limit=2.0)
    bits.set_ylim(0, 2)
    for ax in (logo, bits):
        ax.set_xticks([])
        ax.tick_params(labelsize=6.5)
        ax.locator_params(axis="y", nbins=3)
    places = page.axes(lefts[3], top, PLACE_WIDTH, height)
    _plot_places(motifs, entry, row, places, names=(error, correct))
    places.tick_params(labelbottom=is_last, labelsize=6.5)
    if is_last:
        places.set_xlabel("offset from the junction", labelpad=1, size=7)
    shares = [
        f"{name} {hits / max(n, 1):.0%} ({hits})"
        for name, hits, n in (
            (error, row.error_sites, row.n_errors),
            (correct, row.correct_sites, row.n_correct),
        )
    ]
    width = MARGIN + BODY_WIDTH - lefts[4]
    lines = [
        (say_place(row), 7.5, "normal", INK),
        (" · ".join(shares), 7.5, "normal", INK),
        (f"odds ratio {format_ratios(row)}", 7.5, "bold", color),
        (f"q {format_q(row.q)} · {_say_shuffled(row)}", 7.5, "normal", INK),
        (f"Δ log-odds {format_effect(row)}", 7.5, "normal", INK),
    ]
    _write_lines(page, lines, lefts[4], top - 0.03, width)
    page.top += ROW_HEIGHT


def _say_shuffled(row: Any) -> str:
    if not np.isfinite(row.shuffled_odds_ratio):
        return "shuffled: too few"
    return f"shuffled {format_number(row.shuffled_odds_ratio)}"


def _write_lines(
    page: Page,
    lines: list[tuple[str, float, str, str]],
    left: float,
    top: float,
    width: float,
) -> None:
    for number, (text, size, weight, color) in enumerate(lines):
        while measure_text(text, size, weight) > width and size > 6:
            size -= 0.25
        page.write(
            shorten_text(text, width, size, weight),
            left,
            top + 0.145 * number,
            size=size,
            weight=weight,
            color=color,
        )


def _plot_places(
    motifs: UnitMotifs,
    entry: dict[str, Any],
    row: Any,
    ax: Axes,
    *,
    names: tuple[str, str],
) -> None:
    table = _count_places(motifs, entry)
    low, high = int(table["offset"].iloc[0]), int(table["offset"].iloc[-1]) + BIN
    ax.axvspan(max(row.start, low), min(row.end, high), color=SHADE, lw=0)
    edges = np.append(table["offset"], high)
    for column, name in zip(("error", "correct"), names, strict=True):
        ax.stairs(table[column], edges, color=get_class_colour(name), lw=1.1)
    mark_junction(ax)
    ax.set_xlim(low, high)
    ax.set_ylim(bottom=0)
    ax.locator_params(axis="y", nbins=3)


MOST_ELEMENTS = 22
FEW_ELEMENTS = 8
FOREST_WIDTH = 2.2


def make_element_page(unit: Unit, motifs: UnitMotifs, footer: str) -> PageSpec:
    """Specification of a unit's page of known elements."""
    return PageSpec(
        f"Known elements: {unit.name}",
        partial(_draw_elements, unit=unit, motifs=motifs),
        f"{footer} · elements.tsv",
        "Counted in the windows of all sites, whether or not the model uses them; "
        "their attribution beside it.",
    )


def get_finding_colour(row: Any, fdr: float) -> str:
    """Red for more frequent in errors, blue for less, grey for neither."""
    if not row.q <= fdr:
        return MUTED
    return POSITIVE if row.odds_ratio > 1 else NEGATIVE


def _choose_elements(motifs: UnitMotifs) -> pd.DataFrame:
    """Significant rows, those of their own and beyond composition first; else a few."""
    table = motifs.elements[motifs.elements["p"].notna()]
    found = table[table["significant"]]
    if found.empty:
        return table.head(FEW_ELEMENTS)
    is_own = found["explained_by"].isna() & found["beyond_composition"]
    return pd.concat([found[is_own], found[~is_own]]).head(MOST_ELEMENTS)


def _draw_elements(page: Page, *, unit: Unit, motifs: UnitMotifs) -> None:
    for line in describe_elements(motifs, unit):
        page.bullet(line)
    rows = _choose_elements(motifs)
    if rows.empty:
        page.paragraph("Too few sites have, or lack, a hit of any known element.")
        return
    error, correct = get_names(unit)
    columns = [
        Column("element", [_name_element(row) for row in rows.itertuples()]),
        Column("letters", rows["consensus"].tolist()),
        Column("region", [say_region(key) for key in rows["region"]]),
        Column(error, _write_shares(rows, "error_sites", "n_errors"), "right"),
        Column(correct, _write_shares(rows, "correct_sites", "n_correct"), "right"),
        Column("odds ratio [95 %]", [format_ratios(row) for row in rows.itertuples()]),
        Column("q", [format_q(q) for q in rows["q"]], "right"),
        Column("shuffled", _write_numbers(rows["shuffled_odds_ratio"]), "right"),
        Column("attr.", _write_numbers(rows["attribution_error"], True), "right"),
    ]
    width = BODY_WIDTH - FOREST_WIDTH - 0.25
    drawn = draw_table(page, columns, width=width, most_rows=MOST_ELEMENTS)
    left = MARGIN + width + 0.25
    ax = page.axes(left, drawn.top, FOREST_WIDTH, drawn.step * drawn.count)
    fdr = motifs.about["fdr"]
    colours = [get_finding_colour(row, fdr) for row in rows.itertuples()]
    plot_ratios(rows.assign(color=colours), ax)
    ax.set_xlabel(f"odds ratio, {error} against {correct}", labelpad=2)
    page.top += 0.36
    chosen = (
        f"the {len(rows)} most significant"
        if rows["significant"].any()
        else f"the {len(rows)} lowest p values; none is significant"
    )
    page.caption(
        f"Shown: {chosen} (all in elements.tsv). Odds ratio: of an error with a hit in "
        "the region, adjusted for the composition of the rest of the window and for "
        "neighbouring sites, clustered by gene; q: Benjamini and Hochberg over all "
        "elements and regions. Shuffled: the odds ratio where the region's bases are "
        "shuffled, what its composition alone gives. Attr.: mean scaled attribution "
        f"per base of the hits in explained {error} (– with fewer than five). (← …): "
        "that element accounts for it. Red: more frequent in errors; blue: "
        "less; grey: not significant. Ratios beyond the axis lie at its end; regions "
        "overlap."
    )


def _name_element(row: Any) -> str:
    shared, name = row.explained_by, say_name(row.element)
    return f"{name} (← {say_name(shared)})" if isinstance(shared, str) else name


def _write_shares(rows: pd.DataFrame, hits: str, total: str) -> list[str]:
    return [
        f"{n / max(of, 1):.0%} ({n:,})"
        for n, of in zip(rows[hits], rows[total], strict=True)
    ]


def _write_numbers(values: pd.Series, is_signed: bool = False) -> list[str]:
    return [format_number(value, sign=is_signed) for value in values]
