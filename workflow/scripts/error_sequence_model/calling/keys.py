"""Sites as numbers: one int64 per site, so that looking up and matching is arithmetic.

A key is ``channel << 40 | junction``, a channel ``(contig * 2 + is_plus) * 2 +
is_donor``; contigs are numbered as the genome has them and end before 2**40. Sorted
keys are sites in order, contig by contig.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from error_sequence_model.core import InputError

logger = logging.getLogger(__name__)

BITS = 40
JUNCTION = (1 << BITS) - 1
DONOR = 1 << BITS  # flipped, it is the other splice type
# A predictor's own rounding may step over the ends of the range.
SLACK = 1e-3


def make_keys(sites: pd.DataFrame, contigs: pd.Index) -> np.ndarray:
    """Keys of sites, int64 ``(n,)``.

    Args:
        sites: chrom (all among the contigs), junction, strand, splice_type.
        contigs: Names of the genome's contigs.
    """
    return join_keys(
        contigs.get_indexer(sites["chrom"]),
        sites["junction"].to_numpy(np.int64),
        sites["strand"].eq("+").to_numpy(),
        sites["splice_type"].eq("donor").to_numpy(),
    )


def join_keys(
    contig: np.ndarray | int,
    junction: np.ndarray,
    is_plus: np.ndarray | bool,
    is_donor: np.ndarray | bool,
) -> np.ndarray:
    """Keys of sites given by their parts, int64 ``(n,)``."""
    channel = (np.asarray(contig, np.int64) * 2 + is_plus) * 2 + is_donor
    return (channel << BITS) + junction


def get_exonic_bases(keys: np.ndarray) -> np.ndarray:
    """The exonic base (0-based) next to each junction, as ``strand << 40 | base``.

    A strand is ``contig * 2 + is_plus``.
    """
    channel = keys >> BITS
    is_left = (channel & 1) == (channel >> 1 & 1)
    return ((channel >> 1) << BITS) + (keys & JUNCTION) - is_left


def find_twins(keys: np.ndarray) -> np.ndarray:
    """Sites of the other type at the same exonic base."""
    channel = keys >> BITS
    is_left = (channel & 1) == (channel >> 1 & 1)
    return (keys ^ DONOR) + np.where(is_left, -1, 1)


def is_among(keys: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Whether each key is one of the known ones (sorted), bool ``(n,)``."""
    if not len(known):
        return np.zeros(len(keys), dtype=bool)
    return known[np.minimum(np.searchsorted(known, keys), len(known) - 1)] == keys


def make_frame(keys: np.ndarray, contigs: pd.Index) -> pd.DataFrame:
    """The SITE columns of keys."""
    channel = keys >> BITS
    columns = {
        "chrom": contigs.to_numpy()[channel >> 2],
        "junction": keys & JUNCTION,
        "strand": np.where(channel >> 1 & 1, "+", "-"),
        "splice_type": np.where(channel & 1, "donor", "acceptor"),
    }
    frame = pd.DataFrame(columns)
    return frame.astype(dict.fromkeys(("chrom", "strand", "splice_type"), "str"))


def name_channels(channels: Iterable[int], contigs: pd.Index) -> dict[str, list[str]]:
    """Contig -> its channels in words ("donor +")."""
    found: dict[str, list[str]] = {}
    for channel in channels:
        splice_type = "donor" if channel & 1 else "acceptor"
        words = f"{splice_type} {'+' if channel >> 1 & 1 else '-'}"
        found.setdefault(contigs[channel >> 2], []).append(words)
    return found


