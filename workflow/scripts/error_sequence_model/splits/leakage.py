"""The audit of a split: what training, validation and test share. Must be nothing.

Written independently of ``splits``, which removes the leaks: other data structures,
same definitions. An interval is a window's ``[start, end)`` on the forward strand.

The audits of all splits make one table: what must be sound before training.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.core import InputError, read_json
from error_sequence_model.genome import complement_bases

PARTS = ("train", "validation", "test")
MUST_BE_ZERO = (
    "shared_sequences",
    "shared_reverse_complements",
    "overlapping_intervals",
)


def _digest(window: np.ndarray) -> bytes:
    return hashlib.sha256(window.tobytes()).digest()


def count_shared_sequences(windows: np.ndarray, parts: np.ndarray) -> tuple[int, int]:
    """Count windows found in an earlier part, as they are and reverse-complemented.

    Args:
        windows: uint8 ``(n, length)`` ASCII. Windows of N only are passed over.
        parts: ``(n,)`` of train, validation, test or excluded.

    Returns:
        ``(shared sequences, shared reverse complements)``: validation windows that are
        in training, and test windows that are in training or validation.
    """
    seen: set[bytes] = set()
    shared = turned = 0
    for part in PARTS:
        rows = np.flatnonzero(parts == part)
        rows = rows[(windows[rows] != ord("N")).any(axis=1)]
        for row in rows:
            shared += _digest(windows[row]) in seen
            turned += _digest(complement_bases(windows[row][::-1])) in seen
        seen.update(_digest(windows[row]) for row in rows)
    return shared, turned


def count_overlaps(sites: pd.DataFrame, parts: np.ndarray) -> int:
    """Count windows that share a base of the genome with a window of another part.

    Args:
        sites: chrom, start, end.
        parts: ``(n,)``.
    """
    kept = sites[["chrom", "start", "end"]].assign(part=parts)
    kept = kept[kept["part"].isin(PARTS)].sort_values(["chrom", "start"])
    furthest: dict[tuple[str, str], int] = {}
    count = 0
    for chrom, start, end, part in zip(
        kept["chrom"], kept["start"], kept["end"], kept["part"], strict=True
    ):
        count += any(
            furthest.get((chrom, other), start) > start
            for other in PARTS
            if other != part
        )
        furthest[chrom, part] = max(end, furthest.get((chrom, part), end))
    return count


def count_shared_genes(sites: pd.DataFrame, parts: np.ndarray) -> int:
    """Count genes with sites in more than one part."""
    found = {part: set(sites["gene_id"][parts == part].dropna()) for part in PARTS}
    shared = set()
    for one, other in combinations(PARTS, 2):
        shared |= found[one] & found[other]
    return len(shared)


def audit_fold(
    sites: pd.DataFrame, windows: np.ndarray, parts: np.ndarray
) -> dict[str, int]:
    """Audit one fold.

    Args:
        sites: chrom, start, end, gene_id per site.
        windows: uint8 ``(n, length)`` ASCII.
        parts: ``(n,)`` of train, validation, test or excluded.

    Returns:
        Counts: shared_sequences, shared_reverse_complements, overlapping_intervals and
        shared_genes.
    """
    shared, turned = count_shared_sequences(windows, parts)
    return {
        "shared_sequences": shared,
        "shared_reverse_complements": turned,
        "overlapping_intervals": count_overlaps(sites, parts),
        "shared_genes": count_shared_genes(sites, parts),
    }


def require_no_leak(leakage: dict[str, Any]) -> None:
    """Raise if a fold leaks.

    Raises:
        InputError: Names the fold and the counts.
    """
    wanted = list(MUST_BE_ZERO)
    if leakage["by"] in ("gene", "homology"):
        wanted.append("shared_genes")
    if leakage["near_duplicates"] == "exclude":
        wanted.append("near_duplicates")
    bad = [
        f"fold {fold}: {name} {counts[name]}"
        for fold, counts in leakage["folds"].items()
        for name in wanted
        if counts[name]
    ]
    if bad:
        raise InputError(
            "the split leaks from training or validation into test: "
            + "; ".join(bad)
            + ". Split by: homology, or change `splits.test`"
        )


def summarise_audits(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Read the audits of splits.

    Args:
        paths: ``results/{predictor}/{contrast}/{splice_type}/leakage.json`` files.

    Returns:
        One row per split and fold: predictor, contrast, splice_type, fold, the sites of
        each part, those removed from training, and whether the audit passed.

    Raises:
        InputError: An audit did not pass.
    """
    rows = []
    for path in paths:
        predictor, contrast, splice_type = path.parts[-4:-1]
        audit = read_json(path)
        if not audit["passed"]:
            raise InputError(f"{path}: the parts of this split share sites; see there")
        for fold, counts in audit["folds"].items():
            rows.append(
                {
                    "predictor": predictor,
                    "contrast": contrast,
                    "splice_type": splice_type,
                    "fold": fold,
                    **{
                        part: sum(counts["counts"][part].values())
                        for part in ("train", "validation", "test")
                    },
                    "removed_from_training": counts["removed_from_training"],
                    "passed": audit["passed"],
                }
            )
    return rows
