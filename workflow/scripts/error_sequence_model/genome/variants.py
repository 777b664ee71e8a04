"""A personal genome: a VCF's variants applied to the contigs windows are cut from.

Coordinates are 0-based half-open once read. An insertion exactly at a junction goes to
its left (forward strand); a junction inside a deletion moves to the deletion's place.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pysam

from error_sequence_model.core import InputError, list_problems
from error_sequence_model.genome.contigs import match_contigs
from error_sequence_model.genome.fasta import clean_bases

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Variant:
    """One allele that takes the place of the reference from ``start`` on.

    Attributes:
        start: 0-based.
        reference: What the reference must have there.
        allele: What is put in.
    """

    start: int
    reference: str
    allele: str

    @property
    def end(self) -> int:
        """One past the last reference base."""
        return self.start + len(self.reference)

    def trim(self) -> Variant:
        """Drop the bases that reference and allele begin with alike."""
        n = 0
        shortest = min(len(self.reference), len(self.allele))
        while n < shortest and self.reference[n] == self.allele[n]:
            n += 1
        return Variant(self.start + n, self.reference[n:], self.allele[n:])


class Variants:
    """The variants of one haplotype.

    Args:
        path: VCF, VCF.gz or BCF; no index is needed.
        lengths: The genome's contigs.
        sample: Whose genotypes to apply; needed if the file has several. Without any
            sample in the file every ALT is applied.
        haplotype: 1 or 2, the allele of a phased (or homozygous) genotype.

    Raises:
        InputError: Unreadable, an unknown sample, unphased heterozygous genotypes, or
            variants on none of the genome's contigs.
    """

    def __init__(
        self,
        path: str | Path,
        lengths: Mapping[str, int],
        *,
        sample: str | None = None,
        haplotype: int = 1,
    ) -> None:
        if haplotype not in (1, 2):
            raise InputError(f"variants: haplotype is {haplotype}; it must be 1 or 2")
        self.path = Path(path)
        if not self.path.is_file():
            raise InputError(f"variants {path}: no such file")
        found: dict[str, list[Variant]] = {}
        try:
            with pysam.VariantFile(str(path)) as file:
                sample = self._choose_sample(list(file.header.samples), sample)
                if sample is not None and "GT" not in file.header.formats:
                    raise InputError(
                        f"variants {path}: sample {sample!r} has no genotypes (GT); "
                        "give a VCF with genotypes, or one without samples"
                    )
                self._read(file, sample, haplotype, found)
        except (OSError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"variants {path}: not readable ({error})") from error
        self._by_chrom = self._match(found, lengths)

    def _match(
        self, found: dict[str, list[Variant]], lengths: Mapping[str, int]
    ) -> dict[str, list[Variant]]:
        """Use the genome's contig names; leave out what it does not have."""
        mapping, problems = match_contigs(found, lengths)
        if found and not mapping:
            raise InputError(
                f"variants {self.path}: none of its contigs "
                f"({', '.join(list(found)[:5])}) is in the genome, which has "
                f"{', '.join(list(lengths)[:5])}: another build or naming?"
            )
        if problems:
            logger.warning(
                "%s: variants on contigs that are not in the genome are left out: %s",
                self.path,
                ", ".join(list(problems)[:10]),
            )
        return {mapping[name]: found[name] for name in mapping}

    def _choose_sample(self, samples: list[str], sample: str | None) -> str | None:
        if sample is None and len(samples) > 1:
            raise InputError(f"variants {self.path}: choose a sample of {samples}")
        if sample is not None and sample not in samples:
            raise InputError(
                f"variants {self.path}: no sample {sample!r}; there are {samples}"
            )
        return sample or (samples[0] if samples else None)

    def _read(
        self,
        file: pysam.VariantFile,
        sample: str | None,
        haplotype: int,
        found: dict[str, list[Variant]],
    ) -> None:
        skipped = n = 0
        problems = []
        for record in file:
            if record.filter.keys() not in ([], ["PASS"]):
                skipped += 1
                continue
            alleles = record.alleles or ()
            if sample is None:
                chosen = 1
                if len(alleles) > 2:
                    problems.append(f"{record.chrom}:{record.pos} has several ALT")
            else:
                call = record.samples[sample]
                genotype = call.allele_indices or (None,)
                if len(set(genotype)) > 1 and not call.phased:
                    problems.append(f"{record.chrom}:{record.pos} {genotype} unphased")
                chosen = genotype[min(haplotype, len(genotype)) - 1]
            if not chosen:
                continue
            if not re.fullmatch("[ACGTNacgtn]+", alleles[chosen]):
                skipped += 1
                continue
            found.setdefault(record.chrom, []).append(
                Variant(record.start, alleles[0].upper(), alleles[chosen].upper())
            )
            n += 1
        if problems:
            raise InputError(
                f"variants {self.path}: one allele per site is needed; phase the calls "
                f"or name a sample\n{list_problems(problems)}"
            )
        logger.info(
            "%s: %d variants; %d filtered or symbolic ones skipped",
            self.path,
            n,
            skipped,
        )

    def apply(
        self, chrom: str, contig: np.ndarray, junctions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Put the variants into a contig.

        Args:
            chrom: Its name.
            contig: uint8 ``(length,)`` cleaned reference bases.
            junctions: int64 ``(n,)`` interbase.

        Returns:
            ``(contig, junctions)`` of the personal genome.

        Raises:
            InputError: Reference alleles that the genome does not have, or variants
                that overlap; all of them are told.
        """
        variants = sorted(self._by_chrom.get(chrom, ()), key=lambda v: (v.start, v.end))
        if not variants:
            return contig, junctions
        self._check(chrom, contig, variants)
        variants = [variant.trim() for variant in variants]
        pieces, last = [], 0
        for variant in variants:
            pieces += [contig[last : variant.start], clean_bases(variant.allele)]
            last = variant.end
        pieces.append(contig[last:])
        starts = np.array([v.start for v in variants])
        ends = np.array([v.end for v in variants])
        gains = np.array([len(v.allele) - len(v.reference) for v in variants])
        shift = np.concatenate([[0], np.cumsum(gains)])
        moved = junctions + shift[np.searchsorted(ends, junctions, side="right")]
        # Inside a replaced stretch: at most as far into the allele as it is long.
        hit = np.searchsorted(starts, junctions, side="left") - 1
        is_inside = (hit >= 0) & (ends[hit] > junctions)
        at = hit[is_inside]
        lengths = np.array([len(v.allele) for v in variants])
        into = np.minimum(junctions[is_inside] - starts[at], lengths[at])
        moved[is_inside] = starts[at] + shift[at] + into
        if is_inside.any():
            logger.warning(
                "%s: %d junctions lie inside a variant", chrom, int(is_inside.sum())
            )
        return np.concatenate(pieces), moved

    def trace(self, chrom: str, positions: np.ndarray) -> np.ndarray:
        """Find where bases of the personal contig lie on the reference.

        Args:
            chrom: Its name.
            positions: Bases of the contig that ``apply`` returns, int64 ``(n,)``.

        Returns:
            int64 ``(n,)`` reference positions; -1 for inserted bases.
        """
        variants = sorted(self._by_chrom.get(chrom, ()), key=lambda v: (v.start, v.end))
        if not variants:
            return positions
        variants = [variant.trim() for variant in variants]
        starts = np.array([v.start for v in variants])
        ends = np.array([v.end for v in variants])
        lengths = np.array([len(v.allele) for v in variants])
        gains = lengths - (ends - starts)
        # First personal base of each allele: all gains before it are behind it.
        placed = starts + np.cumsum(gains) - gains
        hit = np.searchsorted(placed, positions, side="right") - 1
        into = positions - placed[hit]
        in_allele = np.where(into < (ends - starts)[hit], starts[hit] + into, -1)
        behind = ends[hit] + into - lengths[hit]
        found = np.where(into < lengths[hit], in_allele, behind)
        return np.where(hit < 0, positions, found)

    def _check(self, chrom: str, contig: np.ndarray, variants: list[Variant]) -> None:
        problems = []
        end = 0
        for variant in variants:
            place = f"{chrom}:{variant.start + 1} {variant.reference}>{variant.allele}"
            there = contig[variant.start : variant.end].tobytes().decode()
            if there != clean_bases(variant.reference).tobytes().decode():
                problems.append(f"{place}: the genome has {there or 'no base'} there")
            if variant.trim().start < end:
                problems.append(f"{place}: overlaps the variant before it")
            end = max(end, variant.end)
        if problems:
            raise InputError(
                f"variants {self.path}: {len(problems)} do not fit the genome; are "
                f"they of this build and one haplotype?\n{list_problems(problems)}"
            )
