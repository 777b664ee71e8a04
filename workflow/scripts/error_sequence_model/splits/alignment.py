"""Local alignment of many pairs of windows at once, in a band of diagonals.

Match 2, mismatch -3, a gap 5 and 2 a base, as MMseqs2 and BLAST score nucleotides. A
pair's diagonal is place in the target minus place in the query; cells are computed one
anti-diagonal after the other, for all pairs of a batch together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from error_sequence_model.genome import complement_bases

IDENTITY, COVERAGE = 0.8, 0.5  # of relatives
LEEWAY = 0.01  # of both: searches place the ends of alignments a base apart
BAND = 32  # diagonals on either side of the pair's own
BATCH = 2048
LONGEST = 2000  # bases that the packed cells hold, band included
_MATCH, _MISMATCH, _GAP_OPEN, _GAP = 2, -3, -7, -2
_PLACE = 12  # bits of a place or a count in a packed cell


@dataclass(frozen=True)
class _Cell:
    """What a cell of the alignment holds: its score alone, or also start and matches.

    Packed, the larger number is the higher score, then the later start.
    """

    dtype: type[np.signedinteger]
    score: int
    match: int = 0
    query: int = 0
    target: int = 0


_SCORE = _Cell(np.int16, 1)
_PACKED = _Cell(np.int64, 1 << 3 * _PLACE, 1, 1 << 2 * _PLACE, 1 << _PLACE)


def score_diagonals(
    query: np.ndarray, target: np.ndarray, diagonals: np.ndarray
) -> np.ndarray:
    """Score the best stretch without gaps on each pair's diagonal.

    Args:
        query: uint8 ``(n_pairs, length)`` ASCII.
        target: uint8 ``(n_pairs, length)`` ASCII.
        diagonals: int ``(n_pairs,)``.

    Returns:
        int16 ``(n_pairs,)``.
    """
    # One row per place, pairs side by side.
    is_match = np.ascontiguousarray((query == _shift(target, diagonals, 0)).T)
    steps = np.where(is_match, np.int16(_MATCH), np.int16(_MISMATCH))
    best, score = np.zeros((2, len(query)), dtype=np.int16)
    for step in steps:
        score += step
        np.maximum(score, 0, out=score)
        np.maximum(best, score, out=best)
    return best


def are_relatives(
    query: np.ndarray, target: np.ndarray, diagonals: np.ndarray
) -> np.ndarray:
    """Tell which pairs have an alignment of 80 % identity over half of both.

    Args:
        query: uint8 ``(n_pairs, length)`` ASCII, at most ``LONGEST`` long.
        target: uint8 ``(n_pairs, length)`` ASCII.
        diagonals: int ``(n_pairs,)``: where the band lies.

    Returns:
        bool ``(n_pairs,)``.
    """
    length = query.shape[1]
    found = np.zeros(len(query), dtype=bool)
    # What 80 % identity scores without gaps; the rest leaves room for gaps.
    least = 0.8 * COVERAGE * length * (IDENTITY * _MATCH + (1 - IDENTITY) * _MISMATCH)
    for start in range(0, len(query), BATCH):
        rows = np.arange(start, min(start + BATCH, len(query)))
        best, _ = _align(query[rows], target[rows], diagonals[rows], _SCORE)
        rows = rows[best >= least]
        if not len(rows):
            continue
        cells, ends = _align(query[rows], target[rows], diagonals[rows], _PACKED)
        mask = (1 << _PLACE) - 1
        begun = cells >> 2 * _PLACE & mask, cells >> _PLACE & mask
        spans = [end - first for end, first in zip(ends, begun, strict=True)]
        found[rows] = (np.minimum(*spans) >= (COVERAGE - LEEWAY) * length) & (
            (cells & mask) >= (IDENTITY - LEEWAY) * np.maximum(*spans)
        )
    return found


def turn(windows: np.ndarray) -> np.ndarray:
    """Reverse-complement windows, uint8 ``(n, length)``."""
    return complement_bases(windows[:, ::-1])


def _shift(target: np.ndarray, diagonals: np.ndarray, margin: int) -> np.ndarray:
    """Move targets so that each pair's diagonal is 0, with a margin; blank outside."""
    n, length = target.shape
    # Blank far enough on both sides for every diagonal, and cut where each begins.
    reach = int(np.abs(diagonals).max(initial=0)) + margin
    padded = np.zeros((n, length + 2 * reach), dtype=np.uint8)
    inner = padded[:, reach : reach + length]
    np.copyto(inner, target, where=target != ord("N"))
    stretches = sliding_window_view(padded, length + 2 * margin, axis=1)
    return stretches[np.arange(n), reach - margin + diagonals]


