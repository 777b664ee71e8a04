"""TN: GT and AG dinucleotides of the scanned regions that nobody uses.

Half are hard (the best scores below the threshold), half drawn at random, as many per
dinucleotide as the FN have, so that the dinucleotide alone tells FN from TN no better
than chance. The genome is read once, piece by piece; what is drawn is kept in
reservoirs, so memory does not grow with the genes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from error_sequence_model.calling.keys import (
    BITS,
    JUNCTION,
    Scores,
    is_among,
    join_keys,
)
from error_sequence_model.calling.scan_regions import Stretches
from error_sequence_model.genome import SPLICE_TYPES, Genome, get_dinucleotides

if TYPE_CHECKING:
    from error_sequence_model.settings import CallSettings

CANONICAL = {"donor": "GT", "acceptor": "AG"}
PIECE = 1 << 22  # bases looked at once
_PLACES = np.full(256, 4, dtype=np.uint8)
_PLACES[np.frombuffer(b"ACGT", np.uint8)] = np.arange(4)


class _Reservoir:
    """Decoys of one splice type and dinucleotide, chosen as places go by."""

    def __init__(self, wanted: int, generator: np.random.Generator) -> None:
        self.wanted = wanted
        self._generator = generator
        self._keys = np.zeros(0, np.int64)
        self._draws = np.zeros(0)
        self._limit = 1.0
        self._hard = np.zeros(0, np.int64)
        self._scores = np.zeros(0, np.float32)

    def offer(self, keys: np.ndarray, taken: np.ndarray) -> None:
        """Draw from places: those of the smallest random numbers stay."""
        draws = self._generator.random(len(keys))
        kept = draws < self._limit
        keys, draws = keys[kept], draws[kept]
        is_free = ~is_among(keys, taken)
        self._keys = np.concatenate([self._keys, keys[is_free]])
        self._draws = np.concatenate([self._draws, draws[is_free]])
        if len(self._keys) > self.wanted:
            chosen = np.argpartition(self._draws, self.wanted)[: self.wanted]
            self._keys, self._draws = self._keys[chosen], self._draws[chosen]
            self._limit = self._draws.max(initial=0.0)

    def offer_hard(
        self, keys: np.ndarray, scores: np.ndarray, taken: np.ndarray
    ) -> None:
        """Keep the best-scored of places."""
        is_free = ~is_among(keys, taken)
        self._hard = np.concatenate([self._hard, keys[is_free]])
        self._scores = np.concatenate([self._scores, scores[is_free]])
        order = np.lexsort((self._hard, -self._scores))[: self.wanted // 2]
        self._hard, self._scores = self._hard[order], self._scores[order]

    def draw(self) -> tuple[np.ndarray, np.ndarray]:
        """``(hard, random)``: keys, no place in both."""
        wanted = min(self.wanted, len(self._keys))
        hard = self._hard[: wanted // 2]
        order = np.argsort(self._draws, kind="stable")
        rest = self._keys[order]
        rest = rest[~np.isin(rest, hard)]
        return hard, rest[: wanted - len(hard)]


def draw_decoys(
    errors: pd.DataFrame,
    below: Scores,
    taken: np.ndarray,
    stretches: Stretches,
    genome: Genome,
    *,
    settings: CallSettings,
) -> pd.DataFrame:
    """Draw TN.

    Args:
        errors: TP, FN and FP: SITE columns and pred_type.
        below: Scores below the threshold, of sites in the stretches.
        taken: Keys that are no decoys, sorted.
        stretches: What was scanned.
        genome: Where it lies.
        settings: decoy_ratio and seed.

    Returns:
        key, pred_type TN, call_class hard or random.
    """
    reservoirs = _make_reservoirs(errors, genome, settings)
    wanted = [pair for pair, reservoir in reservoirs.items() if reservoir.wanted]
    for contig, low, high in _list_pieces(stretches, genome):
        text = genome.fetch(below.contigs[contig], low - 2, high + 2)
        bases = _PLACES[np.frombuffer(text.encode(), np.uint8)]
        pairs = bases[:-1] * 5 + bases[1:]
        for strand in (2 * contig, 2 * contig + 1):
            inside = stretches.cut(strand, low, high)
            for splice_type, pair in wanted:
                is_donor = splice_type == "donor"
                channel = 2 * strand + is_donor
                if not is_among(np.array([channel]), below.channels)[0]:
                    continue
                is_plus = bool(strand & 1)
                code = _encode(pair, is_plus=is_plus)
                # The dinucleotide starts at the junction or ends there (forward
                # strand); the exonic base is on the junction's other side.
                step = 3 if is_donor == is_plus else 0
                is_here = pairs[step : step + high - low] == code
                found = np.flatnonzero(is_here & inside) + low + (step == 3)
                keys = join_keys(contig, found, is_plus, is_donor)
                reservoir = reservoirs[splice_type, pair]
                reservoir.offer(keys, taken)
                first, last = np.searchsorted(
                    below.keys, (channel << BITS) + np.array([low, high]) + (step == 3)
                )
                scored = below.keys[first:last]
                is_hard = is_here[(scored & JUNCTION) - (step == 3) - low]
                reservoir.offer_hard(
                    scored[is_hard], below.levels[first:last][is_hard], taken
                )
    parts = []
    for reservoir in reservoirs.values():
        for name, keys in zip(("hard", "random"), reservoir.draw(), strict=True):
            parts.append(pd.DataFrame({"key": keys}).assign(call_class=name))
    return pd.concat(parts, ignore_index=True).assign(pred_type="TN")


def _make_reservoirs(
    errors: pd.DataFrame, genome: Genome, settings: CallSettings
) -> dict[tuple[str, str], _Reservoir]:
    reservoirs = {}
    for number, splice_type in enumerate(SPLICE_TYPES):
        of_type = errors[errors["splice_type"].eq(splice_type)]
        n_errors = int(of_type["pred_type"].isin(["FP", "FN"]).sum())
        wanted = round(settings.decoy_ratio * n_errors)
        missed = of_type[of_type["pred_type"].eq("FN")]
        pairs = pd.Series(get_dinucleotides(missed, genome), dtype="str")
        shares = pairs.value_counts(normalize=True)
        if shares.empty:
            shares = pd.Series({CANONICAL[splice_type]: 1.0})
        for order, (pair, share) in enumerate(sorted(shares.items())):
            if "N" not in pair:
                generator = np.random.default_rng([settings.seed, number, order])
                reservoir = _Reservoir(round(wanted * share), generator)
                reservoirs[splice_type, pair] = reservoir
    return reservoirs


def _encode(pair: str, *, is_plus: bool) -> int:
    """A dinucleotide's number on the forward strand."""
    first, second = _PLACES[np.frombuffer(pair.encode(), np.uint8)].astype(int)
    return first * 5 + second if is_plus else (3 - second) * 5 + 3 - first


def _list_pieces(
    stretches: Stretches, genome: Genome
) -> Iterator[tuple[int, int, int]]:
    """``(contig, low, high)`` of pieces that hold some stretch."""
    for contig, length in enumerate(genome.lengths.values()):
        for low in range(0, length, PIECE):
            high = min(low + PIECE, length)
            for strand in (2 * contig, 2 * contig + 1):
                place = strand << BITS
                begin = np.searchsorted(stretches.ends, place + low, side="right")
                end = np.searchsorted(stretches.starts, place + high, side="left")
                if end > begin:
                    yield contig, low, high
                    break
