"""High-scoring stretches of one map: runs of bases of one sign above a threshold."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

LEVEL = 0.95  # a base is high if it is above this share of the bases it is held to
SHORTEST, LONGEST_GAP = 3, 2


class HighRegion(NamedTuple):
    """A stretch of high scores.

    Attributes:
        start: First base, index in the map.
        end: Index after the last base.
        mean: Mean score of its high bases, signed.
    """

    start: int
    end: int
    mean: float


def find_threshold(maps: np.ndarray) -> float:
    """Magnitude above which a base is high: the 95th percentile of all magnitudes."""
    return float(np.quantile(np.abs(maps), LEVEL)) if maps.size else 0.0


def find_high_regions(values: np.ndarray, threshold: float) -> list[HighRegion]:
    """Find stretches of at least three bases whose scores are high and of one sign.

    Up to two lower bases inside a stretch do not end it, unless they are high in the
    other direction.

    Args:
        values: One map, float (length,).
        threshold: From `find_threshold`, in the unit of the map.

    Returns:
        The stretches, by rising start; they do not overlap.
    """
    found = []
    high = np.sign(values) * (np.abs(values) > threshold)
    changes = np.cumsum(np.abs(np.diff(high[high != 0], prepend=0)) == 2)
    places = np.flatnonzero(high)
    is_new = (np.diff(places) > LONGEST_GAP + 1) | (np.diff(changes) > 0)
    for run in np.split(places, np.flatnonzero(is_new) + 1):
        if len(run) >= SHORTEST:
            mean = float(values[run].mean())
            found.append(HighRegion(int(run[0]), int(run[-1]) + 1, mean))
    return found
