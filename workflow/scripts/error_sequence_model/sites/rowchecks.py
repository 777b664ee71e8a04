"""Checking the rows of an error table: all that is wrong with it is told at once.

Copies of a site (one per transcript) become one row.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.genome import SPLICE_TYPES, STRANDS, Genome
from error_sequence_model.tables import NUMBER_NULLS, Table, convert_numbers, refuse

PRED_TYPES = ("TP", "FP", "FN", "TN")
PRIORITY = ("TP", "FN", "FP", "TN")  # where overlapping genes give a site several
CORE = ("chrom", "position", "strand", "splice_type", "pred_type", "score")
OPTIONAL_TEXT = ("gene_id", "gene_name", "transcript_ids", "gene_biotype")


def check_rows(
    table: Table, path: str | Path, genome: Genome, coordinate_base: int
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Check every row of a table.

    Args:
        table: With the columns of an error table.
        path: Its file, for messages.
        genome: Where the sites lie.
        coordinate_base: What the table calls a contig's first base.

    Returns:
        ``(rows, renamed)``: rows with the genome's contig names, int64 positions,
        float32 scores and every optional column; and the contig names that changed.

    Raises:
        InputError: Everything wrong with the rows, at once.
    """
    frame, lines = table.frame, table.lines
    problems = list(table.problems)

    def note(is_bad: np.ndarray, column: str, allowed: str) -> None:
        for row in np.flatnonzero(is_bad):
            value = frame[column].iloc[row]
            value = value.item() if isinstance(value, np.generic) else value
            # Both are null to the reader.
            shown = "empty or '.'" if pd.isna(value) else repr(value)
            problems.append((int(lines[row]), f"{column} is {shown}; {allowed}"))

    rows = frame.copy(deep=False)
    for column, allowed in (
        ("strand", STRANDS),
        ("splice_type", SPLICE_TYPES),
        ("pred_type", PRED_TYPES),
    ):
        is_bad = ~frame[column].isin(allowed).to_numpy()
        note(is_bad, column, "must be one of " + ", ".join(allowed))
    chroms = frame["chrom"].astype("str")
    mapping, missing = genome.match_contigs(chroms.dropna().unique())
    known = chroms.map(mapping)
    is_missing = known.isna().to_numpy()
    few = ", ".join(list(genome.lengths)[:5])
    for row in np.flatnonzero(is_missing):
        name = chroms.iloc[row]
        reason = "empty or '.'" if pd.isna(name) else f"{name!r}: {missing[name]}"
        problems.append(
            (int(lines[row]), f"chrom is {reason} ({genome.path} has {few} …)")
        )
    positions = pd.to_numeric(frame["position"], errors="coerce").to_numpy("float64")
    if pd.api.types.is_bool_dtype(frame["position"]):
        positions = np.full(len(frame), np.nan)
    is_number = np.isfinite(positions) & (np.floor(positions) == positions)
    note(~is_number, "position", "must be a whole number")
    is_low = is_number & (positions < coordinate_base)
    note(is_low, "position", f"must be at least {coordinate_base} (coordinate_base)")
    lengths = known.map(genome.lengths).to_numpy("float64", na_value=np.nan)
    is_high = is_number & (positions - coordinate_base >= lengths)
    for row in np.flatnonzero(is_high):
        problems.append(
            (
                int(lines[row]),
                f"position is {frame['position'].iloc[row]}, beyond the end of "
                f"{known.iloc[row]} ({lengths[row]:.0f} bp): another genome build?",
            )
        )
    scores = read_scores(frame, lines, problems)
    done = {*CORE, *OPTIONAL_TEXT}
    others = convert_others(frame, lines, problems, done)
    if problems:
        refuse(path, problems, advice="Correct the rows or map other column names.")
    if not len(frame):
        refuse(path, [(1, "no rows below the header")], advice="A site is needed.")
    rows["chrom"] = known
    rows["position"] = positions.astype(np.int64)
    rows["score"] = scores
    for column in OPTIONAL_TEXT:
        values = frame[column] if column in frame else pd.Series(None, frame.index)
        rows[column] = values.astype("str")
    rows = rows.assign(**others)
    return rows, {a: b for a, b in mapping.items() if a != b}


