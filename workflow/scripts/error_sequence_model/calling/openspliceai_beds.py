"""Scores as ``openspliceai predict`` writes them: a BED per splice type.

Releases differ in what an interval is: the two intronic bases, those shifted by one, or
the exonic base (a donor's) or last intronic one (an acceptor's). Which one it is shows
in the genome: the best-scored intervals of a type must have consensus. Release 0.0.4
writes donors with start after end. In genomes whose contigs are not called chr… the
contig's field reads ``GENE CONTIG:START-END(STRAND):+`` (START is 1-based), and
positions count from 0 at the stretch's 5' end; rows before and after it are padding.
Without an annotation the field is ``CONTIG:+``, and + alone was predicted.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.calling.keys import ScoreStore, make_keys
from error_sequence_model.calling.score_files import (
    refuse_ends_beyond,
    require_file,
    use_contig_names,
)
from error_sequence_model.core import InputError
from error_sequence_model.genome import SPLICE_TYPES, STRANDS, Genome, get_dinucleotides
from error_sequence_model.sites import MINIMUM_SHARE, has_consensus
from error_sequence_model.tables import convert_intervals, convert_scores, read_rows

logger = logging.getLogger(__name__)

_FIELDS = dict(enumerate(("chrom", "start", "end", "name", "score", "strand")))
_STRETCH = r"^(?:.*\s)?(\S+):(\d+)-(\d+)\(([+-])\)(?::[+-])?$"
_WHOLE = r"^(\S+):([+-])$"
SAMPLE = 1000


def read_openspliceai(
    tracks: Mapping[str, Any], genome: Genome, store: ScoreStore
) -> None:
    """Read the two BED files.

    Args:
        tracks: ``donor`` and ``acceptor``, a BED each.
        genome: Where the scores lie.
        store: Gets the scores.

    Raises:
        InputError: A file is missing or no BED, or no place has consensus.
    """
    for splice_type in SPLICE_TYPES:
        path = require_file(tracks.get(splice_type, ""))
        rows = read_rows(path, _FIELDS, what="BED of OpenSpliceAI")
        rows = _place_on_contigs(rows, genome, path)
        rows = rows[rows["strand"].isin(STRANDS)]
        rows = convert_intervals(_turn_round(rows, path), path, first=0, what="BED")
        rows = convert_scores(rows, path)
        rows = use_contig_names(rows, genome, f"scores: {path}")
        refuse_ends_beyond(rows, genome, path)
        is_plus = rows["strand"].eq("+").to_numpy()
        part = pd.DataFrame(
            {
                "chrom": rows["chrom"],
                "five": np.where(is_plus, rows["start"], rows["end"]),
                "sign": np.where(is_plus, 1, -1),
                "strand": rows["strand"],
                "splice_type": splice_type,
                "score": rows["score"],
            }
        )
        placed = _place_intervals(part, splice_type, genome, path)
        keys = make_keys(placed, store.contigs)
        store.add(keys, placed["score"].to_numpy(), f"scores: {path}")


def _turn_round(rows: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Exchange start and end where the start comes after the end (release 0.0.4)."""
    starts, ends = (pd.to_numeric(rows[n], errors="coerce") for n in ("start", "end"))
    is_turned = (starts > ends).to_numpy()
    # One row by chance is a mistake; that release turned every donor.
    if not len(rows) or not is_turned.all():
        return rows
    logger.warning("%s: starts after ends, as release 0.0.4 writes; exchanged", path)
    return rows.assign(start=rows["end"], end=rows["start"])


def _place_on_contigs(rows: pd.DataFrame, genome: Genome, path: Path) -> pd.DataFrame:
    """Read stretches in the contig's field; other rows stay as they are."""
    names = pd.Series(pd.unique(rows["chrom"].dropna()), dtype="str")
    names = names[~names.isin([*genome.lengths])]
    whole = names.str.extract(_WHOLE).set_axis(names).dropna()
    found = names.str.extract(_STRETCH).set_axis(names).dropna()
    if len(whole):
        logger.warning(
            "%s: contigs are called %s …: predicted without an annotation, so on these "
            "strands alone",
            *(path, whole.index[0]),
        )
        chroms = rows["chrom"].map(whole[0])
        strands = rows["chrom"].map(whole[1])
        rows = rows.assign(
            chrom=chroms.fillna(rows["chrom"]), strand=strands.fillna(rows["strand"])
        )
    if found.empty:
        return rows
    is_named = rows["chrom"].isin(found.index).to_numpy()
    stretch = found.loc[rows.loc[is_named, "chrom"]]
    start, end = (stretch[n].astype("int64").to_numpy() for n in (1, 2))
    first, last = (
        pd.to_numeric(rows.loc[is_named, n], errors="coerce").to_numpy("float64")
        for n in ("start", "end")
    )
    first, last = np.minimum(first, last), np.maximum(first, last)
    is_plus = stretch[3].eq("+").to_numpy()
    # START is 1-based, so the interbase coordinate of the 5' end is one less.
    placed = rows[is_named].assign(
        chrom=stretch[0].to_numpy(),
        strand=stretch[3].to_numpy(),
        start=np.where(is_plus, start - 1 + first, end - last),
        end=np.where(is_plus, start - 1 + last, end - first),
    )
    is_padding = (first < 0) | (first >= end - start + 1)
    logger.info(
        "%s: %d rows count from the 5' end of their stretch; %d of them lie outside it",
        *(path, len(placed), is_padding.sum()),
    )
    return pd.concat([rows[~is_named], placed[~is_padding]]).sort_index()


def _place_intervals(
    part: pd.DataFrame, splice_type: str, genome: Genome, path: Path
) -> pd.DataFrame:
    """Turn an interval's 5' edge (interbase) into the junction."""
    # The intron's first two bases start at a donor's junction; its last two end at an
    # acceptor's. Then the exonic base alone, then either shifted by one.
    steps = (0, 1, -1) if splice_type == "donor" else (2, 0, 1, 3)
    best = part.nlargest(SAMPLE, "score")
    if best.empty:
        return part.assign(junction=np.zeros(0, np.int64))
    shares = {}
    for step in steps:
        placed = best.assign(junction=best["five"] + step * best["sign"])
        pairs = pd.Series(get_dinucleotides(placed, genome), index=placed.index)
        found = has_consensus(pairs, placed["splice_type"].eq("donor"))
        shares[step] = float(found.mean())
        # One odd call among few is no other place.
        if shares[step] >= MINIMUM_SHARE or (found.sum() == len(best) - 1 > 1):
            logger.info("%s: junction %+d from the interval's 5' edge", path, step)
            return part.assign(junction=part["five"] + step * part["sign"])
    raise InputError(
        f"scores: {path}: at none of the known places of a BED interval do 90 % of the "
        f"best {splice_type} calls have consensus ({shares}): wrong genome build?"
    )
