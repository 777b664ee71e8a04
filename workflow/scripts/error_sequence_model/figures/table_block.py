"""Tables on report pages: columns as wide as their text, type that shrinks to fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from error_sequence_model.figures.page import Page
from error_sequence_model.figures.style import (
    BAD,
    BODY_WIDTH,
    GOOD,
    INK,
    MARGIN,
    MUTED,
    measure_text,
    shorten_text,
    wrap_text,
)

SMALLEST_SIZE = 6.5
GAP, SMALLEST_GAP = 0.2, 0.12  # inches between columns
LINE = 1.2  # of the type size, between the lines of one cell
ROW = 1.75  # of the type size, for a row of one line


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
    width: float = BODY_WIDTH,
    size: float = 8.0,
    most_rows: int = 25,
    rest: str = "",
    wrap_within: float = 0.0,
) -> Rows:
    """Draw a table at the cursor; type shrinks, then texts are cut or wrapped, to fit.

    Args:
        page: The page.
        columns: The columns, left to right.
        width: Room in inches.
        size: Largest type size in points.
        most_rows: Rows drawn; the others are counted in a line below.
        rest: Where the others are, for that line.
        wrap_within: Height in inches within which a text that would be cut goes on in
            a second line; rows then differ in height, so no plot can stand beside them.

    Returns:
        Where the rows lie, for a plot beside them.
    """
    n_rows = max((len(column.cells) for column in columns), default=0)
    shown = [Column(c.heading, list(c.cells)[:most_rows], c.align) for c in columns]
    fitted, gap, widths = _fit_columns(shown, width, size)
    lines = [
        _list_lines(column, room, fitted)
        for column, room in zip(shown, widths, strict=True)
    ]
    if wrap_within and any("…" in part for cells in lines for (part,) in cells):
        # Two lines of readable type are better than one of the smallest.
        total_room = _get_room(shown, width, GAP)
        for tried in (size, fitted):
            tried_widths = _cap_widths(_measure(shown, tried), total_room)
            wrapped = [
                _list_lines(column, room, tried, wrap=True)
                for column, room in zip(shown, tried_widths, strict=True)
            ]
            if sum(_get_heights(wrapped, tried)) <= wrap_within:
                fitted, gap, widths, lines = tried, GAP, tried_widths, wrapped
                break
    heights = _get_heights(lines, fitted)
    tops = [page.top + sum(heights[:row]) for row in range(len(heights))]
    total = sum(widths) + gap * (len(columns) - 1)
    place = MARGIN
    for column, cells, room in zip(shown, lines, widths, strict=True):
        edge = place + room if column.align == "right" else place
        for row, parts in enumerate(cells):
            mark = BAD if parts[0].startswith("✗") else INK
            for line, text in enumerate(parts):
                page.write(
                    text,
                    edge,
                    tops[row]
                    + fitted * (ROW / 2 + LINE * line) / 72
                    + (0.05 if row else 0),
                    size=fitted,
                    weight="normal" if row else "bold",
                    align=column.align,
                    baseline="center",
                    color=GOOD if parts[0].startswith("✓") else mark,
                )
        place += room + gap
    page.rule(tops[0] + heights[0] + 0.02, width=total, color=MUTED)
    step = fitted * ROW / 72
    rows = Rows(tops[0] + heights[0] + 0.05, step, min(n_rows, most_rows), total)
    page.top += sum(heights) + 0.1
    page.rule(page.top - 0.03, width=total)
    page.top += 0.06
    if n_rows > most_rows:
        page.caption(f"… and {n_rows - most_rows} more{rest}")
    return rows


def _list_lines(
    column: Column, room: float, size: float, wrap: bool = False
) -> list[list[str]]:
    """Lines of a column's heading and of its cells, cut or wrapped to its room."""
    weights = ["bold", *["normal"] * len(column.cells)]
    return [
        (wrap_text(text, room + 0.01, size, weight) if wrap else [])
        or [shorten_text(text, room + 0.01, size, weight)]
        for text, weight in zip([column.heading, *column.cells], weights, strict=True)
    ]


def _get_heights(lines: Sequence[list[list[str]]], size: float) -> list[float]:
    """Height in inches of the heading and of each row."""
    counts = [max(len(parts) for parts in row) for row in zip(*lines, strict=True)]
    return [size * (ROW + LINE * (count - 1)) / 72 for count in counts]


def _get_room(columns: Sequence[Column], width: float, gap: float) -> float:
    return width - gap * (len(columns) - 1)


def _measure(columns: Sequence[Column], size: float) -> list[float]:
    """Width in inches that each column's texts take."""
    return [
        max(
            [measure_text(column.heading, size, "bold")]
            + [measure_text(cell, size) for cell in column.cells]
        )
        for column in columns
    ]


def _fit_columns(
    columns: Sequence[Column], width: float, size: float
) -> tuple[float, float, list[float]]:
    """Type size, gap and column widths (inches) at which the columns fit."""
    while True:
        widths = _measure(columns, size)
        for gap in (GAP, SMALLEST_GAP):
            if sum(widths) <= _get_room(columns, width, gap):
                return size, gap, widths
        if size <= SMALLEST_SIZE:
            room = _get_room(columns, width, SMALLEST_GAP)
            return size, SMALLEST_GAP, _cap_widths(widths, room)
        size = max(size - 0.5, SMALLEST_SIZE)


def _cap_widths(widths: Sequence[float], room: float) -> list[float]:
    """Cut the widest columns (prose; the others are numbers) to one width that fits."""
    capped: list[float] = []
    for place, width in enumerate(sorted(widths)):
        fair = (room - sum(capped)) / (len(widths) - place)
        if width > fair:
            return [min(w, fair) for w in widths]
        capped.append(width)
    return list(widths)
