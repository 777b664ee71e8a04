"""Finding and excluding what training and validation share with the test sites."""

from __future__ import annotations

import numpy as np
import pandas as pd

from error_sequence_model.settings import SplitSettings
from error_sequence_model.splits.homology import (
    Sketch,
    find_cross_candidates,
    hash_windows,
    measure_pairs,
    sketch_windows,
)

EXCLUDED = "excluded"


class LeakFilter:
    """Finds what parts share; windows are sketched and hashed once for all folds.

    Args:
        sites: chrom, start and end per site.
        windows: uint8 ``(n, length)``.
        settings: near_duplicates and similarity.
    """

    def __init__(
        self, sites: pd.DataFrame, windows: np.ndarray, settings: SplitSettings
    ) -> None:
        self._windows, self._settings = windows, settings
        self._chroms = pd.factorize(sites["chrom"])[0]
        self._starts = sites["start"].to_numpy()
        self._ends = sites["end"].to_numpy()
        self._is_empty = (windows == ord("N")).all(axis=1)
        self.digests = hash_windows(windows)
        self._sketch: Sketch = sketch_windows(windows)

    def remove_leaks(self, parts: np.ndarray) -> tuple[np.ndarray, dict[str, int]]:
        """Exclude what leaks.

        Args:
            parts: ``(n,)`` of train, validation and test.

        Returns:
            ``(parts, removed)``: the parts with ``excluded`` in them, and how many were
            excluded for which reason (the first that applies).
        """
        parts = parts.copy()
        parts[self._is_empty] = EXCLUDED
        removed = {"only_n": int(self._is_empty.sum())}
        for reason, find in (
            ("shared_sequence", self._share_sequence),
            ("overlapping_interval", self._overlap),
            ("near_duplicate", self._resemble),
        ):
            count = 0
            if reason == "near_duplicate" and self._settings.near_duplicates == "keep":
                continue
            for weaker, stronger in (
                (["validation"], ["test"]),
                (["train"], ["test", "validation"]),
            ):
                is_weaker = np.isin(parts, weaker)
                leaks = is_weaker & find(is_weaker, np.isin(parts, stronger))
                # Repeats are compared 64 at a time: look again until none is left.
                while leaks.any():
                    count += int(leaks.sum())
                    parts[leaks] = EXCLUDED
                    is_weaker = is_weaker & ~leaks
                    leaks = is_weaker & find(is_weaker, np.isin(parts, stronger))
            removed[reason] = count
        return parts, removed

    def _share_sequence(self, weaker: np.ndarray, stronger: np.ndarray) -> np.ndarray:
        return np.isin(self.digests, self.digests[stronger]) & weaker

    def _overlap(self, weaker: np.ndarray, stronger: np.ndarray) -> np.ndarray:
        found = np.zeros(len(weaker), dtype=bool)
        for chrom in np.unique(self._chroms[weaker]):
            is_here = self._chroms == chrom
            starts = np.sort(self._starts[is_here & stronger])
            ends = np.sort(self._ends[is_here & stronger])
            rows = np.flatnonzero(is_here & weaker)
            # Those that begin before our end, less those that end before our start.
            begun = np.searchsorted(starts, self._ends[rows], side="left")
            ended = np.searchsorted(ends, self._starts[rows], side="right")
            found[rows] = begun > ended
        return found

    def _compare(
        self, query: np.ndarray, target: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        sketch, limit = self._sketch, self._settings.similarity
        pairs, counts = find_cross_candidates(sketch, sketch, query, target)
        sketched = self._windows, sketch
        similarity = measure_pairs(sketched, sketched, pairs, counts, similarity=limit)
        return pairs, similarity

    def _resemble(self, weaker: np.ndarray, stronger: np.ndarray) -> np.ndarray:
        pairs, similarity = self._compare(stronger, weaker)
        found = np.zeros(len(weaker), dtype=bool)
        found[pairs[similarity >= self._settings.similarity, 1]] = True
        return found

    def get_training_similarity(self, parts: np.ndarray) -> np.ndarray:
        """Return each test site's greatest similarity to a training site.

        Returns:
            float32 ``(n,)``, NaN for sites that are not tested on.
        """
        nearest = np.full(len(parts), np.nan, dtype=np.float32)
        nearest[parts == "test"] = 0
        pairs, similarity = self._compare(parts == "test", parts == "train")
        np.maximum.at(nearest, pairs[:, 0], similarity)
        return nearest
