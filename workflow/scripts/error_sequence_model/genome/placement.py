"""Where variants stand: what has one outcome, and what it does to a junction.

Coordinates are 0-based half-open. An indel of a repeat may stand anywhere in it, with
one and the same outcome. Where a repeat runs over a junction, it stands where it leaves
the intron as it was, whichever the strand (a VCF is aligned to the left of the forward
one); a junction inside a deletion moves to the deletion's place.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd

from error_sequence_model.genome.fasta import clean_bases

LONGEST_RUN = 1000  # bases that an indel may be moved by


class Variant(NamedTuple):
    """One allele that takes the place of the reference from ``start`` on.

    Attributes:
        start: 0-based.
        reference: What the reference must have there.
        allele: What is put in.
        first: Leftmost start of a change with the same outcome.
        last: Rightmost one.
    """

    start: int
    reference: str
    allele: str
    first: int = 0
    last: int = 0

    @property
    def end(self) -> int:
        """One past the last reference base."""
        return self.start + len(self.reference)

    @property
    def gain(self) -> int:
        """Bases that the contig grows by."""
        return len(self.allele) - len(self.reference)

    def trim(self) -> Variant:
        """Drop the bases that reference and allele begin or end with alike."""
        reference, allele, start = self.reference, self.allele, self.start
        while reference and allele and reference[0] == allele[0]:
            reference, allele, start = reference[1:], allele[1:], start + 1
        while reference and allele and reference[-1] == allele[-1]:
            reference, allele = reference[:-1], allele[:-1]
        return Variant(start, reference, allele, start, start)

    def find_run(self, contig: np.ndarray) -> Variant:
        """Find from where to where an indel may be moved along a repeat of its bases.

        Args:
            contig: uint8 ``(length,)`` cleaned reference bases.
        """
        if self.reference and self.allele:
            return self
        unit = clean_bases(self.reference or self.allele).tobytes()
        before = contig[max(0, self.start - LONGEST_RUN) : self.start].tobytes()
        behind = contig[self.end : self.end + LONGEST_RUN].tobytes()
        left = _count_alike(before[::-1], unit[::-1])
        right = _count_alike(behind, unit)
        return self._replace(first=self.start - left, last=self.start + right)

    def get_outcome(self) -> tuple[int, int, str]:
        """What is the same for all variants with one outcome."""
        turn = (self.start - self.first) % max(1, len(self.allele))
        allele = self.allele[-turn:] + self.allele[:-turn] if turn else self.allele
        return self.first, len(self.reference), allele

    def list_shifts(self, junction: int, *, intron_is_right: bool) -> list[int]:
        """By how much a junction may move, the change furthest in the exon first.

        Args:
            junction: Interbase, from ``first`` to ``last`` plus the reference's length.
            intron_is_right: On the forward strand.
        """
        length = len(self.reference)
        if length and self.allele:
            into, left = junction - self.start, self.end - junction
            # Counted from the left and from the right end of what is replaced.
            shifts = [min(into, len(self.allele)) - into]
            shifts.append(left - min(left, len(self.allele)) + self.gain)
            if into == 0 or left == 0:
                return shifts[:1] if into == 0 else shifts[1:]
            return shifts[::-1] if intron_is_right else shifts
        shifts = [self.gain] if self.first + length <= junction else []
        inside = range(
            max(self.first, junction - length + 1), min(self.last, junction - 1) + 1
        )
        shifts += [start - junction for start in inside]
        shifts += [0] if self.last >= junction else []
        return shifts if intron_is_right else shifts[::-1]

    def move(self, junction: int, shift: int) -> Variant:
        """Stand where it moves a junction by ``shift``."""
        length = len(self.reference)
        if length and self.allele:
            return self
        if shift == self.gain:
            return self._replace(start=min(self.start, junction - length))
        start = max(self.start, junction) if shift == 0 else junction + shift
        return self._replace(start=start)


def _count_alike(bases: bytes, unit: bytes) -> int:
    """How many bases go on repeating a unit."""
    n = 0
    if b"N" not in unit:
        while n < len(bases) and bases[n] == unit[n % len(unit)]:
            n += 1
    return n


@dataclass(frozen=True)
class PersonalContig:
    """A contig with the variants of one haplotype.

    Attributes:
        contig: uint8 ``(length,)`` bases.
        junctions: int64 ``(n,)``, where the reference's junctions lie on it.
        conflicts: int64 ``(k, 2)``, stretches of it that are not known, by start.
        placed: int64 ``(3, m)``: start, end and length of the allele of each variant
            on the reference, by start.
    """

    contig: np.ndarray
    junctions: np.ndarray
    conflicts: np.ndarray
    placed: np.ndarray

    def trace(self, positions: np.ndarray) -> np.ndarray:
        """Find where bases of the personal contig lie on the reference.

        Args:
            positions: Bases of ``contig``, int64 ``(n,)``.

        Returns:
            int64 ``(n,)`` reference positions; -1 for inserted bases.
        """
        starts, ends, lengths = self.placed
        if not len(starts):
            return positions
        gains = lengths - (ends - starts)
        # First personal base of each allele: all gains before it are behind it.
        first = starts + np.cumsum(gains) - gains
        hit = np.searchsorted(first, positions, side="right") - 1
        into = positions - first[hit]
        in_allele = np.where(into < (ends - starts)[hit], starts[hit] + into, -1)
        behind = ends[hit] + into - lengths[hit]
        found = np.where(into < lengths[hit], in_allele, behind)
        return np.where(hit < 0, positions, found)

    def find_refused(self, genes: np.ndarray, reach: int) -> np.ndarray:
        """Find the sites whose gene, or else whose window, holds a conflict.

        Args:
            genes: Gene of each junction, object ``(n,)``; None where there is none.
            reach: Bases of a window on its longer side; a gene is as long as its
                windows together.

        Returns:
            bool ``(n,)``.
        """
        if not len(self.conflicts):
            return np.zeros(len(self.junctions), dtype=bool)
        codes, names = pd.factorize(genes)
        is_alone = codes < 0
        codes[is_alone] = len(names) + np.arange(is_alone.sum())
        lows = np.full(codes.max() + 1, np.iinfo(np.int64).max)
        highs = np.full(len(lows), -1)
        np.minimum.at(lows, codes, self.junctions - reach)
        np.maximum.at(highs, codes, self.junctions + reach)
        n_before = np.searchsorted(self.conflicts[:, 0], highs, side="left")
        ends = np.maximum.accumulate(self.conflicts[:, 1])
        return ((n_before > 0) & (ends[n_before - 1] > lows))[codes]


def choose_shifts(
    variants: list[Variant],
    reference: tuple[np.ndarray, int],
    personal: tuple[np.ndarray, int],
    *,
    intron_is_right: bool,
) -> tuple[int, ...]:
    """Choose by how much each variant around a junction moves it.

    Args:
        variants: Those that touch it, by start.
        reference: Contig, and the junction on it.
        personal: Contig, and where the junction would lie without these variants.
        intron_is_right: On the forward strand.

    Returns:
        The first choice with the reference's two intronic bases at the junction, from
        those that change the exon alone on; the first of all where none has them.
    """
    start, stop = (0, 2) if intron_is_right else (-2, 0)

    def get_intron(contig: np.ndarray, junction: int) -> bytes:
        return contig[max(0, junction + start) : max(0, junction + stop)].tobytes()

    each = [
        variant.list_shifts(reference[1], intron_is_right=intron_is_right)
        for variant in variants
    ]
    options = list(product(*each))
    wanted = get_intron(*reference)
    for shifts in options:
        if get_intron(personal[0], personal[1] + sum(shifts)) == wanted:
            return shifts
    return options[0]
