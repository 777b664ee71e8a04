"""The first page: the findings in words, with the headline numbers beside them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd

from error_sequence_model.drawing.data import plot_stacked_counts
from error_sequence_model.drawing.style import (
    BODY_WIDTH,
    CLASS_NAMES,
    MARGIN,
    SPLICE_COLOURS,
    get_class_colour,
    say_nothing_to_draw,
    shorten_text,
)
from error_sequence_model.figures import plot_forest
from error_sequence_model.files import write_tsv
from error_sequence_model.reporting.causes import describe_named
from error_sequence_model.reporting.data import ReportData, Unit
from error_sequence_model.reporting.flow import Block, draw_blocks, split_blocks
from error_sequence_model.reporting.layout import Page, PageSpec
from error_sequence_model.reporting.statistics import MapStatistics
from error_sequence_model.reporting.words import (
    count_words,
    describe_checks,
    describe_control,
    describe_gain,
    describe_in_short,
    describe_performance,
    describe_regions,
)

SIDE_WIDTH = 3.6


def make_summary_pages(
    data: ReportData, focus: str, statistics: Sequence[MapStatistics]
) -> list[PageSpec]:
    """The findings in words, with the headline numbers drawn beside them."""
    blocks = [
        Block("heading", "In short"),
        Block("paragraph", describe_in_short(data.units, statistics)),
    ]
    blocks += _describe_sites(data, focus)
    blocks.append(Block("heading", "Can the errors be told from sequence?"))
    blocks += [Block("bullet", describe_performance(unit)) for unit in data.units]
    blocks.append(Block("heading", "Does the language model add anything?"))
    for unit in data.units:
        text, mark = describe_gain(unit)
        blocks.append(Block("bullet", text, mark))
    blocks.append(Block("heading", "Where in the sequence?"))
    lines = [line for entry in statistics for line in describe_regions(entry)]
    lines = lines or ["No attribution maps of test sites are stored."]
    blocks += [Block("bullet", line) for line in lines]
    named = [line for unit in data.units for line in describe_named(unit)]
    if named:
        blocks.append(Block("heading", "Which causes have a name?"))
        blocks += [Block("bullet", line) for line in named]
    blocks.append(Block("heading", "Checks"))
    failed = [pair for unit in data.units for pair in describe_checks(unit)]
    failed += [describe_control(unit) for unit in data.controls]
    if all(mark == "good" for _, mark in failed):
        blocks.append(Block("bullet", "All checks passed; see the trust page.", "good"))
    blocks += [Block("bullet", text, mark) for text, mark in failed]
    blocks += [Block("bullet", note, "open") for note in data.notes]
    first, rest = split_blocks(blocks, BODY_WIDTH - SIDE_WIDTH - 0.4)
    title = f"{CLASS_NAMES[focus].capitalize()}s of {data.predictor}: summary"
    draw = partial(_draw_summary, data=data, focus=focus, blocks=first)
    subtitle = "Held-out test part throughout; intervals are 95 % bootstrap over genes."
    footer = name_report(data, focus)
    pages = [PageSpec(title, draw, footer, subtitle)]
    while rest:
        part, rest = split_blocks(rest, BODY_WIDTH)
        draw = partial(draw_blocks, blocks=part, width=BODY_WIDTH)
        pages.append(PageSpec(f"{title} (continued)", draw, footer, subtitle))
    return pages


def name_report(data: ReportData, focus: str) -> str:
    """Footer of a page about the whole report."""
    contrasts = ", ".join(dict.fromkeys(unit.contrast for unit in data.units))
    return f"predictor {data.predictor} · {focus} · contrasts {contrasts or 'none'}"


def _describe_sites(data: ReportData, focus: str) -> list[Block]:
    counts = data.sites.groupby(["pred_type", "splice_type"]).size()
    own = counts.get(focus, pd.Series(dtype=int)).sort_index(ascending=False)
    parts = [f"{int(n):,} {kind}" for kind, n in own.items() if n]
    text = f"{count_words(int(own.sum()), f'{focus} site')}"
    text += f" ({', '.join(parts)})" if parts else ""
    totals = data.sites["pred_type"].value_counts()
    rest = [f"{totals[name]:,} {name}" for name in CLASS_NAMES if name in totals]
    text += f" among {len(data.sites):,} sites: {', '.join(rest)}."
    return [Block("heading", "What was studied"), Block("bullet", text)]


def _draw_summary(
    page: Page, *, data: ReportData, focus: str, blocks: Sequence[Block]
) -> None:
    left = MARGIN + BODY_WIDTH - SIDE_WIDTH
    top = page.top
    draw_blocks(page, blocks=blocks, width=BODY_WIDTH - SIDE_WIDTH - 0.4)
    table = collect_scores(data.units)
    write_tsv(data.tables / f"{focus}.summary_scores.tsv", table.drop(columns="color"))
    n = len(table)
    height = min(max(0.24 * n, 0.5), 1.3)
    page.top = top
    for value, label, reference in (
        ("auroc", "AUROC (dashed: 0.5)", 0.5),
        ("auprc", "AUPRC (tick: prevalence)", None),
    ):
        page.heading(label.split(" (")[0], left=left, width=SIDE_WIDTH)
        ax = page.axes(left + 1.35, page.top, SIDE_WIDTH - 1.4, height)
        if table[value].notna().any():
            marks = None if reference else "prevalence"
            plot_forest(
                table, ax, value=value, marks=marks, reference=reference, label=label
            )
            ax.set_xlim(0, 1.02)
            names = [shorten_text(name, 1.3, 7) for name in table["name"]]
            ax.set_yticks(range(n), names, size=7)
            ax.tick_params(axis="y", length=0)
        else:
            say_nothing_to_draw(ax, "no metrics stored", size=8)
        page.top += height + 0.5
    counts = count_sites(data.sites)
    page.heading("Sites by call and splice type", left=left, width=SIDE_WIDTH)
    ax = page.axes(left + 0.6, page.top + 0.15, SIDE_WIDTH - 0.65, 1.25)
    colors = [SPLICE_COLOURS[name] for name in counts]
    plot_stacked_counts(counts, ax, colors=colors, label="sites")
    page.top += 1.6
    models = "; ".join(f"{u.name}: {u.lead.name}" for u in data.units[:4])
    page.caption(
        f"Leading model of each contrast, by validation AUPRC: {models}.",
        left=left,
        width=SIDE_WIDTH,
    )


def collect_scores(units: Sequence[Unit]) -> pd.DataFrame:
    """Test scores of each unit's leading model, with intervals and colour."""
    rows = []
    for unit in units:
        metrics = unit.lead.metrics
        row = {
            "name": f"{unit.contrast} {unit.splice_type}",
            "model": unit.lead.name,
            "n_sites": metrics.get("n_sites"),
            "n_genes": metrics.get("n_genes"),
            "prevalence": metrics.get("prevalence"),
            "color": get_class_colour(unit.positive_name),
        }
        intervals = metrics.get("intervals") or {}
        for value in ("auprc", "auroc"):
            row[value] = metrics.get(value)
            low, high = intervals.get(value) or (np.nan, np.nan)
            row[f"{value}_low"], row[f"{value}_high"] = low, high
        rows.append(row)
    columns = "name model n_sites n_genes prevalence color auprc auprc_low auprc_high "
    columns += "auroc auroc_low auroc_high"
    frame = pd.DataFrame(rows, columns=columns.split())
    numbers = [c for c in frame if c not in ("name", "model", "color")]
    return frame.astype(dict.fromkeys(numbers, float))


def count_sites(sites: pd.DataFrame) -> pd.DataFrame:
    """Sites by pred_type (rows) and splice type (columns); absent ones are zero."""
    table = pd.crosstab(sites["pred_type"], sites["splice_type"])
    rows = [name for name in CLASS_NAMES if name in table.index]
    columns = [c for c in ("donor", "acceptor") if c in table] or ["donor"]
    return table.reindex(index=rows, columns=columns, fill_value=0)
