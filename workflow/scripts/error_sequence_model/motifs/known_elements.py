"""Which known element a motif is: stranded comparison of matrices, as Tomtom does it.

Matrices are float (width, 4). Columns are compared by their Euclidean distance; what a
sum over an overlap is worth is read off the exact distribution of such sums when the
target's columns are drawn from all targets' (Gupta et al. 2007, Genome Biol 8:R24).

Written out here, for forward strands only: memelite's ``tomtom`` agrees, but compiles
itself for over a minute of CPU on first use, in every new environment.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest, false_discovery_control

from error_sequence_model.features import KnownElement, find_element_hits

LEAST_OVERLAP = 4  # columns; all of a motif that is shorter
BINS = 100
FLANK = 2  # bases beside a seqlet that an element may reach into
LEAST_SHARE = 0.6  # of the seqlets that hold a contained element
LEAST_FOLD = 3.0  # over the share of the same places of all sites
MOST_CONTAINED = 3


class Match(NamedTuple):
    """The known element most like a motif.

    Attributes:
        name: Of the element.
        p: Chance that a target of random columns fits as well at any shift.
        q: p over all elements (Benjamini and Hochberg).
        shift: Column of the motif at which the element starts; may be negative.
    """

    name: str
    p: float
    q: float
    shift: int


def match_motif(matrix: np.ndarray, elements: Sequence[KnownElement]) -> Match | None:
    """Find the known element that a motif fits best.

    Args:
        matrix: float (width, 4).
        elements: Known elements; twenty or more, or chance is badly measured.

    Returns:
        The best match, however bad; None without elements.
    """
    if not elements:
        return None
    columns = np.concatenate([element.matrix for element in elements])
    likeness = -np.linalg.norm(matrix[:, None] - columns[None], axis=2)
    lowest = likeness.min()
    step = max(-lowest / BINS, 1e-9)
    steps = np.rint((likeness - lowest) / step).astype(int)
    null = _Null(steps)
    ends = np.cumsum([element.width for element in elements])
    found = []
    for end, element in zip(ends, elements, strict=True):
        found.append(_compare(steps[:, end - element.width : end], null))
    p_values = np.array([p for p, _ in found])
    q_values = false_discovery_control(p_values)
    best = int(p_values.argmin())
    return Match(
        elements[best].name,
        float(p_values[best]),
        float(q_values[best]),
        found[best][1],
    )


class _Null:
    """Distributions of sums over runs of the motif's columns, made when needed."""

    def __init__(self, steps: np.ndarray):
        size = int(steps.max()) + 1
        self.single = [np.bincount(row, minlength=size) / len(row) for row in steps]
        self.tails: dict[tuple[int, int], np.ndarray] = {}

    def get_tail(self, first: int, last: int) -> np.ndarray:
        """Chance of a sum at least that high over columns [first, last)."""
        if (first, last) not in self.tails:
            shares = np.ones(1)
            for row in self.single[first:last]:
                shares = np.convolve(shares, row)
            self.tails[first, last] = np.cumsum(shares[::-1])[::-1]
        return self.tails[first, last]


def _compare(steps: np.ndarray, null: _Null) -> tuple[float, int]:
    """Best p over all shifts, corrected for their number, and the shift."""
    width, other = steps.shape
    least = min(LEAST_OVERLAP, width, other)
    shifts = range(least - other, width - least + 1)
    best, place = 1.0, 0
    for shift in shifts:
        first, last = max(shift, 0), min(shift + other, width)
        rows = np.arange(first, last)
        total = int(steps[rows, rows - shift].sum())
        chance = float(null.get_tail(first, last)[total])
        if chance < best:
            best, place = chance, shift
    return float(-np.expm1(len(shifts) * np.log1p(-min(best, 1 - 1e-16)))), place


def list_contained(
    codes: np.ndarray,
    others: np.ndarray,
    rows: np.ndarray,
    starts: np.ndarray,
    width: int,
    elements: Sequence[KnownElement],
) -> list[str]:
    """Name the elements that most seqlets of a motif hold, and the place does not.

    An element much shorter than a motif (GGG) fits too many matrices to be matched by
    its own; whether the motif's words hold it is still a question with an answer.

    Args:
        codes: Base codes of the explained sites, int (m, length).
        others: Base codes of all held-out sites, int (n, length).
        rows: Row in ``codes`` of each seqlet, int (k,).
        starts: Its first column, int (k,).
        width: Bases of the motif.
        elements: Known elements.

    Returns:
        At most three names, most telling first: held by at least 60 % of the seqlets,
        three times as often as by the same columns of all sites, q ≤ 0.01.
    """
    found = []
    length = codes.shape[1]
    first, last = (
        np.maximum(starts - FLANK, 0),
        np.minimum(starts + width + FLANK, length),
    )
    for element in elements:
        own = np.cumsum(find_element_hits(codes, element), axis=1)
        all_hits = np.cumsum(find_element_hits(others, element), axis=1)
        ends = np.maximum(last - element.width, first)
        held = _count_between(own[rows], first, ends) > 0
        # The same stretches in every held-out site: what the place holds anyway.
        usual = np.mean(
            [
                (all_hits[:, e] - (all_hits[:, f - 1] if f else 0) > 0).mean()
                for f, e in zip(first, ends, strict=True)
            ]
        )
        usual = float(np.clip(usual, 1e-6, 1))
        p = binomtest(int(held.sum()), len(held), usual, alternative="greater").pvalue
        found.append((p, float(held.mean()), usual))
    q_values = false_discovery_control([p for p, _, _ in found]) if found else []
    names = [
        (p, element.name)
        for (p, share, usual), q, element in zip(found, q_values, elements, strict=True)
        if q <= 0.01 and share >= LEAST_SHARE and share >= LEAST_FOLD * usual
    ]
    return [name for _, name in sorted(names)[:MOST_CONTAINED]]


def _count_between(
    counts: np.ndarray, first: np.ndarray, last: np.ndarray
) -> np.ndarray:
    """Hits that start in columns [first, last], from cumulative counts, int (k,)."""
    index = np.arange(len(counts))
    before = np.where(first > 0, counts[index, np.maximum(first - 1, 0)], 0)
    return counts[index, last] - before
