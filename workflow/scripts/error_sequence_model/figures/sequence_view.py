"""One sequence on paper: letters, tokens, attribution, attention and named elements.

Rows of about a hundred bases; x is the offset from the junction, as everywhere.
Lengths are inches, positions bases of the sequence. Pages are landscape A4, as many as
the sequence needs: first laid out, then drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from error_sequence_model.core import InputError
from error_sequence_model.figures.elements import Element
from error_sequence_model.figures.page import (
    BODY_BOTTOM,
    BODY_TOP,
    Page,
    PageSpec,
    write_pages,
)
from error_sequence_model.figures.sequence_rows import (
    ATTENTION_COLOUR,
    HIGH_COLOUR,
    clear_axes,
    draw_attention,
    draw_attribution,
    draw_boxes,
    draw_letters,
    draw_ruler,
    draw_tokens,
    has_long_tokens,
    round_up,
)
from error_sequence_model.figures.style import (
    BAD,
    BODY_WIDTH,
    CLASS_NAMES,
    INK,
    MARGIN,
    MUTED,
    NEGATIVE,
    POSITIVE,
    measure_text,
    shorten_text,
    use_style,
)

ROW_LENGTHS = (90, 121)
ROOM_AT_JUNCTION = 25
LEFT, WIDTH = MARGIN + 0.42, BODY_WIDTH - 0.42
LANE, ATTRIBUTION, LETTERS, TOKENS, ATTENTION = 0.17, 0.36, 0.17, 0.07, 0.18
RULER, GAP = 0.2, 0.08
LABEL_SIZE = 6.5
KIND_COLOURS = {
    "donor": "#E69F00",
    "acceptor": "#E69F00",
    "polypyrimidine tract": "#56B4E9",
    "branch point": "#009E73",
    "G-run": "#C9B200",
    "motif": "#CC79A7",
}
OTHER_COLOUR = "#999999"


class Row(NamedTuple):
    """One row of bases.

    Attributes:
        start: First base.
        size: Bases per row.
        labels: Element, lane and whether its label is right-aligned.
    """

    start: int
    size: int
    labels: list[tuple[Element, int, bool]]


@dataclass(frozen=True)
class SequenceView:
    """What is drawn of one sequence.

    Attributes:
        sequence: Letters of the transcript strand, 5' to 3' (50 to a few thousand).
        attention: Attention received per base, share of the total, (length,); None if
            the model has none.
        attribution: Signed attribution per base in logit units, (length,), or None;
            positive speaks for an error.
        spans: Token spans in the sequence, int (n_tokens, 2), half-open, or None.
        junction: Interbase position of the splice site (bases 5' of it); the middle if
            not given.
        prediction_type: The predictor's call: TP, FP, FN or TN.
        probability: Predicted probability of an error, or None.
        highlights: Elements to name, 0-based half-open in the sequence.
        regions: (start, end) of high-scoring stretches, shaded.
        method: Attribution method, in words.
        model: Model, in words.
        checks: What was checked, in words.
        warnings: What failed, in words; written above the tracks of every page.

    Raises:
        InputError: A track of another length, or a place outside of the sequence.
    """

    sequence: str
    attention: np.ndarray | None = None
    attribution: np.ndarray | None = None
    spans: np.ndarray | None = None
    junction: int | None = None
    prediction_type: str = "FP"
    probability: float | None = None
    highlights: Sequence[Element] = ()
    regions: Sequence[tuple[int, int]] = ()
    method: str = "attribution"
    model: str = ""
    checks: str = ""
    warnings: Sequence[str] = ()

    def __post_init__(self):
        length = len(self.sequence)
        if not length:
            raise InputError("sequence: empty; give at least one base")
        if self.junction is None:
            object.__setattr__(self, "junction", length // 2)
        if not 0 <= self.junction <= length:
            raise InputError(
                f"junction {self.junction}: must lie in 0..{length}, the sequence's "
                "length"
            )
        for name in ("attention", "attribution"):
            values = getattr(self, name)
            if values is not None and len(values) != length:
                raise InputError(
                    f"{name}: {len(values)} values for {length} bases; give one per "
                    "base"
                )
        for element in self.highlights:
            if not 0 <= element.start < element.end <= length:
                raise InputError(
                    f"{element.label!r}: {element.start} to {element.end} is no "
                    f"stretch of the {length} bases (0-based, half-open)"
                )


def choose_row_length(length: int, junction: int) -> int:
    """Bases per row: as few rows as possible, the junction well inside of one.

    Args:
        length: Bases of the sequence.
        junction: Interbase position of the splice site.

    Returns:
        A number of bases between the limits of ``ROW_LENGTHS``.
    """

    def rate(bases: int) -> tuple[bool, int, int]:
        inside = min(junction % bases, bases - junction % bases)
        is_edge = (
            inside < ROOM_AT_JUNCTION and min(junction, length - junction) > inside
        )
        return is_edge, -(-length // bases), -inside

    return min(range(*ROW_LENGTHS), key=rate)


def arrange_labels(
    view: SequenceView, start: int, size: int
) -> list[tuple[Element, int, bool]]:
    """Give each element of a row a lane where its label touches no other.

    Args:
        view: The view.
        start: First base of the row.
        size: Bases per row.

    Returns:
        Element, lane (0 next to the sequence) and whether its label is flush right.
    """
    end = start + size
    per_base = WIDTH / size
    lanes: list[list[tuple[float, float]]] = []
    placed = []
    for element in sorted(view.highlights):
        left, right = max(element.start, start), min(element.end, end)
        if right <= left:
            continue
        label = measure_text(get_label(element), LABEL_SIZE) / per_base + 1.5
        from_right = left + label > end
        reach = (
            (min(left, right - label), right)
            if from_right
            else (left, max(right, left + label))
        )
        free = [
            number
            for number, taken in enumerate(lanes)
            if all(reach[1] <= low or reach[0] >= high for low, high in taken)
        ]
        lane = free[0] if free else len(lanes)
        lanes[lane:] = [[*(lanes[lane] if free else []), reach], *lanes[lane + 1 :]]
        placed.append((element, lane, from_right))
    return placed


def get_label(element: Element) -> str:
    """The text beside an element; G-runs are named by the legend alone."""
    return "" if element.kind == "G-run" else element.label


def count_lanes(labels: Sequence[tuple[Element, int, bool]]) -> int:
    """Number of lanes that a row's names take."""
    return max((lane + 1 for _, lane, _ in labels), default=0)


def measure_row(view: SequenceView, row: Row, stretch: float) -> float:
    """Height of a row with its tracks this many times as tall as they must be."""
    height = LANE * count_lanes(row.labels) + LETTERS + RULER + GAP
    height += ATTRIBUTION * stretch + 0.03 if view.attribution is not None else 0.0
    height += TOKENS if has_long_tokens(view.spans) else 0.0
    return height + (ATTENTION * stretch + 0.03 if view.attention is not None else 0.0)


def draw_sequence_view(view: SequenceView, output: Path) -> Path:
    """Draw a sequence with its tracks and named elements into a PDF; give its path."""
    with use_style():
        pages = plan_pages(view)
        header = f"{len(view.sequence):,} nt"
        write_pages(pages, output, header, title=pages[0].title)
    return output


def plan_pages(view: SequenceView) -> list[PageSpec]:
    """Distribute the rows of a sequence over pages; each is one specification."""
    size = choose_row_length(len(view.sequence), view.junction)
    starts = range(0, len(view.sequence), size)
    rows = [Row(start, size, arrange_labels(view, start, size)) for start in starts]
    room = BODY_BOTTOM - BODY_TOP - 0.3 - 0.82 - 0.2 * len(view.warnings)
    count = 1
    while max(
        sum(measure_row(view, row, 1.0) for row in part) for part in _cut(rows, count)
    ) > room and count < len(rows):
        count += 1
    name = CLASS_NAMES.get(view.prediction_type, "")
    title = f"{view.prediction_type} ({name})" if name else view.prediction_type
    if view.probability is not None:
        title += f": probability of an error {view.probability:.2f}"
    subtitle = (
        "Transcript strand, 5′ to 3′; x is the offset from the junction in bases."
    )
    return [
        PageSpec(
            title,
            partial(draw_page, view=view, rows=part, stretch=_fit(view, part, room)),
            view.model,
            subtitle,
        )
        for part in _cut(rows, count)
    ]


def _cut(rows: list[Row], count: int) -> list[list[Row]]:
    """Rows in ``count`` parts of equal size, as far as that goes."""
    edges = np.linspace(0, len(rows), count + 1).round().astype(int)
    return [rows[low:high] for low, high in pairwise(edges)]


def _fit(view: SequenceView, rows: list[Row], room: float) -> float:
    """How much taller the tracks may be than they must, so that the page is filled."""
    flat = sum(measure_row(view, row, 0.0) for row in rows)
    tracks = sum(measure_row(view, row, 1.0) for row in rows) - flat
    return min(max((room - flat) / tracks, 1.0), 3.0) if tracks else 1.0


def draw_page(
    page: Page, *, view: SequenceView, rows: list[Row], stretch: float
) -> None:
    """Draw some rows of a view, with warnings and legend above and a caption below."""
    for warning in view.warnings:
        page.paragraph(warning, size=8.5, color=BAD, weight="bold", after=0.02)
    _draw_legend(page, view)
    limits = (
        round_up(float(np.abs(view.attribution).max()))
        if view.attribution is not None
        else 1.0,
        round_up(100 * float(view.attention.max()))
        if view.attention is not None
        else 1.0,
    )
    for row in rows:
        _draw_row(page, view, row, limits, stretch)
    page.top += 0.06
    parts = [f"n = 1 sequence of {len(view.sequence):,} nt"]
    if view.model:
        parts.append(view.model)
    if view.attribution is not None:
        parts.append(
            f"bars: {view.method}, logit units (red speaks for an error, blue against)"
        )
    if view.attention is not None:
        parts.append(
            "purple: attention received, % of the total, mean over layers and heads"
        )
    if has_long_tokens(view.spans):
        parts.append("grey bars: tokens")
    elif view.spans is not None:
        parts.append("every base is a token")
    if view.regions:
        parts.append(
            "shaded: stretches of one sign above the 95th percentile of |attribution|"
        )
    text = f"{'; '.join(parts)}. {view.checks}".rstrip()
    if view.highlights:
        text += (
            " Elements are found by scanning for their letters: a match is a hint, not "
            "a finding."
        )
    page.caption(text)


def _draw_legend(page: Page, view: SequenceView) -> None:
    entries = [(POSITIVE, "for an error"), (NEGATIVE, "against")]
    if view.attribution is None:
        entries = []
    if view.attention is not None:
        entries.append((ATTENTION_COLOUR, "attention"))
    if view.regions:
        entries.append((HIGH_COLOUR, "high-scoring"))
    kinds = dict.fromkeys(element.kind for element in sorted(view.highlights))
    entries += [(KIND_COLOURS.get(kind, OTHER_COLOUR), kind) for kind in kinds]
    place = MARGIN
    for color, name in entries:
        page.fill(place, page.top + 0.02, 0.13, 0.1, color=color)
        room = MARGIN + BODY_WIDTH - place - 0.18
        text = shorten_text(name, max(room, 0.2), 8)
        page.write(text, place + 0.18, page.top, size=8)
        place += 0.18 + measure_text(text, 8) + 0.28
    text = "┊ junction"
    if MARGIN + BODY_WIDTH - place > measure_text(text, 8):
        page.write(text, place, page.top, size=8)
    page.top += 0.3


def _draw_row(
    page: Page,
    view: SequenceView,
    row: Row,
    limits: tuple[float, float],
    stretch: float,
) -> None:
    first, low = -view.junction, row.start - view.junction
    high = low + row.size
    place = {"start": low, "end": high}
    lanes = count_lanes(row.labels)
    if lanes:
        _draw_elements(page, view, row, lanes)
    page.top += LANE * lanes
    top = page.top
    if view.attribution is not None:
        ax = page.axes(LEFT, page.top, WIDTH, ATTRIBUTION * stretch)
        shades = [(start + first, end + first) for start, end in view.regions]
        draw_attribution(
            ax, view.attribution, first, limit=limits[0], shades=shades, **place
        )
        page.top += ATTRIBUTION * stretch + 0.03
    ax = page.axes(LEFT, page.top, WIDTH, LETTERS)
    letters = view.sequence[row.start : row.start + row.size].upper()
    draw_letters(ax, letters, low, **place)
    page.top += LETTERS
    if has_long_tokens(view.spans):
        ax = page.axes(LEFT, page.top, WIDTH, TOKENS)
        draw_tokens(ax, view.spans, first, **place)
        page.top += TOKENS
    if view.attention is not None:
        page.top += 0.03
        ax = page.axes(LEFT, page.top, WIDTH, ATTENTION * stretch)
        draw_attention(ax, view.attention * 100, first, limit=limits[1], **place)
        page.top += ATTENTION * stretch
    if low <= 0 <= high:
        line = clear_axes(page.axes(LEFT, top, WIDTH, page.top - top), low, high)
        line.patch.set_visible(False)
        line.axvline(-0.5, color=INK, lw=0.9, ls=(0, (2, 2)))
    length = min(row.size, len(view.sequence) - row.start)
    ruler = page.axes(LEFT, page.top + 0.02, WIDTH * length / row.size, 0.02)
    draw_ruler(ruler, start=low, end=low + length)
    ruler.tick_params(direction="out", colors=MUTED)
    page.top += RULER + GAP


def _draw_elements(
    page: Page,
    view: SequenceView,
    row: Row,
    lanes: int,
) -> None:
    low = row.start - view.junction
    high = low + row.size
    ax = page.axes(LEFT, page.top, WIDTH, LANE * lanes)
    clear_axes(ax, low, high).set_ylim(0, lanes)
    for element, lane, from_right in row.labels:
        left = max(element.start - view.junction, low)
        right = min(element.end - view.junction, high)
        color = KIND_COLOURS.get(element.kind, OTHER_COLOUR)
        span = np.array([[left, right]])
        draw_boxes(ax, span, np.array([lane]), np.array([lane + 0.22]), [color])
        ax.text(
            right - 0.5 if from_right else left - 0.5,
            lane + 0.3,
            get_label(element),
            size=LABEL_SIZE,
            ha="right" if from_right else "left",
            va="bottom",
        )
