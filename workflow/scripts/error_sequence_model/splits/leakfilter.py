"""Finding and excluding what training and validation share with the test sites."""

from __future__ import annotations

import numpy as np
import pandas as pd

from error_sequence_model.settings import SplitSettings
from error_sequence_model.splits.homology import hash_windows
from error_sequence_model.splits.near_copies import NearCopies
from error_sequence_model.splits.relatives import find_relatives

EXCLUDED = "excluded"
MOST_ASKED = 10_000  # test sites that are searched for relatives
MANY = 200_000  # sites; of more than that as many fewer are searched for


class LeakFilter:
    """Finds what parts share; windows are sketched and hashed once for all folds.

    Args:
        sites: chrom, start and end per site.
        windows: uint8 ``(n, length)``.
        settings: near_duplicates and similarity.
        families: int ``(n,)``: windows of one family must not be parted; None: may be.
    """

    def __init__(
        self,
        sites: pd.DataFrame,
        windows: np.ndarray,
        settings: SplitSettings,
        families: np.ndarray | None = None,
    ) -> None:
        self._windows, self._settings, self._families = windows, settings, families
        # Contigs end to end, so that one search does for all of them.
        starts, ends = sites["start"].to_numpy(), sites["end"].to_numpy()
        span = int(ends.max() - starts.min()) + 1
        offsets = pd.factorize(sites["chrom"])[0] * span
        self._starts, self._ends = starts + offsets, ends + offsets
        self._is_empty = windows[:, 0] == ord("N")
        self._is_empty[self._is_empty] = (windows[self._is_empty] == ord("N")).all(
            axis=1
        )
        self.digests = hash_windows(windows)
        self._near = NearCopies(windows, settings.similarity)

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
            ("relative", self._relate),
        ):
            count = 0
            if reason == "near_duplicate" and self._settings.near_duplicates == "keep":
                continue
            for weaker, stronger in (
                (["validation"], ["test"]),
                (["train"], ["test", "validation"]),
            ):
                is_weaker = np.isin(parts, weaker)
                leaks = find(is_weaker, np.isin(parts, stronger))
                count += int(leaks.sum())
                parts[leaks] = EXCLUDED
            removed[reason] = count
        return parts, removed

    def _share_sequence(self, weaker: np.ndarray, stronger: np.ndarray) -> np.ndarray:
        digests = pd.Series(self.digests)
        return digests.isin(self.digests[stronger]).to_numpy() & weaker

    def _overlap(self, weaker: np.ndarray, stronger: np.ndarray) -> np.ndarray:
        starts, ends = np.sort(self._starts[stronger]), np.sort(self._ends[stronger])
        # Those that begin before our end, less those that end before our start.
        begun = np.searchsorted(starts, self._ends, side="left")
        ended = np.searchsorted(ends, self._starts, side="right")
        return weaker & (begun > ended)

    def _resemble(self, weaker: np.ndarray, stronger: np.ndarray) -> np.ndarray:
        return self._near.measure(weaker, stronger) > 0

    def _relate(self, weaker: np.ndarray, stronger: np.ndarray) -> np.ndarray:
        families, leaks = self._families, np.zeros(len(weaker), dtype=bool)
        found = np.flatnonzero(stronger)
        # What the search for families missed is looked for among the rest.
        while families is not None and len(found):
            leaks |= np.isin(families, families[found]) & weaker
            found = find_relatives(self._windows, stronger, weaker & ~leaks)
            found = found[found >= 0]
        return leaks

    def get_training_similarity(self, parts: np.ndarray) -> np.ndarray:
        """Return each test site's greatest similarity to a training site.

        Returns:
            float32 ``(n,)``, NaN for sites that are not tested on. Below ``similarity``
            it is an estimate from k-mers that few windows share.
        """
        is_tested, is_trained = parts == "test", parts == "train"
        nearest = self._near.estimate(is_tested, is_trained)
        if self._settings.near_duplicates == "keep":
            found = self._near.measure(is_tested, is_trained, first=False)
            nearest = np.maximum(nearest, found)
        nearest[~is_tested] = np.nan
        return nearest

    def find_relatives(self, parts: np.ndarray) -> pd.Series:
        """Tell which test sites have a relative in training (see ``relatives``).

        Returns:
            Nullable booleans: null where not tested on, and beyond the first
            ``MOST_ASKED`` test sites (fewer of ``MANY`` sites), drawn at random.
        """
        is_tested = parts == "test"
        if self._families is not None:  # none is left
            return pd.Series(False, range(len(parts)), dtype="boolean").where(is_tested)
        most = MOST_ASKED * MANY // max(MANY, len(parts))
        asked = np.random.default_rng(self._settings.seed).permutation(
            np.flatnonzero(is_tested)
        )[:most]
        is_asked = np.zeros(len(parts), dtype=bool)
        is_asked[asked] = True
        found = find_relatives(self._windows, is_asked, parts == "train") >= 0
        return pd.Series(found, dtype="boolean").where(is_asked)
