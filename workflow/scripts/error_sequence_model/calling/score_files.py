"""What readers of scores share: files that must be there, contigs by their names."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from error_sequence_model.core import InputError
from error_sequence_model.genome import Genome
from error_sequence_model.tables import refuse

logger = logging.getLogger(__name__)


def require_file(path: str | Path) -> Path:
    """Give the path of a file of scores.

    Raises:
        InputError: No such file.
    """
    if not Path(path).is_file():
        raise InputError(f"scores: {path}: no such file")
    return Path(path)


class ContigNames:
    """The genome's names (chr1 for 1) of a file's contigs, read block by block.

    What lies on contigs that the genome lacks (scaffolds, other haplotypes) is left
    out with a warning; a file that has nothing else is refused, as names are that could
    mean two contigs.
    """

    def __init__(self, genome: Genome, place: str) -> None:
        self._genome = genome
        self._place = place
        self._mapping: dict[str, str] = {}
        self._missing: dict[str, str] = {}
        self._left_out = self._rows = 0

    def match(self, names: pd.Series) -> dict[str, str]:
        """Name in the file -> name in the genome, for all names so far."""
        unique = pd.unique(names.dropna())
        new = [n for n in unique if n not in self._mapping and n not in self._missing]
        if new:
            known = [*self._mapping, *self._missing, *new]
            self._mapping, self._missing = self._genome.match_contigs(known)
            unclear = {n: t for n, t in self._missing.items() if "ambiguous" in t}
            if unclear:
                raise InputError(self._explain(unclear))
        return self._mapping

    def rename(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Give rows the genome's names; those of contigs it lacks are left out."""
        chroms = rows["chrom"].map(self.match(rows["chrom"]))
        is_known = chroms.notna()
        self._rows += len(rows)
        self._left_out += int((~is_known).sum())
        return rows[is_known].assign(chrom=chroms[is_known])

    def finish(self) -> None:
        """Say what was left out.

        Raises:
            InputError: Everything was.
        """
        if self._missing and not self._mapping:
            raise InputError(self._explain(self._missing))
        if self._missing:
            names = [*self._missing]
            logger.warning(
                "%s: %d of %d rows lie on %d contigs that %s lacks, and are left out: "
                "%s",
                *(self._place, self._left_out, self._rows, len(names)),
                *(self._genome.path, ", ".join(names[:10])),
            )

    def _explain(self, problems: dict[str, str]) -> str:
        few = dict(list(problems.items())[:10])
        return (
            f"{self._place}: contigs not in {self._genome.path}: {few}; it has "
            f"{list(self._genome.lengths)[:5]} …: give the genome they were made on, "
            "or its names"
        )


def use_contig_names(rows: pd.DataFrame, genome: Genome, place: str) -> pd.DataFrame:
    """Use the genome's contig names; see ``ContigNames``.

    Args:
        rows: With chrom.
        genome: Whose names.
        place: Where the rows come from, for the message.

    Raises:
        InputError: None of the contigs is in the genome.
    """
    names = ContigNames(genome, place)
    kept = names.rename(rows)
    names.finish()
    return kept


def match_lengths(
    lengths: Mapping[str, int], genome: Genome, path: str | Path
) -> dict[str, str]:
    """Match a bigWig's contigs with the genome's: its name -> ours.

    Args:
        lengths: Of its contigs.
        genome: Whose names.
        path: The file.

    Raises:
        InputError: None of them is in the genome, or one has another length there.
    """
    names = ContigNames(genome, f"scores: {path}")
    mapping = names.match(pd.Series([*lengths]))
    names.finish()
    for theirs, ours in mapping.items():
        if lengths[theirs] != genome.lengths[ours]:
            raise InputError(
                f"scores: {path}: {theirs} has {lengths[theirs]} bases, but "
                f"{genome.path} gives it {genome.lengths[ours]}: another genome build?"
            )
    return mapping


def refuse_ends_beyond(rows: pd.DataFrame, genome: Genome, path: str | Path) -> None:
    """Refuse intervals that end beyond their contig.

    Args:
        rows: chrom (the genome's names), start, end (0-based, half-open), indexed by
            the file's lines.
        genome: Where they lie.
        path: The file.

    Raises:
        InputError: Names the lines.
    """
    lengths = rows["chrom"].map(genome.lengths).to_numpy(np.float64)
    is_beyond = rows["end"].to_numpy() > lengths
    if is_beyond.any():
        problems = [
            (int(line), f"{row.chrom}:{row.start}-{row.end} ends beyond its contig")
            for line, row in rows[is_beyond].iterrows()
        ]
        refuse(path, problems, advice=f"Is {genome.path} another genome build?")
