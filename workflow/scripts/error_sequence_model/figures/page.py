"""A report page: title, footer, flowing text, tables and axes placed in inches.

Positions are inches from the page's top left corner. ``Page.top`` is the cursor: what
is added moves it down, so that text never lands on text. Text that flows over pages is
made of blocks, which are measured first, then split and drawn.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from error_sequence_model.core import atomic_path
from error_sequence_model.figures.links import Link, add_links, add_outline
from error_sequence_model.figures.style import (
    BAD,
    BODY_SIZE,
    BODY_WIDTH,
    GOOD,
    INK,
    LINK,
    MARGIN,
    MUTED,
    PAGE_HEIGHT,
    PAGE_WIDTH,
    RULE,
    SHADE,
    SMALL_SIZE,
    measure_text,
    open_pdf,
    shorten_text,
    wrap_text,
)

logger = logging.getLogger(__name__)

BODY_TOP = 1.08
BODY_BOTTOM = PAGE_HEIGHT - 0.55
MARKS = {"good": ("✓", GOOD), "bad": ("✗", BAD), "open": ("○", MUTED), "": ("•", MUTED)}
# From the top of a line, and from its middle, down to its baseline, in type sizes.
RISES = {"top": 0.76, "center": 0.26}
TEXT_SIZES = (9.5, 9.0, 8.5, 8.0)  # of blocks, largest first
PAGES_AT_ONCE = 6  # drawn before the memory of them is given back


@dataclass(frozen=True)
class PageSpec:
    """One page to be: its title and the function that draws it.

    Attributes:
        title: Heading of the page.
        draw: Fills the page.
        footer: What the page's figures come from.
        subtitle: Line under the heading.
        group: What it is filed under in the PDF's outline; empty: the top.
    """

    title: str
    draw: Callable[[Page], None]
    footer: str = ""
    subtitle: str = ""
    group: str = ""


class _Line(Text):
    """A line of plain text that is drawn without being measured first.

    Matplotlib measures every text by shaping it, which takes as long as drawing it; a
    page has hundreds. Alignments are left or right, and top or center.
    """

    def draw(self, renderer: RendererBase) -> None:
        """Draw it."""
        text, size = self.get_text(), self.get_fontsize()
        if not text:
            return
        scale = renderer.points_to_pixels(1.0)
        x, y = self.get_transform().transform(self.get_unitless_position())
        if self.get_ha() == "right":
            x -= measure_text(text, size, self.get_fontweight()) * 72 * scale
        y -= RISES[self.get_va()] * size * scale
        if renderer.flipy():
            y = renderer.get_canvas_width_height()[1] - y
        gc = renderer.new_gc()
        gc.set_foreground(self.get_color())
        font = self.get_fontproperties()
        renderer.draw_text(gc, x, y, text, font, 0.0, ismath=False, mtext=self)
        gc.restore()


class Page:
    """One landscape A4 page.

    Args:
        spec: Title, subtitle and footer.
        header: Short name of the document, top right.
        number: This page's number.
        total: Number of pages.
        numbers: Of the first page of each title, for links.
    """

    def __init__(
        self,
        spec: PageSpec,
        *,
        header: str,
        number: int,
        total: int,
        numbers: Mapping[str, int] | None = None,
    ):
        self.figure = Figure(figsize=(PAGE_WIDTH, PAGE_HEIGHT))
        self.top = BODY_TOP
        self.number, self.numbers = number, numbers or {}
        self.links: list[Link] = []
        self.write(
            header, PAGE_WIDTH - MARGIN, 0.42, size=8, color=MUTED, align="right"
        )
        room = BODY_WIDTH - measure_text(header, 8) - 0.3
        title = shorten_text(spec.title, room, 15, "bold")
        self.write(title, MARGIN, 0.42, size=15, weight="bold", baseline="center")
        if spec.subtitle:
            subtitle = shorten_text(spec.subtitle, BODY_WIDTH, 9)
            self.write(subtitle, MARGIN, 0.72, size=9, color=MUTED, baseline="center")
        self.rule(0.9)
        bottom = PAGE_HEIGHT - 0.32
        self.rule(bottom - 0.12)
        pages = f"page {number} of {total}"
        footer = shorten_text(spec.footer, BODY_WIDTH - 1.2, 7)
        self.write(footer, MARGIN, bottom, size=7, color=MUTED, baseline="center")
        self.write(
            pages,
            PAGE_WIDTH - MARGIN,
            bottom,
            size=7,
            color=MUTED,
            align="right",
            baseline="center",
        )

    @property
    def room(self) -> float:
        """Inches left between the cursor and the footer."""
        return BODY_BOTTOM - self.top

    def write(
        self,
        text: str,
        left: float,
        top: float,
        *,
        size: float = BODY_SIZE,
        color: str = INK,
        weight: str = "normal",
        align: str = "left",
        baseline: str = "top",
    ) -> None:
        """Write one line at a place in inches; ``align`` is about ``left``."""
        line = _Line(
            *(left / PAGE_WIDTH, 1 - top / PAGE_HEIGHT, text),
            **{"fontsize": size, "color": color, "fontweight": weight},
            **{"ha": align, "va": baseline, "transform": self.figure.transFigure},
        )
        self.figure.add_artist(line)

    def refer(
        self,
        text: str,
        title: str,
        left: float,
        top: float,
        *,
        size: float = SMALL_SIZE,
        color: str = LINK,
    ) -> float:
        """Write a line that leads to a page, if the report has it; give its width."""
        number = self.numbers.get(title)
        if number is None:
            return 0.0
        self.write(text, left, top, size=size, color=color)
        width, height = measure_text(text, size), size * 1.3 / 72
        self.links.append(Link(left, top - 0.01, width, height, number))
        return width

    def rule(
        self,
        top: float,
        *,
        left: float = MARGIN,
        width: float = BODY_WIDTH,
        color: str = RULE,
    ) -> None:
        """Draw a thin horizontal line."""
        self.fill(left, top, width, 0.008, color=color)

    def fill(
        self,
        left: float,
        top: float,
        width: float,
        height: float,
        *,
        color: str = SHADE,
    ) -> None:
        """Fill a rectangle behind everything else."""
        self.figure.add_artist(
            Rectangle(
                (left / PAGE_WIDTH, 1 - (top + height) / PAGE_HEIGHT),
                width / PAGE_WIDTH,
                height / PAGE_HEIGHT,
                transform=self.figure.transFigure,
                facecolor=color,
                edgecolor="none",
                zorder=-1,
            )
        )

    def axes(
        self,
        left: float,
        top: float,
        width: float,
        height: float,
    ) -> Axes:
        """Add axes whose drawing area has this place and size in inches."""
        place = (
            left / PAGE_WIDTH,
            1 - (top + height) / PAGE_HEIGHT,
            width / PAGE_WIDTH,
            height / PAGE_HEIGHT,
        )
        return self.figure.add_axes(place)

    def paragraph(
        self,
        text: str,
        *,
        left: float = MARGIN,
        width: float = BODY_WIDTH,
        size: float = BODY_SIZE,
        color: str = INK,
        weight: str = "normal",
        after: float = 0.08,
    ) -> None:
        """Write a wrapped paragraph at the cursor."""
        for line in wrap_text(text, width, size, weight):
            self.write(line, left, self.top, size=size, color=color, weight=weight)
            self.top += size * 1.42 / 72
        self.top += after

    def heading(
        self, text: str, *, left: float = MARGIN, width: float = BODY_WIDTH
    ) -> None:
        """Write a section heading at the cursor."""
        self.top += 0.06
        self.paragraph(
            text, left=left, width=width, size=10.5, weight="bold", after=0.05
        )

    def caption(
        self, text: str, *, left: float = MARGIN, width: float = BODY_WIDTH
    ) -> None:
        """Write a figure's caption at the cursor, small and grey."""
        self.paragraph(
            text, left=left, width=width, size=SMALL_SIZE, color=MUTED, after=0.1
        )

    def bullet(
        self,
        text: str,
        *,
        mark: str = "",
        left: float = MARGIN,
        width: float = BODY_WIDTH,
        size: float = BODY_SIZE,
    ) -> None:
        """Write a list item; ``mark`` is "good", "bad", "open" or "" (a dot)."""
        sign, color = MARKS[mark]
        self.write(sign, left, self.top, size=size, color=color, weight="bold")
        self.paragraph(text, left=left + 0.2, width=width - 0.2, size=size, after=0.06)

    def bullets(self, lines: Iterable[tuple[str, str] | None]) -> None:
        """Write list items with their marks; what is None has nothing to say."""
        for text, mark in filter(None, lines):
            self.bullet(text, mark=mark)

    def warn(self, text: str) -> None:
        """Write, close under the page's head, what must be read first; or nothing."""
        if text:
            self.top -= 0.08
            self.paragraph(text, size=9, color=BAD, weight="bold", after=0.02)