def _align(
    query: np.ndarray, target: np.ndarray, diagonals: np.ndarray, cell: _Cell
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Return each pair's best cell, and where it ends in the query and moved target.

    Places, here and in packed cells, count from ``BAND`` bases before the window.
    """
    n, length = query.shape
    dtype = cell.dtype
    # One row per place, pairs side by side; the query backwards, as anti-diagonals run.
    moved = np.ascontiguousarray(_shift(target, diagonals, 2 * BAND).T)
    turned = np.pad(query, ((0, 0), (2 * BAND, 2 * BAND)), constant_values=1)
    turned = np.ascontiguousarray(turned[:, ::-1].T)
    low = dtype(-10_000 * cell.score)
    match = dtype((_MATCH - _MISMATCH) * cell.score + cell.match)
    mismatch, gap_open, gap = (
        dtype(x * cell.score) for x in (_MISMATCH, _GAP_OPEN, _GAP)
    )
    # Diagonals of even and of odd number take turns; a blank one at either end.
    sizes = BAND + 1, BAND
    score = [np.zeros((size + 2, n), dtype) for size in sizes]
    across, down = ([np.full((s + 2, n), low) for s in sizes] for _ in range(2))
    best = np.zeros(n, dtype)
    ends = np.zeros((2, n), dtype=np.int64)
    rows = np.arange(n)
    for step in range(2 * length - 1):
        now = step % 2
        size, first = sizes[now], now - BAND
        # Places of the topmost cell; the query's fall by one a cell, the target's rise.
        place, other = (step - first) // 2, (step + first) // 2
        top = len(turned) - 1 - (place + 2 * BAND)
        is_match = (
            turned[top : top + size]
            == moved[other + 2 * BAND : other + 2 * BAND + size]
        )
        left = slice(now, now + size)  # the neighbour diagonals, with their blanks
        right = slice(now + 1, now + 1 + size)
        before = 1 - now
        fresh = dtype(0)
        if cell.query:
            steps = np.arange(size)[:, None]
            fresh = (place + BAND - steps) * cell.query
            fresh = fresh + (other + BAND + steps) * cell.target
        middle = slice(1, size + 1)
        across[now][middle] = np.maximum(
            score[before][left] + gap_open, across[before][left] + gap
        )
        down[now][middle] = np.maximum(
            score[before][right] + gap_open, down[before][right] + gap
        )
        cells = np.maximum(score[now][middle], fresh)
        cells += mismatch
        cells += is_match * match
        np.maximum(cells, across[now][middle], out=cells)
        np.maximum(cells, down[now][middle], out=cells)
        score[now][middle] = cells
        if cell.query:
            top_cell = cells.argmax(axis=0)
            highest = cells[top_cell, rows]
            is_better = highest > best
            ends[:, is_better] = (
                np.stack([place + BAND - top_cell, other + BAND + top_cell])[
                    :, is_better
                ]
                + 1
            )
            best = np.where(is_better, highest, best)
        else:
            np.maximum(best, cells.max(axis=0), out=best)
    return best, (ends[0], ends[1])
