"""Seqlets: short stretches where a signed map is high, or low, all along.

Maps are float (n_sites, length) on the transcript strand, 5' to 3'. Stretches are
columns [start, end). Each sign is called apart, and nothing is reverse-complemented.

A stretch is a maximal-scoring segment of the map above its site's mean size (Karlin and
Altschul 1990; ended where the score falls by ``DROP``, as BLAST does). How high a score
chance gives is read off the same maps with their values in random order, and the share
of false seqlets above a score is the number of segments there over that here. Runs of
equal values, as tokens of several bases leave them, are moved as one, or every token
would be a seqlet.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from error_sequence_model.statistics import scale_maps

PERMUTATIONS = 10
DROP = 1.0  # in units of the site's 95th percentile
LONGEST = 25
SHORTEST = 4


def call_seqlets(
    maps: np.ndarray, *, fdr: float = 0.05, is_signed: bool = True, seed: int = 0
) -> pd.DataFrame:
    """Call seqlets of both signs.

    Args:
        maps: float (n_sites, length).
        fdr: Greatest share of false seqlets, per sign.
        is_signed: Whether negative values mean the opposite; else only high ones count.
        seed: Of the random orders.

    Returns:
        Columns row (of ``maps``), start, end (columns, half-open, 4 to 25 bases), sign
        (1 or -1), score (sum above the mean, in 95th percentiles) and q (share of false
        seqlets from this score up), by row and start.
    """
    scaled = scale_maps(np.asarray(maps, dtype=np.float64)).astype(np.float64)
    rng = np.random.default_rng(seed)
    shuffled = [_shuffle_runs(scaled, rng) for _ in range(PERMUTATIONS)]
    found = []
    for sign in (1, -1) if is_signed else (1,):
        segments = _find_segments(sign * scaled)
        null = pd.concat([_find_segments(sign * values) for values in shuffled])
        q = _compare_scores(segments["score"].to_numpy(), null["score"].to_numpy())
        found.append(segments.assign(sign=sign, q=q)[q <= fdr])
    seqlets = pd.concat(found, ignore_index=True)
    seqlets = _fit_lengths(seqlets, scaled)
    order = ["row", "start", "end", "sign", "score", "q"]
    return seqlets.sort_values(["row", "start", "sign"], ignore_index=True)[order]


def _shuffle_runs(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Put each row's runs of equal values in random order."""
    shuffled = np.empty_like(values)
    for row, target in zip(values, shuffled, strict=True):
        starts = np.flatnonzero(np.diff(row, prepend=np.nan) != 0)
        lengths = np.diff(np.append(starts, len(row)))
        order = rng.permutation(len(starts))
        target[:] = np.repeat(row[starts[order]], lengths[order])
    return shuffled


def _find_segments(values: np.ndarray) -> pd.DataFrame:
    """Segments of each row that score above its mean size: row, start, end, score."""
    gains = values - np.abs(values).mean(axis=1, keepdims=True)
    n = len(values)
    total, best = np.zeros(n), np.zeros(n)
    start, end = np.zeros(n, dtype=int), np.zeros(n, dtype=int)
    parts: list[np.ndarray] = []

    def close(rows: np.ndarray) -> None:
        ended = np.flatnonzero(rows & (best > 0))
        parts.append(np.column_stack([ended, start[ended], end[ended], best[ended]]))
        total[rows] = best[rows] = 0.0

    for column in range(values.shape[1]):
        start[total == 0] = column
        total += gains[:, column]
        is_best = total > best
        best[is_best], end[is_best] = total[is_best], column + 1
        close((total <= 0) | (best - total > DROP))
    close(np.ones(n, dtype=bool))
    table = np.concatenate(parts) if parts else np.zeros((0, 4))
    frame = pd.DataFrame(table, columns=["row", "start", "end", "score"])
    return frame.astype({"row": int, "start": int, "end": int})


def _compare_scores(scores: np.ndarray, null: np.ndarray) -> np.ndarray:
    """Share of false segments from each score up: float64 (n,), falling with the score.

    Args:
        scores: Scores of the maps, (n,).
        null: Scores of all their permutations.
    """
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    here = np.searchsorted(-ranked, -ranked, side="right")
    expected = (np.searchsorted(np.sort(-null), -ranked, side="right") + 1) / (
        PERMUTATIONS
    )
    share = np.minimum.accumulate(np.minimum(expected / here, 1.0)[::-1])[::-1]
    q = np.empty(len(scores))
    q[order] = share
    return q


def _fit_lengths(seqlets: pd.DataFrame, scaled: np.ndarray) -> pd.DataFrame:
    """Widen what is too short; cut what is too long to its best part."""
    length = scaled.shape[1]
    start, end = seqlets["start"].to_numpy().copy(), seqlets["end"].to_numpy().copy()
    missing = np.maximum(SHORTEST - (end - start), 0)
    start = np.clip(start - missing // 2, 0, max(length - SHORTEST, 0))
    end = np.minimum(np.maximum(end, start + SHORTEST), length)
    for index in np.flatnonzero(end - start > LONGEST):
        values = seqlets["sign"][index] * scaled[seqlets["row"][index]]
        sums = np.convolve(values[start[index] : end[index]], np.ones(LONGEST), "valid")
        start[index] += int(sums.argmax())
        end[index] = start[index] + LONGEST
    return seqlets.assign(start=start, end=end)
