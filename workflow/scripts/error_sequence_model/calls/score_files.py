"""What the readers of calls share: files that must be there, contigs by their names."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd

from error_sequence_model.errors import InputError
from error_sequence_model.genomes.fasta import Genome, match_contigs
from error_sequence_model.tables.readers import refuse

logger = logging.getLogger(__name__)


def require_file(path: str | Path) -> Path:
    """Give the path of a file of scores.

    Raises:
        InputError: No such file.
    """
    if not Path(path).is_file():
        raise InputError(f"scores: {path}: no such file")
    return Path(path)


def use_contig_names(
    rows: pd.DataFrame, genome: Genome, place: str, *, leave_out: bool = False
) -> pd.DataFrame:
    """Use the genome's contig names (chr1 for 1).

    Args:
        rows: With chrom.
        genome: Whose names.
        place: Where the rows come from, for the message.
        leave_out: Leave out rows of contigs that the genome lacks, as annotations have
            them (scaffolds, other haplotypes), with a warning.

    Raises:
        InputError: A contig is not in the genome; with `leave_out`, all of them.
    """
    mapping, problems = match_contigs(rows["chrom"].unique(), genome.lengths)
    if problems and not (leave_out and mapping):
        raise InputError(
            f"{place}: contigs not in {genome.path}: {problems}; it has "
            f"{list(genome.lengths)[:5]} …: give the genome they were made on, or "
            "its names"
        )
    chroms = rows["chrom"].map(mapping)
    if problems:
        logger.warning(
            "%s: %d of %d rows lie on contigs that %s lacks, and are left out: %s",
            *(place, chroms.isna().sum(), len(rows), genome.path),
            ", ".join(list(problems)[:10]),
        )
    return rows.assign(chrom=chroms)[chroms.notna()]


def refuse_ends_beyond(rows: pd.DataFrame, genome: Genome, path: Path) -> None:
    """Refuse intervals that end beyond their contig.

    Args:
        rows: chrom (the genome's names), start, end (0-based, half-open), indexed by
            the file's lines.
        genome: Where they lie.
        path: The file.

    Raises:
        InputError: Names the lines.
    """
    lengths = rows["chrom"].map(genome.lengths)
    is_beyond = rows["end"].to_numpy() > lengths.to_numpy()
    if is_beyond.any():
        problems = [
            (int(line), f"{row.chrom}:{row.start}-{row.end} ends beyond its contig")
            for line, row in rows[is_beyond].iterrows()
        ]
        refuse(path, problems, advice=f"Is {genome.path} another genome build?")
