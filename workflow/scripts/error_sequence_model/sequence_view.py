"""One sequence on paper: letters, tokens, attribution, attention and named elements.

Rows of about a hundred bases; x is the offset from the junction, as everywhere.
Pages are landscape A4, as many as the sequence needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from error_sequence_model.files import atomic_path
from error_sequence_model.report_layout import BODY_BOTTOM, BODY_TOP, Page, PageSpec
from error_sequence_model.sequence_elements import Element
from error_sequence_model.sequence_layout import (
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
    arrange_labels,
    choose_row_length,
    count_lanes,
    get_label,
    measure_row,
)
from error_sequence_model.sequence_tracks import (
    ATTENTION_COLOUR,
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
from error_sequence_model.style import (
    BODY_WIDTH,
    CLASS_NAMES,
    INK,
    MARGIN,
    MUTED,
    NEGATIVE,
    POSITIVE,
    measure_text,
    open_pdf,
    shorten_text,
    use_style,
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


def draw_sequence_view(
    sequence: str,
    output_path: str | Path,
    *,
    attention: np.ndarray | None = None,
    attribution: np.ndarray | None = None,
    spans: np.ndarray | None = None,
    junction: int | None = None,
    prediction_type: str = "FP",
    probability: float | None = None,
    highlights: Sequence[Element | tuple[int, int, str, str]] = (),
    method: str = "attribution",
    model: str = "",
) -> Path:
    """Draw one sequence with its tracks and named elements into a PDF.

    Args:
        sequence: Transcript-strand sequence, 5' to 3' (50 to a few thousand bases).
        output_path: The PDF to write.
        attention: Attention received per base, share of the total, float (length,).
        attribution: Signed attribution per base, logit units, float (length,); positive
            speaks for an error.
        spans: Token spans, int (n_tokens, 2), 0-based half-open.
        junction: Interbase position of the splice site; the middle if not given.
        prediction_type: The predictor's call: TP, FP, FN or TN.
        probability: The model's probability of an error.
        highlights: (start, end, label, kind), 0-based half-open in the sequence.
        method: Attribution method, for the caption.
        model: Model, for the caption and footer.

    Returns:
        The path of the PDF.

    Raises:
        InputError: A track of another length, or a junction outside of the sequence.
    """
    middle = len(sequence) // 2
    view = SequenceView(
        sequence=sequence.upper(),
        attention=None if attention is None else np.asarray(attention, dtype=float),
        attribution=None
        if attribution is None
        else np.asarray(attribution, dtype=float),
        spans=None if spans is None else np.asarray(spans).reshape(-1, 2),
        junction=middle if junction is None else int(junction),
        prediction_type=prediction_type,
        probability=probability,
        highlights=tuple(sorted(Element(*item) for item in highlights)),
        method=method,
        model=model,
    )
    output = Path(output_path)
    with use_style():
        pages = plan_pages(view)
        with (
            atomic_path(output) as temporary,
            open_pdf(temporary, pages[0].title) as pdf,
        ):
            for number, spec in enumerate(pages, start=1):
                header = f"{len(view.sequence):,} nt"
                page = Page(spec, header=header, number=number, total=len(pages))
                spec.draw(page)
                pdf.savefig(page.figure)
    return output


def plan_pages(view: SequenceView) -> list[PageSpec]:
    """Distribute the rows of a sequence over pages; each is one specification."""
    size = choose_row_length(len(view.sequence), view.junction)
    starts = range(0, len(view.sequence), size)
    rows = [Row(start, size, arrange_labels(view, start, size)) for start in starts]
    room = BODY_BOTTOM - BODY_TOP - 0.3 - 0.65
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
            partial(_draw_page, view=view, rows=part, stretch=_fit(view, part, room)),
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


def _draw_page(
    page: Page, *, view: SequenceView, rows: list[Row], stretch: float
) -> None:
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
    text = "; ".join(parts)
    page.caption(
        f"{text[0]}{text[1:]}. Elements are found by scanning for their letters: a "
        "match is a hint, not a finding."
        if view.highlights
        else f"{text}."
    )


def _draw_legend(page: Page, view: SequenceView) -> None:
    entries = [(POSITIVE, "for an error"), (NEGATIVE, "against")]
    if view.attribution is None:
        entries = []
    if view.attention is not None:
        entries.append((ATTENTION_COLOUR, "attention"))
    kinds = dict.fromkeys(element.kind for element in view.highlights)
    entries += [(KIND_COLOURS.get(kind, OTHER_COLOUR), kind) for kind in kinds]
    place = MARGIN
    for color, name in entries:
        page.fill(place, page.top + 0.02, 0.13, 0.1, color=color)
        room = MARGIN + BODY_WIDTH - place - 0.18
        text = shorten_text(name, max(room, 0.2), 8)
        page.write(text, place + 0.18, page.top, size=8)
        place += 0.18 + measure_text(text, 8) + 0.28
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
        draw_attribution(ax, view.attribution, first, limit=limits[0], **place)
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
