"""One row per site: copies of a site (one per transcript) become one row."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

logger = logging.getLogger(__name__)

KEYS = ("chrom", "junction", "strand", "splice_type")


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
