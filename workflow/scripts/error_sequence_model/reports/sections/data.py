"""The data page: sites, what the reader dropped, the split and its leakage audit."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import takewhile

import pandas as pd

from error_sequence_model.figures import (
    BODY_WIDTH,
    CLASS_NAMES,
    MARGIN,
    Column,
    Page,
    PageSpec,
    draw_table,
    get_class_colour,
    measure_text,
    plot_scores,
    plot_stacked_counts,
    say_nothing_to_draw,
    shorten_text,
)
from error_sequence_model.reports.prose import explain
from error_sequence_model.reports.sections.summary import count_sites
from error_sequence_model.results import ReportData, Unit
from error_sequence_model.sites import describe_counts

PARTS = ("train", "validation", "test")
PART_COLOURS = ("#BDBDBD", "#7A5195", "#0072B2")
MOST_CHROMOSOMES = 24
LONGEST_NAME = 0.8  # inches of a contig's name
HISTOGRAM_ROOM = 1.9
MOST_LINES = 4  # on what splits left out


def make_data_page(data: ReportData) -> PageSpec:
    """Specification of the data page."""
    return PageSpec(
        "Data and split",
        partial(_draw_data, data=data),
        data.footer(),
        "Which sites were studied, where they lie, and whether training saw the test.",
    )


def _draw_data(page: Page, *, data: ReportData) -> None:
    top, half = page.top, 4.6
    page.heading("Sites", width=half)
    counts = count_sites(data.sites)
    columns = [Column("call", [f"{n} ({CLASS_NAMES[n]})" for n in counts.index])]
    for name in counts:
        columns.append(Column(name, [f"{v:,}" for v in counts[name]], "right"))
    draw_table(page, columns, width=half)
    for line in _describe_audit(data.audit):
        page.bullet(line, width=half, size=8.5)
    bottom = page.top
    page.top = top
    left = MARGIN + half + 0.5
    width = BODY_WIDTH - half - 0.5
    page.heading("Where the sites of the split lie", left=left, width=width)
    chromosomes = _count_chromosomes(data.units)
    data.write("chromosomes", chromosomes.reset_index())
    ax = page.axes(left + 0.6, page.top + 0.18, width - 0.65, 1.6)
    shown = chromosomes.head(MOST_CHROMOSOMES)
    # Names of contigs can be longer than the page is high; the table has all of them.
    prefix, contigs = split_prefix([str(name) for name in shown.index])
    shown.index = [shorten_text(name, LONGEST_NAME, 7.5) for name in contigs]
    if len(shown):
        plot_stacked_counts(shown, ax, colors=PART_COLOURS, label="sites")
        longest = max(measure_text(str(name), 7.5) for name in shown.index)
        page.top += 1.85 + (longest if len(shown) > 8 or longest > 0.55 else 0.2)
    else:
        say_nothing_to_draw(ax, "No split is stored for these contrasts.")
        page.top += 1.9
    extra = len(chromosomes) - len(shown)
    more = f" {extra} further contigs are in the table." if extra > 0 else ""
    more += f" All names begin with {prefix}" if prefix else ""
    names = "; ".join(unit.name for unit in data.units)
    page.caption(
        f"Sites per chromosome and part; {names}.{more}", left=left, width=width
    )
    page.top = max(page.top, bottom) + 0.05
    page.heading("Leakage audit")
    table = collect_leakage(data.units)
    data.write("leakage", table)
    if table.empty:
        page.bullet("No leakage audit is stored: do not trust the scores.", mark="bad")
        return
    left_out = _describe_left_out(data.units)
    if len(left_out) > MOST_LINES:
        more = f"{len(left_out) - MOST_LINES} further splits: see their leakage.json."
        left_out = [*left_out[:MOST_LINES], more]
    needed = 0.9 + HISTOGRAM_ROOM + 0.35 * len(left_out)
    room = int((page.room - needed) / (8 * 1.75 / 72)) - 1
    columns = [Column(c, table[c].tolist(), _align(c)) for c in table]
    draw_table(page, columns, most_rows=max(room, 8), rest=" in the tables folder.")
    page.caption(explain("leakage", classes=_name_counts(data.units)))
    for line in left_out:
        page.bullet(line, size=8.5)
    _draw_scores(page, data)


def _draw_scores(page: Page, data: ReportData) -> None:
    """The predictor's own score by class: what the model is not told."""
    if page.room < HISTOGRAM_ROOM:
        return
    page.heading("The predictor's own score")
    kinds = list(dict.fromkeys(k for unit in data.units for k in unit.splice_types))
    width = (BODY_WIDTH - 0.6) / 2
    height = min(page.room - 1.05, 1.5)
    tables = []
    for place, kind in enumerate(kinds[:2]):
        left = MARGIN + 0.45 + place * (width + 0.6)
        ax = page.axes(left, page.top + 0.22, width - 0.45, height)
        sites = pd.concat(
            [u.sites for u in data.units if u.splice_type in (kind, "any")]
        )
        sites = sites[~sites.index.duplicated() & (sites["splice_type"] == kind)]
        scored = sites[sites["score"].notna()]
        groups = [
            (
                name,
                get_class_colour(name),
                scored.loc[scored["pred_type"] == name, "score"],
            )
            for name in CLASS_NAMES
            if (scored["pred_type"] == name).any()
        ]
        ax.set_title(kind, pad=5)
        if groups:
            tables.append(plot_scores(groups, ax).assign(splice_type=kind))
        else:
            say_nothing_to_draw(ax, "The input table has no scores for these sites.")
    if tables:
        data.write("predictor_scores", pd.concat(tables))
    page.top += height + 0.72
    page.caption(explain("predictor_scores"))


