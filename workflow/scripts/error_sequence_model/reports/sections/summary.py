"""Findings in words with headline numbers beside them, and what is where."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pandas as pd

from error_sequence_model.figures import (
    BODY_WIDTH,
    CLASS_NAMES,
    MARGIN,
    MUTED,
    SPLICE_COLOURS,
    Block,
    Page,
    PageSpec,
    count_words,
    draw_blocks,
    get_class_colour,
    measure_rest,
    measure_text,
    plot_forest,
    plot_stacked_counts,
    say_nothing_to_draw,
    shorten_text,
    split_blocks,
)
from error_sequence_model.reports.findings.answers import make_answer_blocks
from error_sequence_model.reports.findings.statistics import MapStatistics
from error_sequence_model.results import ReportData, Unit

SIDE_WIDTH = 2.7
FORESTS = {
    "auroc": ("AUROC (dashed: 0.5)", 0.5),
    "auprc": ("AUPRC (tick: prevalence)", None),
}
NAMES = 1.0  # inches of it for the names of the rows
# Of the list of pages: columns, inches between them, type size in points.
COLUMNS, GAP, SIZE = 3, 0.35, 8.0
LINE, HEADING = SIZE * 1.5 / 72, 0.45
CONTINUED = " (continued)"
CONTENTS = "Findings in words, and what is where"
LISTING = "What is where"
TEXT_WIDTH = BODY_WIDTH - SIDE_WIDTH - 0.35


def make_correct_page(data: ReportData) -> PageSpec:
    """The first page on calls that are no errors: what the errors have beside them."""
    first, rest = split_blocks(make_answer_blocks(data), TEXT_WIDTH)
    if rest:
        first = first[:-1]
        text = "The reports on the errors, attention_FP.pdf and attention_FN.pdf, say "
        first.append(Block("paragraph", f"{text}more."))
    title = f"{CLASS_NAMES[data.focus].capitalize()}s of {data.predictor}"
    draw = partial(_draw_summary, data=data, blocks=first)
    return PageSpec(title, draw, data.footer(), _write_subtitle(data))


def make_summary_pages(
    data: ReportData, statistics: Sequence[MapStatistics], pages: list[PageSpec]
) -> list[PageSpec]:
    """The answers in words, and what is where.

    Args:
        data: The report's data.
        statistics: Numbers of its maps.
        pages: All pages of the report, filled in before the first is drawn.
    """
    rest = make_answer_blocks(data, statistics, has_first_pages=True)
    footer, subtitle, title = data.footer(), _write_subtitle(data), CONTENTS
    specs = []
    part, rest = split_blocks(rest, BODY_WIDTH)
    while rest:
        draw = partial(draw_blocks, blocks=part, width=BODY_WIDTH)
        specs.append(PageSpec(title, draw, footer, subtitle))
        title = f"{CONTENTS}{CONTINUED}"
        part, rest = split_blocks(rest, BODY_WIDTH)
    last = PageSpec(title, lambda page: None, footer, subtitle)
    return [*specs, *make_contents_pages(part, last, pages)]


def _write_subtitle(data: ReportData) -> str:
    return (
        f"{_count_sites(data)} Held-out test part throughout; intervals: 95 % "
        "bootstrap over genes."
    )


def _count_sites(data: ReportData) -> str:
    counts = data.sites.groupby(["pred_type", "splice_type"]).size()
    own = counts.get(data.focus, pd.Series(dtype=int)).sort_index(ascending=False)
    parts = [f"{int(n):,} {kind}" for kind, n in own.items() if n]
    text = count_words(int(own.sum()), f"{data.focus} site")
    text += f" ({', '.join(parts)})" if parts else ""
    return f"{text} among {len(data.sites):,} calls."


def _draw_summary(page: Page, *, data: ReportData, blocks: Sequence[Block]) -> None:
    left = MARGIN + BODY_WIDTH - SIDE_WIDTH
    top = page.top
    draw_blocks(page, blocks=blocks, width=TEXT_WIDTH)
    table = collect_scores(data.units)
    data.write("summary_scores", table.drop(columns="color"))
    page.top = top
    for value in FORESTS:
        draw_forest(page, table, value, left=left, width=SIDE_WIDTH)
    counts = count_sites(data.sites)
    page.heading("Sites by call and splice type", left=left, width=SIDE_WIDTH)
    ax = page.axes(left + 0.6, page.top + 0.15, SIDE_WIDTH - 0.65, 1.25)
    colors = [SPLICE_COLOURS[name] for name in counts]
    plot_stacked_counts(counts, ax, colors=colors, label="sites")
    page.top += 1.7
    models = "; ".join(f"{u.name}: {u.lead.name}" for u in data.units[:4])
    page.caption(
        f"Leading model of each contrast, by validation AUPRC: {models}.",
        left=left,
        width=SIDE_WIDTH,
    )


def draw_forest(
    page: Page, table: pd.DataFrame, value: str, *, left: float, width: float
) -> None:
    """Draw one score of every unit at the cursor.

    Args:
        page: The page.
        table: From ``collect_scores``.
        value: "auroc" or "auprc".
        left: Left edge in inches.
        width: Room in inches.
    """
    label, reference = FORESTS[value]
    n = len(table)
    height = min(max(0.24 * n, 0.5), 1.3)
    page.heading(label.split(" (")[0], left=left, width=width)
    ax = page.axes(left + NAMES, page.top, width - NAMES - 0.05, height)
    if table[value].notna().any():
        marks = None if reference else "prevalence"
        plot_forest(
            table, ax, value=value, marks=marks, reference=reference, label=label
        )
        ax.set_xlim(0, 1.02)
        ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        names = [shorten_text(name, NAMES - 0.05, 7.5) for name in table["name"]]
        ax.set_yticks(range(n), names, size=7.5)
        ax.tick_params(axis="y", length=0)
    else:
        say_nothing_to_draw(ax, "no metrics stored", size=8)
    page.top += height + 0.5


def collect_scores(units: Sequence[Unit]) -> pd.DataFrame:
    """Test scores of each unit's leading model, with intervals and colour."""
    rows = [
        {
            "name": f"{unit.pair.replace(' against ', '/')} {unit.splice_type}",
            "color": get_class_colour(unit.positive_name),
            **unit.lead.scores,
            "model": unit.lead.name,
        }
        for unit in units
    ]
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


