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

from error_sequence_model.figures.elements import Element
from error_sequence_model.figures.page import (
    BODY_BOTTOM,
    BODY_TOP,
    PageSpec,
    write_pages,
)
from error_sequence_model.figures.sequence_layout import (
    Row,
    SequenceView,
    arrange_labels,
    choose_row_length,
    measure_row,
)
from error_sequence_model.figures.sequence_page import draw_page
from error_sequence_model.figures.style import CLASS_NAMES, use_style


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
    regions: Sequence[tuple[int, int]] = (),
    method: str = "attribution",
    model: str = "",
    checks: str = "",
    warnings: Sequence[str] = (),
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
        regions: (start, end) of high-scoring stretches, shaded behind the attribution.
        method: Attribution method, for the caption.
        model: Model, for the caption and footer.
        checks: What was checked, for the caption.
        warnings: What failed, in words; written above the tracks of every page.

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
        regions=tuple((int(start), int(end)) for start, end in regions),
        method=method,
        model=model,
        checks=checks,
        warnings=tuple(warnings),
    )
    output = Path(output_path)
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
