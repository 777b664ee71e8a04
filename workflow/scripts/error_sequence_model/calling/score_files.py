"""Scores as ``openspliceai predict`` writes them: a BED per splice type.

What readers of scores share: files that must be there, contigs by their names.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.core import InputError
from error_sequence_model.genome import (
    SPLICE_TYPES,
    STRANDS,
    Genome,
    get_dinucleotides,
    match_contigs,
)
from error_sequence_model.sites import MINIMUM_SHARE, has_consensus
from error_sequence_model.tables import (
    convert_intervals,
    convert_scores,
    read_rows,
    refuse,
)

logger = logging.getLogger(__name__)


def read_openspliceai(tracks: Mapping[str, Any], genome: Genome) -> pd.DataFrame:
    """Read the two BED files of ``openspliceai predict``.

    Releases differ in what an interval is: the two intronic bases, those shifted by
    one, or the exonic base. Which one it is shows in the genome: the best-scored
    intervals of a type must have consensus.

    Args:
        tracks: ``donor`` and ``acceptor``, a BED each.
        genome: Where the scores lie.

    Returns:
        chrom, junction, strand, splice_type and score, among other columns.

    Raises:
        InputError: A file is missing or no BED, or no place has consensus.
    """
    parts = []
    for splice_type in SPLICE_TYPES:
        path = require_file(tracks.get(splice_type, ""))
        names = dict(enumerate(("chrom", "start", "end", "name", "score", "strand")))
        rows = read_rows(path, names, what="BED of OpenSpliceAI")
        rows = rows[rows["strand"].isin(STRANDS)]
        rows = convert_intervals(rows, path, first=0, what="BED")
        rows = convert_scores(rows, path)
        rows = use_contig_names(rows, genome, f"scores: {path}")
        refuse_ends_beyond(rows, genome, path)
        is_plus = rows["strand"].eq("+").to_numpy()
        five = np.where(is_plus, rows["start"], rows["end"])
        part = pd.DataFrame(
            {
                "chrom": rows["chrom"],
                "five": five,
                "sign": np.where(is_plus, 1, -1),
                "strand": rows["strand"],
                "splice_type": splice_type,
                "score": rows["score"],
            }
        )
        parts.append(_place_intervals(part, splice_type, genome, path))
    return pd.concat(parts, ignore_index=True)


def _place_intervals(
    part: pd.DataFrame, splice_type: str, genome: Genome, path: Path
) -> pd.DataFrame:
    """Turn an interval's 5' edge (interbase) into the junction."""
    # The intron's first two bases start at a donor's junction; its last two end at an
    # acceptor's. Then the exonic base alone, then either shifted by one.
    steps = (0, 1, -1) if splice_type == "donor" else (2, 0, 1, 3)
    best = part.nlargest(1000, "score")
    if best.empty:
        return part.assign(junction=np.zeros(0, np.int64))
    shares = {}
    for step in steps:
        placed = best.assign(junction=best["five"] + step * best["sign"])
        pairs = pd.Series(get_dinucleotides(placed, genome), index=placed.index)
        found = has_consensus(pairs, placed["splice_type"].eq("donor"))
        shares[step] = float(found.mean())
        if shares[step] >= MINIMUM_SHARE:
            logger.info("%s: junction %+d from the interval's 5' edge", path, step)
            return part.assign(junction=part["five"] + step * part["sign"])
    raise InputError(
        f"scores: {path}: at none of the known places of a BED interval do 90 % of the "
        f"best {splice_type} calls have consensus ({shares}): wrong genome build?"
    )


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