@dataclass(frozen=True)
class Scores:
    """A predictor's scores.

    Attributes:
        contigs: Names of the genome's contigs.
        keys: int64 ``(n,)``, sorted, each once.
        levels: float32 ``(n,)``, above 0.
        channels: int64, sorted: those that had any score, 0 too.
        is_untyped: Types were told by the sequence, as the predictor has one score for
            both; a base may then have both.
    """

    contigs: pd.Index
    keys: np.ndarray
    levels: np.ndarray
    channels: np.ndarray
    is_untyped: bool = False

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, contigs: pd.Index) -> Scores:
        """Scores of a table: SITE columns and score; of copies the best."""
        store = ScoreStore(contigs)
        store.add(make_keys(frame, contigs), frame["score"].to_numpy(), "scores")
        return store.sort()

    def look_up(self, keys: np.ndarray) -> np.ndarray:
        """The score at each key, 0 where there is none; float32 ``(n,)``."""
        if not len(self.keys):
            return np.zeros(len(keys), np.float32)
        rows = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[rows] == keys, self.levels[rows], np.float32(0))

    def choose(self, kept: np.ndarray, channels: np.ndarray | None = None) -> Scores:
        """Some of the scores, bool ``(n,)``; other channels where they are given."""
        given = self.channels if channels is None else channels
        keys, levels = self.keys[kept], self.levels[kept]
        return Scores(self.contigs, keys, levels, given, self.is_untyped)

    def declare(self, places: pd.DataFrame) -> Scores:
        """Note that contigs and strands (chrom, strand) were scored, whatever came."""
        first = places[["chrom", "strand"]].drop_duplicates().assign(junction=0)
        found = [
            make_keys(first.assign(splice_type=kind), self.contigs) >> BITS
            for kind in ("donor", "acceptor")
        ]
        channels = np.union1d(self.channels, np.concatenate(found))
        return replace(self, channels=channels)

    def to_frame(self) -> pd.DataFrame:
        """SITE columns and score."""
        return make_frame(self.keys, self.contigs).assign(score=self.levels)


@dataclass
class ScoreStore:
    """Scores as they are read, part by part.

    Attributes:
        contigs: Names of the genome's contigs.
        minimum: Scores below are taken for none.
        is_untyped: See ``Scores``.
    """

    contigs: pd.Index
    minimum: float = 0.0
    is_untyped: bool = False
    _keys: list[np.ndarray] = field(default_factory=list)
    _values: list[np.ndarray] = field(default_factory=list)
    _channels: set[int] = field(default_factory=set)

    def check(self, values: np.ndarray, place: str) -> None:
        """Refuse scores outside 0 to 1; ``place`` says where they come from.

        Raises:
            InputError: Names the score and the remedy.
        """
        worst = [
            v
            for v in (values.max(initial=0), values.min(initial=0))
            if not -SLACK <= v <= 1 + SLACK
        ]
        if worst:
            raise InputError(
                f"{place}: a score of {worst[0]:g}; scores lie between 0 and 1: divide "
                "percent by 100, a BED's by 1000, or give the predictor's probabilities"
            )

    def mark(self, keys: np.ndarray) -> None:
        """Note that the channels of keys were scored."""
        self._channels.update(np.unique(keys >> BITS).tolist())

    def is_kept(self, values: np.ndarray) -> np.ndarray:
        """Which scores are high enough to be one, bool ``(n,)``."""
        return (values > 0) & (values >= self.minimum)

    def add(self, keys: np.ndarray, values: np.ndarray, place: str) -> None:
        """Take in scores: int64 keys, finite values, both ``(n,)``; see ``check``."""
        self.check(values, place)
        self.mark(keys)
        kept = self.is_kept(values)
        self._keys.append(keys[kept])
        self._values.append(values[kept].astype(np.float32).clip(0, 1))

    def sort(self) -> Scores:
        """All of them; of copies of a site the best."""
        keys = np.concatenate([np.zeros(0, np.int64), *self._keys])
        values = np.concatenate([np.zeros(0, np.float32), *self._values])
        self._keys.clear()
        self._values.clear()
        if (np.diff(keys) <= 0).any():
            order = np.argsort(keys, kind="stable")
            keys, values = keys[order], values[order]
            first = np.flatnonzero(np.diff(keys, prepend=-1))
            if len(first) < len(keys):
                best = np.maximum.reduceat(values, first)
                differ = int((best > np.minimum.reduceat(values, first)).sum())
                if differ:
                    logger.warning(
                        "scores: %d positions have several scores (overlapping genes, "
                        "or a file given twice?); the highest is taken",
                        differ,
                    )
                keys, values = keys[first], best
        channels = np.array(sorted(self._channels), dtype=np.int64)
        return Scores(self.contigs, keys, values, channels, self.is_untyped)