class Block(NamedTuple):
    """A heading, bullet or paragraph.

    Attributes:
        kind: "heading", "bullet" or "paragraph".
        text: One paragraph.
        mark: Of a bullet: "good", "bad", "open" or "".
    """

    kind: str
    text: str
    mark: str = ""


def measure_block(block: Block, width: float, size: float) -> float:
    """Height in inches that ``draw_blocks`` will use for a block."""
    if block.kind == "heading":
        lines = wrap_text(block.text, width, 10.5, "bold")
        return len(lines) * 10.5 * 1.42 / 72 + 0.11
    indent = 0.2 if block.kind == "bullet" else 0.0
    after = 0.06 if block.kind == "bullet" else 0.08
    return len(wrap_text(block.text, width - indent, size)) * size * 1.42 / 72 + after


def choose_size(blocks: Sequence[Block], width: float) -> float:
    """Largest type size at which the blocks fit on one page, or the smallest."""
    for size in TEXT_SIZES:
        if sum(measure_block(b, width, size) for b in blocks) <= BODY_BOTTOM - BODY_TOP:
            return size
    return TEXT_SIZES[-1]


def measure_rest(blocks: Sequence[Block], width: float) -> float:
    """Inches of a page's body that blocks leave free, drawn by ``draw_blocks``."""
    size = choose_size(blocks, width)
    used = sum(measure_block(block, width, size) for block in blocks)
    return BODY_BOTTOM - BODY_TOP - used


