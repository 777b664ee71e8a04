"""What is where: the pages of a report with their numbers, after the answers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from error_sequence_model.figures import (
    BODY_BOTTOM,
    BODY_TOP,
    BODY_WIDTH,
    MARGIN,
    MUTED,
    Block,
    Page,
    PageSpec,
    draw_blocks,
    measure_blocks,
    measure_text,
    shorten_text,
)

COLUMNS, GAP, SIZE = 3, 0.35, 8.0
LINE, HEADING = SIZE * 1.5 / 72, 0.45
CONTINUED = " (continued)"


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
        return [PageSpec("What is where", listing, spec.footer, spec.subtitle)]

    def draw_both(page: Page) -> None:
        draw_blocks(page, blocks=blocks, width=BODY_WIDTH)
        listing(page)

    # About thirty pages of a report with two units, in three columns, fit below.
    room = BODY_BOTTOM - BODY_TOP - measure_blocks(blocks, BODY_WIDTH)
    if room >= HEADING + 12 * LINE:
        return [PageSpec(spec.title, draw_both, spec.footer, spec.subtitle)]
    alone = partial(draw_blocks, blocks=blocks, width=BODY_WIDTH)
    return [
        PageSpec(spec.title, alone, spec.footer, spec.subtitle),
        PageSpec("What is where", listing, spec.footer, spec.subtitle),
    ]


def list_pages(pages: Sequence[PageSpec]) -> list[tuple[str, int]]:
    """Titles with the first page of each; continuations are left out."""
    return [
        (spec.title, number)
        for number, spec in enumerate(pages, start=1)
        if not spec.title.endswith(CONTINUED) and spec.title != "What is where"
    ]


def _draw_listing(page: Page, *, pages: Sequence[PageSpec]) -> None:
    entries = list_pages(pages)
    page.heading("What is where")
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
        page.write(text, left, top + row * line, size=size)
        page.write(
            str(number),
            left + width,
            top + row * line,
            size=size,
            color=MUTED,
            align="right",
        )
    page.top = top + rows * line
