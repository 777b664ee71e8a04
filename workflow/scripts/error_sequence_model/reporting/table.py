"""Tables on report pages: columns as wide as their text, type that shrinks to fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from error_sequence_model.drawing.style import (
    BAD,
    BODY_WIDTH,
    GOOD,
    INK,
    MARGIN,
    MUTED,
    measure_text,
    shorten_text,
)
from error_sequence_model.reporting.layout import Page

SMALLEST_SIZE = 6.5


@dataclass(frozen=True)
class Column:
    """A table column: heading, cells, alignment.

    Attributes:
        heading: Text above the cells.
        cells: One text per row; "✓ …" and "✗ …" are coloured.
        align: "left" or "right".
    """

    heading: str
    cells: Sequence[str]
    align: str = "left"


class Rows(NamedTuple):
    """Where a table's rows lie, in inches: first top, height of each, number, width."""

    top: float
    step: float
    count: int
    width: float


def draw_table(
    page: Page,
    columns: Sequence[Column],
    *,
    left: float = MARGIN,
    width: float = BODY_WIDTH,
    size: float = 8.0,
    most_rows: int = 25,
    rest: str = "",
    stretch: bool = False,
) -> Rows:
    """Draw a table at the cursor; type shrinks, then texts are cut, to fit.

    Args:
        page: The page.
        columns: The columns, left to right.
        left: Left edge in inches.
        width: Room in inches.
        size: Largest type size in points.
        most_rows: Rows drawn; the others are counted in a line below.
        rest: Where the others are, for that line.
        stretch: Spread the columns over the whole width.

    Returns:
        Where the rows lie, for a plot beside them.
    """
    n_rows = max((len(column.cells) for column in columns), default=0)
    shown = [Column(c.heading, list(c.cells)[:most_rows], c.align) for c in columns]
    gap = 0.2
    size, widths = _fit_columns(shown, width - gap * (len(columns) - 1), size)
    free = width - gap * (len(columns) - 1) - sum(widths)
    if stretch and free > 0 and len(columns) > 1:
        gap += free / (len(columns) - 1)
    step = size * 1.75 / 72
    total = sum(widths) + gap * (len(columns) - 1)
    place = left
    for column, room in zip(shown, widths, strict=True):
        edge = place + room if column.align == "right" else place
        for row, cell in enumerate([column.heading, *column.cells]):
            weight = "bold" if row == 0 else "normal"
            mark = BAD if cell.startswith("✗") else INK
            page.write(
                shorten_text(cell, room + 0.01, size, weight),
                edge,
                page.top + step * (row + 0.5) + (0.05 if row else 0),
                size=size,
                weight=weight,
                align=column.align,
                baseline="center",
                color=GOOD if cell.startswith("✓") else mark,
            )
        place += room + gap
    page.rule(page.top + step + 0.02, left=left, width=total, color=MUTED)
    rows = Rows(page.top + step + 0.05, step, min(n_rows, most_rows), total)
    page.top += step * (rows.count + 1) + 0.1
    page.rule(page.top - 0.03, left=left, width=total)
    page.top += 0.06
    if n_rows > most_rows:
        page.caption(f"… and {n_rows - most_rows} more{rest}", left=left)
    return rows


def _fit_columns(
    columns: Sequence[Column], room: float, size: float
) -> tuple[float, list[float]]:
    """Type size and column widths (inches) at which the columns fit into the room."""
    while True:
        widths = [
            max(
                [measure_text(column.heading, size, "bold")]
                + [measure_text(cell, size) for cell in column.cells]
            )
            for column in columns
        ]
        if sum(widths) <= room or size <= SMALLEST_SIZE:
            break
        size = max(size - 0.5, SMALLEST_SIZE)
    return size, _cap_widths(widths, room)


def _cap_widths(widths: Sequence[float], room: float) -> list[float]:
    """Cut the widest columns (prose; the others are numbers) to one width that fits."""
    capped: list[float] = []
    for place, width in enumerate(sorted(widths)):
        fair = (room - sum(capped)) / (len(widths) - place)
        if width > fair:
            return [min(w, fair) for w in widths]
        capped.append(width)
    return list(widths)
