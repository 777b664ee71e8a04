"""A personal genome: a VCF's variants applied to the contigs windows are cut from.

Coordinates are 0-based half-open once read.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pysam

from error_sequence_model.core import InputError, list_problems
from error_sequence_model.genome.contigs import match_contigs
from error_sequence_model.genome.fasta import Genome, clean_bases
from error_sequence_model.genome.placement import (
    PersonalContig,
    Variant,
    choose_shifts,
)

logger = logging.getLogger(__name__)

CONFLICTS = ("gene", "stop")


class Variants:
    """The variants of one haplotype.

    Args:
        path: VCF, VCF.gz or BCF; no index is needed.
        lengths: The genome's contigs.
        sample: Whose genotypes to apply; needed if the file has several. Without any
            sample in the file every ALT is applied.
        haplotype: 1 or 2, the allele of a phased (or homozygous) genotype.
        conflicts: What a place without one known allele (an unphased heterozygote,
            several ALT, variants that overlap) is for: ``gene``, its genes have no
            windows; ``stop``, the file is refused.
        aliases: Other names of the contigs, see ``read_aliases``.
        most: Only so many records of the file; None: all.

    Raises:
        InputError: Unreadable, an unknown sample, variants on none of the genome's
            contigs, or a conflict under ``stop``.
    """

    def __init__(
        self,
        path: str | Path,
        lengths: Mapping[str, int],
        *,
        sample: str | None = None,
        haplotype: int = 1,
        conflicts: str = "gene",
        aliases: str | Path | None = None,
        most: int | None = None,
    ) -> None:
        if haplotype not in (1, 2):
            raise InputError(f"variants: haplotype is {haplotype}; it must be 1 or 2")
        if conflicts not in CONFLICTS:
            raise InputError(
                f"variants: conflicts is {conflicts!r}; it must be one of "
                f"{', '.join(CONFLICTS)}; set `predictors.<name>.variant_conflicts`"
            )
        self.path, self._is_strict = Path(path), conflicts == "stop"
        if not self.path.is_file():
            raise InputError(f"variants {path}: no such file")
        found: dict[str, list[Variant]] = {}
        self._unknown: dict[str, list[tuple[int, int, str]]] = {}
        try:
            with pysam.VariantFile(str(path)) as file:
                sample = self._choose_sample(list(file.header.samples), sample)
                if sample is not None and "GT" not in file.header.formats:
                    raise InputError(
                        f"variants {path}: sample {sample!r} has no genotypes (GT); "
                        "give a VCF with genotypes, or one without samples"
                    )
                self._read(islice(file, most), sample, haplotype, found)
        except NotImplementedError as error:  # pysam cannot seek in it
            raise InputError(
                f"variants {path}: packed by gzip, which is not read here; unpack "
                "it or compress it with bgzip"
            ) from error
        except (OSError, ValueError, LookupError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"variants {path}: not readable ({error})") from error
        mapping = self._match({**found, **self._unknown}, lengths, aliases)
        self._by_chrom = {
            mapping[name]: found[name] for name in mapping if name in found
        }
        self._unknown = {
            mapping[name]: rows
            for name, rows in self._unknown.items()
            if name in mapping
        }

    def _match(
        self,
        found: Mapping[str, object],
        lengths: Mapping[str, int],
        aliases: str | Path | None,
    ) -> dict[str, str]:
        """Find the genome's contig names; leave out what it does not have."""
        mapping, problems = match_contigs(found, lengths, aliases=aliases)
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
        return mapping

    def _choose_sample(self, samples: list[str], sample: str | None) -> str | None:
        if sample is None and len(samples) > 1:
            raise InputError(
                f"variants {self.path}: choose a sample of {samples}; set "
                "`predictors.<name>.sample`"
            )
        if sample is not None and sample not in samples:
            raise InputError(
                f"variants {self.path}: no sample {sample!r}; there are {samples}; set "
                "`predictors.<name>.sample`"
            )
        return sample or (samples[0] if samples else None)

    def _read(
        self,
        file: Iterable[pysam.VariantRecord],
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
                chosen = 1 if len(alleles) > 1 else None
                reason = "has several ALT" if len(alleles) > 2 else ""
            else:
                call = record.samples[sample]
                genotype = call.allele_indices or (None,)
                is_open = len(set(genotype)) > 1 and not call.phased
                reason = f"{genotype} unphased" if is_open else ""
                chosen = genotype[min(haplotype, len(genotype)) - 1]
            if reason:
                problems.append(f"{record.chrom}:{record.pos} {reason}")
                place = (record.start, record.stop, problems[-1])
                self._unknown.setdefault(record.chrom, []).append(place)
            elif chosen and re.fullmatch("[ACGTNacgtn]+", alleles[chosen]):
                variant = Variant(
                    record.start, alleles[0].upper(), alleles[chosen].upper()
                )
                found.setdefault(record.chrom, []).append(variant)
                n += 1
            elif chosen or sample is None:
                skipped += 1
        if problems and self._is_strict:
            raise InputError(
                f"variants {self.path}: one allele per site is needed; phase the calls "
                f"or name a sample\n{list_problems(problems)}"
            )
        if problems:
            logger.warning(
                "%s: %d places without one known allele; the windows of their genes "
                "are left out (`variant_conflicts: stop` refuses the file)\n%s",
                self.path,
                len(problems),
                list_problems(problems),
            )
        logger.info(
            "%s: %d variants; %d filtered, symbolic or empty ones skipped",
            self.path,
            n,
            skipped,
        )

    def apply(
        self,
        chrom: str,
        contig: np.ndarray,
        junctions: np.ndarray,
        intron_is_right: np.ndarray,
    ) -> PersonalContig:
        """Put the variants into a contig.

        Args:
            chrom: Its name.
            contig: uint8 ``(length,)`` cleaned reference bases.
            junctions: int64 ``(n,)`` interbase.
            intron_is_right: bool ``(n,)``, on the forward strand: so it is at donors on
                '+' and at acceptors on '-'.

        Raises:
            InputError: Reference alleles that the genome does not have; all of them are
                told. Under ``stop``, variants that overlap.
        """
        variants, unknown = self._prepare(chrom, contig)
        pieces, last = [], 0
        for variant in variants:
            pieces += [contig[last : variant.start], clean_bases(variant.allele)]
            last = variant.end
        personal = np.concatenate([*pieces, contig[last:]])
        table = [(v.first, v.last + len(v.reference), v.gain, v.end) for v in variants]
        lows, highs, gains, ends = np.array(table, dtype=np.int64).reshape(-1, 4).T
        shifts = np.concatenate([[0], np.cumsum(gains)])
        n_left = np.searchsorted(highs, junctions, side="left")
        moved = junctions + shifts[n_left]
        # Junctions that a variant touches, or would from where else it could stand.
        n_begun = np.searchsorted(lows, junctions, side="right")
        placed, n_inside = dict(enumerate(variants)), 0
        for row in np.flatnonzero(n_begun > n_left):
            near = range(n_left[row], n_begun[row])
            chosen = choose_shifts(
                [variants[i] for i in near],
                (contig, int(junctions[row])),
                (personal, int(moved[row])),
                intron_is_right=bool(intron_is_right[row]),
            )
            moved[row] += sum(chosen)
            for i, shift in zip(near, chosen, strict=True):
                n_inside += shift not in (0, variants[i].gain)
                if placed[i] is variants[i]:
                    placed[i] = variants[i].move(int(junctions[row]), shift)
        if n_inside:
            logger.warning("%s: %d junctions lie inside a variant", chrom, n_inside)
        rows = sorted((v.start, v.end, len(v.allele)) for v in placed.values())
        conflicts = np.array(unknown, dtype=np.int64).reshape(-1, 2)
        return PersonalContig(
            personal,
            moved,
            conflicts + shifts[np.searchsorted(ends, conflicts, side="right")],
            np.array(rows, dtype=np.int64).reshape(-1, 3).T,
        )

    def _prepare(
        self, chrom: str, contig: np.ndarray
    ) -> tuple[list[Variant], list[tuple[int, int]]]:
        """Variants that stand apart from each other, by start; what is not known."""
        given = self._by_chrom.get(chrom, ())
        self._check_reference(chrom, contig, given)
        outcomes = {}
        given = [v for v in given if v.reference != v.allele]
        for variant in sorted(given, key=lambda v: (v.start, v.end)):
            found = variant.trim().find_run(contig)
            outcomes.setdefault(found.get_outcome(), found)
        if len(outcomes) < len(given):
            logger.warning(
                "%s: %d records on %s say what another one says and count once",
                self.path,
                len(given) - len(outcomes),
                chrom,
            )
        groups: list[list[Variant]] = []
        end = -1
        for variant in sorted(outcomes.values(), key=lambda v: (v.start, v.end)):
            # Two insertions at one place have no order.
            if variant.start < end or (groups and variant[:2] == groups[-1][-1][:2]):
                groups[-1].append(variant)
            else:
                groups.append([variant])
            end = max(end, variant.end)
        kept = [group[0] for group in groups if len(group) == 1]
        clashes = [group for group in groups if len(group) > 1]
        if clashes:
            self._tell_clashes(chrom, clashes)
        unknown = [(start, stop) for start, stop, _ in self._unknown.get(chrom, ())]
        unknown += [
            (group[0].start, max(group[0].start + 1, *(v.end for v in group)))
            for group in clashes
        ]
        # None may be moved over another one.
        befores = [0, *(v.end for v in kept)][:-1]
        behinds = [*(v.start for v in kept), len(contig)][1:]
        bounded = [
            v._replace(
                first=max(v.first, low), last=min(v.last, high - len(v.reference))
            )
            for v, low, high in zip(kept, befores, behinds, strict=True)
        ]
        return bounded, sorted(unknown)

    def _tell_clashes(self, chrom: str, clashes: list[list[Variant]]) -> None:
        problems = [
            f"{_say(chrom, v)}: overlaps {_say(chrom, group[0])}"
            for group in clashes
            for v in group[1:]
        ]
        told = f"variants {self.path}: {len(problems)} overlap"
        if self._is_strict:
            raise InputError(
                f"{told}; are they of one haplotype?\n{list_problems(problems)}"
            )
        logger.warning(
            "%s: the windows of their genes are left out\n%s",
            told,
            list_problems(problems),
        )

    def measure_fit(self, genome: Genome, most: int) -> tuple[int, int]:
        """Of the first variants of each contig, how many have the genome's reference.

        Args:
            genome: Where they lie.
            most: Variants of a contig to look at.

        Returns:
            How many fit, and how many were looked at.
        """
        fits = [
            genome.fetch(chrom, variant.start, variant.start + len(variant.reference))
            == clean_bases(variant.reference).tobytes().decode()
            for chrom, variants in self._by_chrom.items()
            for variant in variants[:most]
        ]
        return sum(fits), len(fits)

    def _check_reference(
        self, chrom: str, contig: np.ndarray, variants: Sequence[Variant]
    ) -> None:
        problems = []
        for variant in variants:
            there = contig[variant.start : variant.end].tobytes().decode()
            if there != clean_bases(variant.reference).tobytes().decode():
                problems.append(
                    f"{_say(chrom, variant)}: the genome has {there or 'no base'} there"
                )
        if problems:
            raise InputError(
                f"variants {self.path}: {len(problems)} do not fit the genome; are "
                f"they of this build?\n{list_problems(problems)}"
            )


def _say(chrom: str, variant: Variant) -> str:
    change = f"{variant.reference or '-'}>{variant.allele or '-'}"
    return f"{chrom}:{variant.start + 1} {change}"
