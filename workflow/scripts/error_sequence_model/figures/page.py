"""A report page: title, footer, flowing text, tables and axes placed in inches.

Positions are inches from the page's top left corner. ``Page.top`` is the cursor: what
is added moves it down, so that text never lands on text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from error_sequence_model.figures.style import (
    BAD,
    BODY_SIZE,
    BODY_WIDTH,
    GOOD,
    INK,
    MARGIN,
    MUTED,
    PAGE_HEIGHT,
    PAGE_WIDTH,
    RULE,
    SHADE,
    SMALL_SIZE,
    measure_text,
    shorten_text,
    wrap_text,
)

BODY_TOP = 1.08
BODY_BOTTOM = PAGE_HEIGHT - 0.55
MARKS = {"good": ("✓", GOOD), "bad": ("✗", BAD), "open": ("○", MUTED), "": ("•", MUTED)}


@dataclass(frozen=True)
class PageSpec:
    """One page to be: its title and the function that draws it.

    Attributes:
        title: Heading of the page.
        draw: Fills the page.
        footer: What the page's figures come from.
        subtitle: Line under the heading.
    """

    title: str
    draw: Callable[[Page], None]
    footer: str = ""
    subtitle: str = ""


class Page:
    """One landscape A4 page.

    Args:
        spec: Title, subtitle and footer.
        header: Short name of the document, top right.
        number: This page's number.
        total: Number of pages.
    """

    def __init__(self, spec: PageSpec, *, header: str, number: int, total: int):
        self.figure = Figure(figsize=(PAGE_WIDTH, PAGE_HEIGHT))
        self.top = BODY_TOP
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
        family: str = "sans-serif",
    ) -> None:
        """Write one line at a place in inches; ``align`` is about ``left``."""
        self.figure.text(
            left / PAGE_WIDTH,
            1 - top / PAGE_HEIGHT,
            text,
            fontsize=size,
            color=color,
            fontweight=weight,
            ha=align,
            va=baseline,
            family=family,
        )

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
        *,
        sharex: Axes | None = None,
    ) -> Axes:
        """Add axes whose drawing area has this place and size in inches."""
        place = (
            left / PAGE_WIDTH,
            1 - (top + height) / PAGE_HEIGHT,
            width / PAGE_WIDTH,
            height / PAGE_HEIGHT,
        )
        return self.figure.add_axes(place, sharex=sharex)

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