def make_contents_pages(
    blocks: Sequence[Block], spec: PageSpec, pages: list[PageSpec]
) -> list[PageSpec]:
    """A page of the last blocks and the list of pages below them, or two pages.

    Args:
        blocks: What is left of the summary, at most one page of it.
        spec: Title, footer and subtitle.
        pages: The report's pages; filled in before they are drawn.
    """
    listing = partial(_draw_listing, pages=pages)
    if not blocks:
        return [PageSpec(LISTING, listing, spec.footer, spec.subtitle)]

    def draw_both(page: Page) -> None:
        draw_blocks(page, blocks=blocks, width=BODY_WIDTH)
        listing(page)

    # About thirty pages of a report with two units, in three columns, fit below.
    if measure_rest(blocks, BODY_WIDTH) >= HEADING + 10 * LINE:
        return [PageSpec(spec.title, draw_both, spec.footer, spec.subtitle)]
    alone = partial(draw_blocks, blocks=blocks, width=BODY_WIDTH)
    return [
        PageSpec(spec.title, alone, spec.footer, spec.subtitle),
        PageSpec(LISTING, listing, spec.footer, spec.subtitle),
    ]


def list_pages(pages: Sequence[PageSpec]) -> list[tuple[str, int]]:
    """Titles with the first page of each; continuations are left out."""
    return [
        (spec.title, number)
        for number, spec in enumerate(pages, start=1)
        if not spec.title.endswith(CONTINUED) and spec.title != LISTING
    ]


def _draw_listing(page: Page, *, pages: Sequence[PageSpec]) -> None:
    entries = list_pages(pages)
    page.heading(LISTING)
    top, size, line = page.top, SIZE, LINE
    rows = -(-len(entries) // COLUMNS)
    if rows * line > page.room:
        line = page.room / rows
        size = min(SIZE, line * 72 / 1.25)
    width = (BODY_WIDTH - GAP * (COLUMNS - 1)) / COLUMNS
    for place, (title, number) in enumerate(entries):
        column, row = divmod(place, rows)
        left = MARGIN + column * (width + GAP)
        room = width - measure_text("000", size) - 0.1
        text = shorten_text(title, room, size)
        page.refer(text, title, left, top + row * line, size=size)
        page.write(
            str(number),
            left + width,
            top + row * line,
            size=size,
            color=MUTED,
            align="right",
        )
    page.top = top + rows * line
