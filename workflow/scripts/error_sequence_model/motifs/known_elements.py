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

from error_sequence_model.features import (
    NAMED_BITS,
    KnownElement,
    find_element_hits,
    get_bits,
)
from error_sequence_model.statistics import adjust_p_values

LEAST_OVERLAP = 4  # columns; all of a motif that is shorter
BINS = 100
FLANK = 2  # bases beside a seqlet that an element may reach into
LEAST_SHARE = 0.6  # of the seqlets that hold a contained element
LEAST_FOLD = 3.0  # of the odds over those of the same places of other sites
MOST_CONTAINED = 3
NAMED = 0.1  # q of a likeness from which an element is a name
ALIKE = 0.75  # of the best match's bits, from which another one is as good a name
LOWEST = 0.02  # share of a base that an element does not have


class Match(NamedTuple):
    """The known element most like a motif.

    Attributes:
        name: Of the element.
        p: Chance that a target of random columns fits as well at any shift.
        q: p over all elements (Benjamini and Hochberg).
        shift: Column of the motif at which the element starts; may be negative.
        bits: Log2 odds of the element over equal bases in the motif's columns: what of
            its specificity the motif has.
    """

    name: str
    p: float
    q: float
    shift: int
    bits: float


def match_motif(matrix: np.ndarray, elements: Sequence[KnownElement]) -> list[Match]:
    """Compare a motif with every known element.

    Args:
        matrix: float (width, 4).
        elements: Known elements; twenty or more, or chance is badly measured.

    Returns:
        All of them, those first that are as like as ``NAMED`` asks; of these the ones
        with most bits, of the others the likest.
    """
    if not elements:
        return []
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
    q_values = adjust_p_values(p_values)
    matches = [
        Match(
            element.name, float(p), float(q), shift, _count_bits(matrix, element, shift)
        )
        for element, q, (p, shift) in zip(elements, q_values, found, strict=True)
    ]
    return sorted(
        matches, key=lambda m: (m.q > NAMED, -m.bits if m.q <= NAMED else m.p, m.p)
    )


def _count_bits(matrix: np.ndarray, element: KnownElement, shift: int) -> float:
    first, last = max(shift, 0), min(shift + element.width, len(matrix))
    odds = np.log2(np.maximum(element.matrix[first - shift : last - shift], LOWEST) * 4)
    return float((matrix[first:last] * odds).sum())


def name_family(
    matches: Sequence[Match],
    contained: Sequence[str],
    elements: Sequence[KnownElement],
) -> str:
    """Name what may bind a motif: an element, several that are as like, or a family.

    Args:
        matches: From ``match_motif``.
        contained: From ``list_contained``.
        elements: Known elements.

    Returns:
        "PTBP1", "HNRNPL or QKI"; where only short words fit, their letters and all that
        bind them, "GGG: HNRNPH1, HNRNPF, FUS"; empty where nothing does.
    """
    known = {element.name: element for element in elements}
    like = [match for match in matches if match.q <= NAMED]
    names = {match.name: match.bits for match in like} | {
        name: float(get_bits(known[name].matrix).sum()) for name in contained
    }
    whole = {name: get_bits(known[name].matrix).sum() for name in names}
    telling = {n: b for n, b in names.items() if whole[n] >= NAMED_BITS}
    if telling:
        least = ALIKE * max(telling.values())
        chosen = sorted((n for n in telling if telling[n] >= least), key=telling.get)
        labels = dict.fromkeys(known[name].label for name in chosen[::-1])
        return " or ".join([*labels][:2])
    if not names:
        return ""
    short = sorted(names, key=lambda name: known[name].width)
    factors = [f for name in short for f in known[name].factor.split(", ") if f]
    return f"{known[short[0]].letters}: {', '.join(dict.fromkeys(factors))}"


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
        others: Base codes of sites without the motif, int (n, length).
        rows: Row in ``codes`` of each seqlet, int (k,).
        starts: Its first column, int (k,).
        width: Bases of the motif.
        elements: Known elements.

    Returns:
        At most three names, most telling first: held by at least 60 % of the seqlets,
        with three times the odds of the same columns of the others, q ≤ 0.01.
    """
    if not len(others):
        return []
    found = []
    from scipy.stats import binomtest  # takes longer to load than to run

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
        # The same stretches of sites without it: what the place holds anyway.
        usual = np.mean(
            [
                (all_hits[:, e] - (all_hits[:, f - 1] if f else 0) > 0).mean()
                for f, e in zip(first, ends, strict=True)
            ]
        )
        usual = float(np.clip(usual, 1e-6, 1))
        p = binomtest(int(held.sum()), len(held), usual, alternative="greater").pvalue
        found.append((p, float(held.mean()), usual))
    q_values = adjust_p_values([p for p, _, _ in found])
    names = [
        (p, element.name)
        for (p, share, usual), q, element in zip(found, q_values, elements, strict=True)
        if q <= 0.01
        and share >= LEAST_SHARE
        and share * (1 - usual) >= LEAST_FOLD * usual * (1 - share)
    ]
    return [name for _, name in sorted(names)[:MOST_CONTAINED]]


def _count_between(
    counts: np.ndarray, first: np.ndarray, last: np.ndarray
) -> np.ndarray:
    """Hits that start in columns [first, last], from cumulative counts, int (k,)."""
    index = np.arange(len(counts))
    before = np.where(first > 0, counts[index, np.maximum(first - 1, 0)], 0)
    return counts[index, last] - before
