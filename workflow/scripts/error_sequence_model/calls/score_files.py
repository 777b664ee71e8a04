"""What the readers of calls share: files that must be there, contigs by their names."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from error_sequence_model.errors import InputError
from error_sequence_model.genomes.fasta import Genome, match_contigs


def require_file(path: str | Path) -> Path:
    """Give the path of a file of scores.

    Raises:
        InputError: No such file.
    """
    if not Path(path).is_file():
        raise InputError(f"scores: {path}: no such file")
    return Path(path)


def use_contig_names(rows: pd.DataFrame, genome: Genome, place: str) -> pd.DataFrame:
    """Use the genome's contig names (chr1 for 1).

    Args:
        rows: With chrom.
        genome: Whose names.
        place: Where the rows come from, for the message.

    Raises:
        InputError: A contig is not in the genome.
    """
    mapping, problems = match_contigs(rows["chrom"].unique(), genome.lengths)
    if problems:
        raise InputError(
            f"{place}: contigs not in {genome.path}: {problems}; it has "
            f"{list(genome.lengths)[:5]} …"
        )
    return rows.assign(chrom=rows["chrom"].map(mapping))
