"""One page of a sequence's view: warnings, legend, rows of bases with their tracks."""

from __future__ import annotations

import numpy as np

from error_sequence_model.figures.page import Page
from error_sequence_model.figures.sequence_layout import (
    ATTENTION,
    ATTRIBUTION,
    GAP,
    LABEL_SIZE,
    LANE,
    LEFT,
    LETTERS,
    RULER,
    TOKENS,
    WIDTH,
    Row,
    SequenceView,
    count_lanes,
    get_label,
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
    INK,
    MARGIN,
    MUTED,
    NEGATIVE,
    POSITIVE,
    measure_text,
    shorten_text,
)

KIND_COLOURS = {
    "donor": "#E69F00",
    "acceptor": "#E69F00",
    "polypyrimidine tract": "#56B4E9",
    "branch point": "#009E73",
    "G-run": "#C9B200",
    "motif": "#CC79A7",
}
OTHER_COLOUR = "#999999"


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
    kinds = dict.fromkeys(element.kind for element in view.highlights)
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
    draw_letters(ax, view.sequence[row.start : row.start + row.size], low, **place)
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