def _name_counts(units: Sequence[Unit]) -> str:
    names = {
        name
        for unit in units
        for entry in (unit.lead.leakage.get("folds") or {}).values()
        for counts in (entry.get("counts") or {}).values()
        for name in counts
    }
    return " / ".join(sorted(names)) or "not stored"


def _align(name: str) -> str:
    return "left" if name in ("contrast", "splice type", "verdict") else "right"


def _describe_audit(audit: dict) -> list[str]:
    if not audit:
        return ["audit.json is missing: what the reader dropped is not known."]
    lines = []
    if audit.get("rows_read") is not None:
        merged = audit.get("merged_rows") or 0
        lines.append(
            f"{audit['rows_read']:,} rows read, {merged:,} merged as copies of one "
            f"site, {audit.get('sites', 0):,} sites kept."
        )
    for entry in (audit.get("dropped") or [])[:4]:
        lines.append(f"{entry.get('rows', 0):,} rows dropped: {entry.get('reason')}.")
    for kind, letters in (("donor", "GT/GC"), ("acceptor", "AG")):
        shares = (audit.get("consensus") or {}).get(kind) or {}
        parts = [
            f"{s:.1%} on the {k.replace('-', '−')} strand"
            for k, s in shares.items()
            if s is not None
        ]
        if parts:
            lines.append(
                f"TP {kind}s with {letters} at the junction: {', '.join(parts)}."
            )
    return [*lines, *describe_counts(audit)]


def _describe_left_out(units: Sequence[Unit]) -> list[str]:
    """Sites that a split left out, and names of it that no site has."""
    reasons = {
        "other_dinucleotide": "not GT or AG",
        "partly_shared": "made by some other predictors, not by all",
        "not_judged": "not judged by another predictor",
        "no_window": "without a window",
        "only_n": "of N only",
        "shared_sequence": "equal to a held-out window",
        "overlapping_interval": "overlapping one",
        "near_duplicate": "near-copies of one",
        "relative": "relatives of one",
        "unmatched": "left over by matching",
    }
    lines = []
    for unit in units:
        audit = unit.lead.leakage
        counts = dict(audit.get("left_out") or {})
        for entry in (audit.get("folds") or {}).values():
            for reason, n in (entry.get("removed") or {}).items():
                counts[reason] = counts.get(reason, 0) + n
        told = [f"{n:,} {reasons.get(key, key)}" for key, n in counts.items() if n]
        if audit.get("absent"):
            told.append(f"no site is on {', '.join(audit['absent'])}")
        if told:
            lines.append(f"{unit.name}, left out of the split: {'; '.join(told)}.")
    return lines


def split_prefix(names: Sequence[str]) -> tuple[str, list[str]]:
    """Part what all names begin with, up to a separator, from what tells them apart.

    Returns:
        The prefix, empty if they share none, and the names without it.
    """
    if len(names) < 2:
        return "", list(names)
    letters = zip(*names, strict=False)
    shared = "".join(
        first for first, *_ in takewhile(lambda s: len(set(s)) == 1, letters)
    )
    place = max(shared.rfind(mark) for mark in "_:.|") + 1
    return shared[:place], [name[place:] for name in names]


def _count_chromosomes(units: Sequence[Unit]) -> pd.DataFrame:
    frames = [unit.sites[["chrom", "part"]] for unit in units if len(unit.sites)]
    if not frames:
        return pd.DataFrame(columns=list(PARTS))
    frame = pd.concat(frames)
    frame = frame[~frame.index.duplicated()]
    table = pd.crosstab(frame["chrom"], frame["part"])
    table = table.reindex(columns=list(PARTS), fill_value=0)
    return table.loc[
        table.sum(axis=1).sort_values(ascending=False, kind="stable").index
    ]


def collect_leakage(units: Sequence[Unit]) -> pd.DataFrame:
    """The leakage audits as text cells, one row per unit and fold."""
    keys = {
        "same sequence": "shared_sequences",
        "reverse compl.": "shared_reverse_complements",
        "overlap": "overlapping_intervals",
        "near copies": "near_duplicates",
        "shared genes": "shared_genes",
        "with relatives": "with_relatives",
        "removed": "removed_from_training",
    }
    rows = []
    for unit in units:
        audit = unit.lead.leakage
        for fold, entry in (audit.get("folds") or {}).items():
            row = {
                "contrast": unit.contrast,
                "splice type": unit.splice_type,
                "fold": str(fold),
            }
            row |= {name: str(entry.get(key, "–")) for name, key in keys.items()}
            counts = entry.get("counts") or {}
            for part in PARTS:
                cells = [f"{n:,}" for _, n in sorted(counts.get(part, {}).items())]
                row[part] = " / ".join(cells) or "–"
            row["verdict"] = "✓ passed" if audit.get("passed") else "✗ FAILED"
            rows.append(row)
    return pd.DataFrame(rows)
