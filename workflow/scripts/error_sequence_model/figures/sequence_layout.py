"""How one sequence's view is laid out: rows of bases, lanes for names, heights.

Rows hold about a hundred bases; lengths are inches, positions bases of the sequence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from error_sequence_model.core import InputError
from error_sequence_model.figures.elements import Element
from error_sequence_model.figures.sequence_rows import has_long_tokens
from error_sequence_model.figures.style import BODY_WIDTH, MARGIN, measure_text

ROW_LENGTHS = (90, 121)
ROOM_AT_JUNCTION = 25
LEFT, WIDTH = MARGIN + 0.42, BODY_WIDTH - 0.42
LANE, ATTRIBUTION, LETTERS, TOKENS, ATTENTION = 0.17, 0.36, 0.17, 0.07, 0.18
RULER, GAP = 0.2, 0.08
LABEL_SIZE = 6.5


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
        sequence: Letters, 5' to 3' on the transcript strand.
        attention: Attention received per base, share of the total, (length,); None if
            the model has none.
        attribution: Signed attribution per base in logit units, (length,), or None.
        spans: Token spans in the sequence, int (n_tokens, 2), or None.
        junction: Interbase position of the splice site (bases 5' of it).
        prediction_type: TP, FP, FN or TN.
        probability: Predicted probability of an error, or None.
        highlights: Elements to name.
        regions: (start, end) of high-scoring stretches.
        method: Attribution method, in words.
        model: Model, in words.
        checks: What was checked, in words.
        warnings: What failed, in words.
    """

    sequence: str
    attention: np.ndarray | None
    attribution: np.ndarray | None
    spans: np.ndarray | None
    junction: int
    prediction_type: str
    probability: float | None = None
    highlights: tuple[Element, ...] = ()
    regions: tuple[tuple[int, int], ...] = ()
    method: str = "attribution"
    model: str = ""
    checks: str = ""
    warnings: tuple[str, ...] = ()

    def __post_init__(self):
        length = len(self.sequence)
        if not length:
            raise InputError("sequence: empty; give at least one base")
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
    for element in view.highlights:
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
