"""Text that flows over pages: blocks are measured first, then split and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from error_sequence_model.figures.page import BODY_BOTTOM, BODY_TOP, Page
from error_sequence_model.figures.style import MARGIN, wrap_text

SIZES = (9.5, 9.0, 8.5, 8.0)


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
    for size in SIZES:
        if sum(measure_block(b, width, size) for b in blocks) <= BODY_BOTTOM - BODY_TOP:
            return size
    return SIZES[-1]


def measure_blocks(blocks: Sequence[Block], width: float) -> float:
    """Height in inches of blocks at the size that ``draw_blocks`` chooses."""
    size = choose_size(blocks, width)
    return sum(measure_block(block, width, size) for block in blocks)


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
            page.heading(block.text, left=MARGIN, width=width)
        elif block.kind == "bullet":
            page.bullet(block.text, mark=block.mark, width=width, size=size)
        else:
            page.paragraph(block.text, width=width, size=size)
