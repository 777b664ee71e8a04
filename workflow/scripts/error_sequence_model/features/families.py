"""What a feature is: its name, unit and definition, beside the code that computes it.

A family describes its features and computes their values, one column each, from base
codes (0-3 = ACGT, 4 anything else; the junction is before index ``upstream``). Offsets
in names and definitions count from the junction, intervals are half-open.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

EDGES = (-500, -200, -100, -50, -20, 0, 20, 50, 100, 200, 500)
BASES_AT_ONCE = 2_000_000  # of windows computed together: bounds the memory


@dataclass(frozen=True)
class Feature:
    """One feature.

    Attributes:
        name: ``group:what:where``; unique.
        unit: Of its values.
        definition: In words; offsets count from the junction.
    """

    name: str
    unit: str
    definition: str

    @property
    def group(self) -> str:
        """First part of the name."""
        return self.name.split(":")[0]


class Layout(NamedTuple):
    """The windows that features are computed from: bases 5' and 3' of the junction."""

    upstream: int
    downstream: int

    @property
    def length(self) -> int:
        """Bases per window."""
        return self.upstream + self.downstream

    def clip(self, start: int, end: int) -> tuple[int, int]:
        """Cut an interval of offsets to the window; empty ones have start == end."""
        start, end = (
            min(max(x, -self.upstream), self.downstream) for x in (start, end)
        )
        return start, max(start, end)

    def get_slice(self, start: int, end: int) -> slice:
        """The columns of an interval of offsets."""
        start, end = self.clip(start, end)
        return slice(start + self.upstream, end + self.upstream)

    def cut_bins(self, edges: Sequence[int] = EDGES) -> list[tuple[int, int]]:
        """Cut the window at fixed offsets; the outer bins reach to its ends."""
        inner = [edge for edge in edges if -self.upstream < edge < self.downstream]
        cuts = [-self.upstream, *inner, self.downstream]
        return list(pairwise(cuts))


class Family(NamedTuple):
    """A set of features that are computed together.

    Attributes:
        features: What they are.
        compute: Base codes int8 (n, length), bool is_donor (n,) -> float32 (n,
            features); NaN where a feature is not defined.
    """

    features: list[Feature]
    compute: Callable[[np.ndarray, np.ndarray], np.ndarray]


def compute_families(
    families: Sequence[Family], codes: np.ndarray, is_donor: np.ndarray
) -> np.ndarray:
    """Compute families side by side, some sites at a time to bound the memory.

    Args:
        families: What to compute.
        codes: Base codes, int8 (n, length).
        is_donor: bool (n,).

    Returns:
        float32 (n, features of all families).
    """
    width = sum(len(family.features) for family in families)
    values = np.empty((len(codes), width), dtype=np.float32)
    step = max(BASES_AT_ONCE // max(codes.shape[1], 1), 1)
    for start in range(0, len(codes), step):
        rows = slice(start, start + step)
        column = 0
        for family in families:
            end = column + len(family.features)
            values[rows, column:end] = family.compute(codes[rows], is_donor[rows])
            column = end
    return values


def say_range(start: int, end: int) -> str:
    """Offsets [start, end) in words: "−20..−1"."""
    return f"{start}..{end - 1}".replace("-", "−")