def convert_others(
    frame: pd.DataFrame,
    lines: np.ndarray,
    problems: list[tuple[int, str]],
    done: Collection[str],
) -> dict[str, pd.Series]:
    """Type the columns that no step needs, and note infinite numbers in them.

    Args:
        frame: The table.
        lines: int64 ``(n_rows,)``, line of each row.
        problems: Gets ``(line, message)``.
        done: Columns that are not among them.
    """
    others = {name: convert_numbers(frame[name]) for name in frame if name not in done}
    for name, values in others.items():
        if not pd.api.types.is_float_dtype(values):
            continue
        numbers = values.to_numpy("float64", na_value=np.nan)
        for row in np.flatnonzero(np.isinf(numbers)):
            told = f"{name} is {frame[name].iloc[row]}; must be finite, or empty"
            problems.append((int(lines[row]), told))
    return others


def read_scores(
    frame: pd.DataFrame, lines: np.ndarray, problems: list[tuple[int, str]]
) -> np.ndarray:
    """Read the column `score`, float32 ``(n_rows,)``; NaN where there is none.

    Args:
        frame: The table.
        lines: int64 ``(n_rows,)``, line of each row.
        problems: Gets ``(line, message)``.
    """
    if "score" not in frame:
        return np.full(len(frame), np.nan, dtype=np.float32)
    given = frame["score"]
    scores = pd.to_numeric(given, errors="coerce").to_numpy("float64", na_value=np.nan)
    is_null = given.isna() | given.isin(NUMBER_NULLS)
    if pd.api.types.is_bool_dtype(given) or given.dtype.kind in "mM":
        scores = np.full(len(frame), np.nan)
    with np.errstate(over="ignore"):
        scores = scores.astype(np.float32)
    is_bad = (np.isnan(scores) & ~is_null.to_numpy()) | np.isinf(scores)
    for row in np.flatnonzero(is_bad):
        problems.append(
            (int(lines[row]), f"score is {given.iloc[row]!r}; not a number")
        )
    if len(scores) and np.isnan(scores).all() and not is_bad.any():
        logger.warning(
            "the column `score` has no number in it: the predictor's own score is no "
            "reference then; is it another column (`columns: {score: its name}`)?"
        )
        return scores
    low, high = np.nanmin(scores, initial=0), np.nanmax(scores, initial=0)
    if high > 1 + 1e-6 and low >= 0 and not is_bad.any():
        row = int(np.nanargmax(scores > 1 + 1e-6))
        told = (
            f"score is {given.iloc[row]}, the highest {high:g}; it must lie between 0 "
            "and 1: divide percentages by 100; call what is no probability otherwise"
        )
        problems.append((int(lines[row]), told))
    elif low < 0:
        logger.warning(
            "the column `score` runs from %g to %g, and is taken for the predictor's "
            "probability of a site: call it otherwise if it is none",
            *(low, high),
        )
    return scores


logger = logging.getLogger(__name__)

KEYS = ("chrom", "junction", "strand", "splice_type")


