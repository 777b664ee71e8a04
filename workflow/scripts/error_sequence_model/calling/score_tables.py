"""Scores from a plain table, block by block.

A table has donor_score and acceptor_score, or splice_type and score, or score alone
(Pangolin has one score for both types): then a base is a donor where the intron beside
it would start with GT or GC, and an acceptor where it would end with AG.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.calling.keys import ScoreStore, join_keys
from error_sequence_model.calling.score_files import ContigNames, require_file
from error_sequence_model.core import InputError
from error_sequence_model.genome import (
    SPLICE_TYPES,
    STRANDS,
    Genome,
    get_dinucleotides,
    get_junctions,
)
from error_sequence_model.sites import has_consensus
from error_sequence_model.tables import Table, iterate_table, refuse, rename_columns

logger = logging.getLogger(__name__)

FEWEST = 20  # rows; fewer may have two equal scores by chance


def read_score_table(
    tracks: Mapping[str, Any],
    genome: Genome,
    store: ScoreStore,
    *,
    coordinate_base: int,
    site_base: str,
) -> None:
    """Read a table of scores.

    Args:
        tracks: ``path``, and ``columns`` where names differ.
        genome: Where the scores lie.
        store: Gets the scores.
        coordinate_base: What the first base is called.
        site_base: Which base beside a junction `position` is.

    Raises:
        InputError: No table of scores; its bad rows.
    """
    path = require_file(tracks.get("path", ""))
    names = ContigNames(genome, f"scores: {path}")
    convention = {"coordinate_base": coordinate_base, "site_base": site_base}
    n_rows = n_untyped = 0
    is_equal = None
    for table in iterate_table(path):
        _refuse_variants(path, table.frame)
        frame = rename_columns(
            table.frame,
            path,
            required=("chrom", "position", "strand"),
            column_names=tracks.get("columns"),
        )
        kind = _tell_kind(frame, path)
        if kind == "both" and is_equal is None:
            is_equal = _is_one_score(frame, path)
        if is_equal:
            kind, frame = "untyped", frame.assign(score=frame["donor_score"])
        rows = names.rename(_convert(table, frame, kind, path, coordinate_base))
        n_rows += len(table.lines)
        for splice_type in SPLICE_TYPES:
            part = rows
            if kind == "typed":
                part = rows[rows["splice_type"].eq(splice_type)]
            elif kind == "both":
                part = rows.assign(score=rows[f"{splice_type}_score"])
            part = _place(part, splice_type, convention)
            if kind == "untyped":
                pairs = pd.Series(get_dinucleotides(part, genome), part.index)
                is_site = has_consensus(pairs, part["splice_type"].eq("donor"))
                n_untyped += int(is_site.sum())
                part = part[is_site]
            keys = join_keys(
                store.contigs.get_indexer(part["chrom"]),
                part["junction"].to_numpy(np.int64),
                part["strand"].eq("+").to_numpy(),
                splice_type == "donor",
            )
            store.add(keys, part["score"].to_numpy(), f"scores: {path}")
    if not n_rows:
        refuse(path, [(1, "no rows below the header")], advice="Scores are needed.")
    names.finish()
    store.is_untyped = n_untyped > 0
    if n_untyped:
        logger.warning(
            "%s: one score for both types: by GT, GC and AG %d sites of %d rows; the "
            "rest is left out",
            *(path, n_untyped, n_rows),
        )


def _tell_kind(frame: pd.DataFrame, path: Path) -> str:
    """How a table gives scores: "typed", "both" or "untyped"."""
    if "score" in frame and "splice_type" in frame:
        return "typed"
    if "score" in frame and not {"donor_score", "acceptor_score"} <= set(frame):
        return "untyped"
    rename_columns(frame, path, required=("donor_score", "acceptor_score"))
    return "both"


def _is_one_score(frame: pd.DataFrame, path: Path) -> bool:
    """Whether both types have the same scores, as Pangolin's in two columns."""
    is_same = frame["donor_score"].eq(frame["acceptor_score"])
    found = len(frame) >= FEWEST and bool(is_same.all())
    if found:
        logger.warning("%s: donor_score and acceptor_score are the same", path)
    return found


def _convert(
    table: Table, frame: pd.DataFrame, kind: str, path: Path, coordinate_base: int
) -> pd.DataFrame:
    """Numbers for text; what is no score is refused with its line."""
    scores = ["donor_score", "acceptor_score"] if kind == "both" else ["score"]
    position = pd.to_numeric(frame["position"], errors="coerce")
    numbers = {name: pd.to_numeric(frame[name], errors="coerce") for name in scores}
    is_bad = ~(position % 1 == 0) | ~position.between(coordinate_base, 2**39)
    is_bad |= frame["chrom"].isna() | ~frame["strand"].isin(STRANDS)
    for values in numbers.values():
        is_bad |= ~np.isfinite(values)
    if kind == "typed":
        is_bad |= ~frame["splice_type"].isin(SPLICE_TYPES)
    shown = ["chrom", "position", "strand", *scores]
    shown += ["splice_type"] * (kind == "typed")
    problems = list(table.problems)
    for row in np.flatnonzero(is_bad):
        values = frame.iloc[row][shown].to_dict()
        problems.append((int(table.lines[row]), f"not a score: {values}"))
    if problems:
        advice = (
            "Correct the rows: position a whole number, strand + or -, splice_type "
            "donor or acceptor, a score in each (leave out rows without one)."
        )
        refuse(path, problems, advice=advice)
    rows = frame[["chrom", "strand", *["splice_type"] * (kind == "typed")]]
    # Contigs are called 1, 2 … as numbers in a Parquet file.
    return rows.astype({"chrom": "str"}).assign(
        position=position.astype("int64"), **numbers
    )


def _place(
    rows: pd.DataFrame, splice_type: str, convention: dict[str, Any]
) -> pd.DataFrame:
    junctions = get_junctions(
        rows["position"].to_numpy(),
        rows["strand"].eq("+").to_numpy(),
        np.full(len(rows), splice_type == "donor"),
        **convention,
    )
    return rows.assign(junction=junctions, splice_type=splice_type)


def _refuse_variants(path: Path, frame: pd.DataFrame) -> None:
    """Refuse scores of variants, which have a reference and another allele."""
    if {"REF", "ALT"} <= {str(name).upper() for name in frame}:
        raise InputError(
            f"scores: {path}: a table of variants (it has REF and ALT): how variants "
            "change scores, as Pangolin and SpliceAI write it. What is needed are the "
            "scores of every base of the reference sequence; see docs/own-data.md"
        )