def split_blocks(
    blocks: Sequence[Block], width: float
) -> tuple[list[Block], list[Block]]:
    """Split blocks into those that fit on a page and the rest.

    A heading never stays behind alone at the foot of a page.
    """
    size = choose_size(blocks, width)
    room = BODY_BOTTOM - BODY_TOP
    count = 0
    for block in blocks:
        room -= measure_block(block, width, size)
        if room < 0:
            break
        count += 1
    count = max(count, 1)
    while 1 < count < len(blocks) and blocks[count - 1].kind == "heading":
        count -= 1
    return list(blocks[:count]), list(blocks[count:])


def draw_blocks(page: Page, *, blocks: Sequence[Block], width: float) -> None:
    """Draw blocks from the cursor down, at the size that ``split_blocks`` assumed."""
    size = choose_size(blocks, width)
    for block in blocks:
        if block.kind == "heading":
            page.heading(block.text, width=width)
        elif block.kind == "bullet":
            page.bullet(block.text, mark=block.mark, width=width, size=size)
        else:
            page.paragraph(block.text, width=width, size=size)


def make_note_page(title: str, footer: str, *texts: str | Block) -> PageSpec:
    """A page of a few words: why there is nothing to draw, and what to do about it."""
    blocks = [
        text if isinstance(text, Block) else Block("paragraph", text) for text in texts
    ]
    draw = partial(draw_blocks, blocks=blocks, width=BODY_WIDTH * 0.8)
    return PageSpec(title, draw, footer)


@contextmanager
def collect_rarely() -> Iterator[None]:
    """Within the block, garbage is what ``gc.collect`` finds among newer objects.

    A page makes some 100,000 objects in circles, and Python would look through all
    that is loaded again and again while it is drawn: a seventh of a report's time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        if was_enabled:
            gc.enable()


def write_pages(
    pages: Sequence[PageSpec], output: Path, header: str, *, title: str = ""
) -> None:
    """Draw pages into a PDF, atomically, with page numbers.

    Args:
        pages: What to draw.
        output: The file.
        header: Short name of the document, on every page.
        title: Its title in the metadata; the header if not given.
    """
    numbers: dict[str, int] = {}
    for number, spec in enumerate(pages, start=1):
        numbers.setdefault(spec.title, number)
    with (
        collect_rarely(),
        atomic_path(output) as temporary,
        open_pdf(temporary, title or header) as pdf,
    ):
        for number, spec in enumerate(pages, start=1):
            place = {"number": number, "total": len(pages), "numbers": numbers}
            page = Page(spec, header=header, **place)
            spec.draw(page)
            add_links(pdf, page.links)
            pdf.savefig(page.figure)
            if number % PAGES_AT_ONCE == 0:
                del page
                gc.collect()
        add_outline(pdf, [(spec.group, spec.title) for spec in pages])
    logger.info("%s: %d pages", output, len(pages))