def settle_overlaps(
    rows: pd.DataFrame, keys: Sequence[str], *, by_gene: bool = False
) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """Decide sites that have several classes, as in overlapping genes.

    A site that is annotated in one gene is annotated, so the first of TP, FN, FP, TN
    stays.

    Args:
        rows: The keys, pred_type and, with ``by_gene``, gene_id.
        keys: Columns that say which site it is.
        by_gene: Only where no gene gives a site two classes; such rows contradict.

    Returns:
        ``(kept, dropped)``: bool ``(n_rows,)``, and the entry for the audit.
    """
    rank = rows["pred_type"].map({kind: i for i, kind in enumerate(PRIORITY)})
    groups = [rows[key] for key in keys]
    is_beaten = (rank > rank.groupby(groups).transform("min")).to_numpy()
    if by_gene and is_beaten.any():
        named = rows["gene_id"].fillna("")
        n_own = rank.groupby([*groups, named]).transform("nunique")
        is_clear = n_own.where(named.ne(""), 2).groupby(groups).transform("max").eq(1)
        is_beaten = is_beaten & is_clear.to_numpy()
    if not is_beaten.any():
        return ~is_beaten, []
    reason = "another class at the same site in an overlapping gene or copy"
    return ~is_beaten, [{"reason": reason, "rows": int(is_beaten.sum())}]


def merge_copies(
    rows: pd.DataFrame, lines: np.ndarray
) -> tuple[pd.DataFrame, list[tuple[int, str]]]:
    """Merge rows that are the same site.

    The first copy's values are kept; the transcripts of all copies are joined with
    commas, and so are the genes in an extra column `gene_ids` where they differ.

    Args:
        rows: Typed rows with chrom, junction, strand, splice_type, pred_type.
        lines: int64 ``(n,)`` line of each row.

    Returns:
        ``(sites, conflicts)``: the merged rows in order of first appearance, and
        ``(line, message)`` for every site whose copies disagree on pred_type.
    """
    is_copy = rows.duplicated(list(KEYS), keep=False).to_numpy()
    if not is_copy.any():
        return rows.reset_index(drop=True), []
    copies = rows[is_copy]
    group = copies.groupby(list(KEYS), sort=False).ngroup().to_numpy()
    conflicts = _find_conflicts(copies, lines[is_copy], group)
    sites = rows[~rows.duplicated(list(KEYS)).to_numpy()].copy()
    is_first = ~copies.duplicated(list(KEYS)).to_numpy()
    index = copies.index[is_first]
    sites.loc[index, "transcript_ids"] = _join(copies["transcript_ids"], group)
    genes = _join(copies["gene_id"], group)
    if genes.str.contains(",", na=False).any():
        sites["gene_ids"] = sites["gene_id"]
        sites.loc[index, "gene_ids"] = genes.to_numpy()
    scores = pd.Series(copies["score"].to_numpy()).groupby(group).nunique()
    if (scores > 1).any():
        logger.warning(
            "%d sites have copies of different score; the first is kept",
            int((scores > 1).sum()),
        )
    return sites.reset_index(drop=True), conflicts


def _join(values: pd.Series, group: np.ndarray) -> pd.Series:
    """Join the distinct values of each group with commas; null if there is none."""
    parts = pd.DataFrame({"value": values.to_numpy(), "group": group})
    n_groups = int(group.max()) + 1
    parts["value"] = parts["value"].str.split(",")
    parts = parts.explode("value").dropna().drop_duplicates()
    joined = parts.groupby("group")["value"].agg(",".join)
    return joined.reindex(range(n_groups)).astype("str")


def _find_conflicts(
    copies: pd.DataFrame, lines: np.ndarray, group: np.ndarray
) -> list[tuple[int, str]]:
    kinds = (
        pd.Series(copies["pred_type"].to_numpy()).groupby(group).transform("nunique")
    )
    is_bad = (kinds > 1).to_numpy()
    found: dict[int, list[int]] = {}
    for row in np.flatnonzero(is_bad):
        found.setdefault(int(group[row]), []).append(int(row))
    conflicts = []
    for members in found.values():
        first = copies.iloc[members[0]]
        told = ", ".join(
            f"row {lines[m]} {copies['pred_type'].iloc[m]}" for m in members[:6]
        )
        conflicts.append(
            (
                int(lines[members[0]]),
                f"{first['splice_type']} {first['chrom']}:{first['position']} "
                f"'{first['strand']}' has conflicting pred_type: {told}",
            )
        )
    return conflicts
