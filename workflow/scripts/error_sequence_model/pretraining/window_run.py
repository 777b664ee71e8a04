"""The step that draws the windows to pretrain on, and audits them. Needs no torch.

The audit (they must share nothing with held-out sites) is written independently of
``gene_windows``, which leaves the leaks out: other ways, same definitions. Intervals
are 0-based half-open on the forward strand.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.core import InputError, read_saved_table, write_json
from error_sequence_model.pretraining.gene_bodies import GenomeSource, read_gene_bodies
from error_sequence_model.pretraining.gene_windows import (
    GeneWindows,
    plan_windows,
    read_gene_windows,
    write_gene_windows,
)
from error_sequence_model.pretraining.held_out import (
    HeldOut,
    NearDuplicates,
    find_held_out,
)
from error_sequence_model.settings import PretrainingSettings, SplitSettings
from error_sequence_model.sites import read_sites
from error_sequence_model.splits import count_overlaps, get_kmers
from error_sequence_model.windows import Windows, read_windows

logger = logging.getLogger(__name__)


def draw_gene_windows(
    sources: Sequence[GenomeSource],
    sites_path: Path,
    windows_path: Path,
    splits: SplitSettings,
    settings: PretrainingSettings,
    *,
    split_path: Path | None,
    fold: int,
    output: Path,
    leakage: Path,
) -> None:
    """Draw, check and write windows of gene bodies; write their audit.

    Args:
        sources: Genomes with annotations.
        sites_path: sites.parquet.
        windows_path: windows.arrow.
        splits: How the predictor's sites are split.
        settings: How many windows of which length, and where.
        split_path: split.parquet of the one contrast and splice type that the windows
            are for; None where `splits` names the held-out chromosomes.
        fold: Which fold of that split.
        output: The Arrow file.
        leakage: The audit, JSON.

    Raises:
        InputError: Nothing to learn from, or the windows hold held-out sequence.
    """
    sites, windows = read_sites(sites_path), read_windows(windows_path)
    genomes = [read_gene_bodies(source) for source in sources]
    split = None
    if split_path is not None:
        split = read_saved_table(split_path)
        split = split[split["fold"] == fold]
    held_out = find_held_out(sites, windows, genomes, splits, split=split)
    plan, n_over = plan_windows(genomes, held_out, settings)
    near = None
    if splits.near_duplicates == "exclude":
        matrix = windows.get_matrix(held_out.list_windowed(windows))
        near = NearDuplicates(matrix, settings.length, splits.similarity)
    removed = write_gene_windows(plan, genomes, settings.length, near, output)
    report = audit_gene_windows(output, held_out, windows)
    logger.info(
        "%d windows to learn from (dropped: %d over held-out, %s), %d held out",
        *(report["windows"], n_over, removed, report["measured_windows"]),
    )
    write_json(
        leakage,
        {
            **report,
            "removed": {"over_held_out_sequence": n_over, **removed},
            "near_duplicates": splits.near_duplicates,
            "similarity": splits.similarity,
            "by": splits.by,
            "column": splits.column,
            "contigs": sorted(held_out.contigs),
            "genomes": [source.name for source in sources],
            "passed": True,
        },
    )


CORE = 31  # bases around a junction
BLOCK = 4096
MUST_BE_ZERO = (
    "windows_on_held_out_contigs",
    "overlaps_with_held_out_sites",
    "overlaps_with_held_out_genes",
    "overlaps_with_measured_windows",
)


def audit_gene_windows(
    path: Path, held_out: HeldOut, windows: Windows
) -> dict[str, Any]:
    """Audit the windows that were written.

    Args:
        path: The file of gene windows.
        held_out: What must not be in it.
        windows: The sites' windows.

    Returns:
        Counts; those of ``MUST_BE_ZERO`` are leaks. `shared_cores` is no leak: it
        counts the held-out sites whose 31 bases around the junction stand, on either
        strand, somewhere in a training window, as those of repeats do.

    Raises:
        InputError: There is a leak.
    """
    train = read_gene_windows(path, "train")
    measured = read_gene_windows(path, "held_out")
    report: dict[str, Any] = {
        "windows": len(train),
        "bases": len(train) * train.length,
        "genes": int(train.table["gene_id"].nunique()),
        "measured_windows": len(measured),
        "held_out_contigs": len(held_out.contigs),
        "held_out_genes": len(held_out.genes),
        "held_out_sites": len(held_out.sites),
        "windows_on_held_out_contigs": int(
            sum(chrom in held_out.contigs for chrom in train.table["chrom"])
        ),
        "overlaps_with_held_out_sites": _count(train, held_out.sites),
        "overlaps_with_held_out_genes": _count(train, held_out.genes),
        "overlaps_with_measured_windows": _count(train, measured.table),
        "shared_cores": count_shared_cores(train, held_out, windows),
    }
    leaks = [f"{name} {report[name]}" for name in MUST_BE_ZERO if report[name]]
    if leaks:
        raise InputError(
            f"{path}: pretraining windows hold held-out sequence: {'; '.join(leaks)}"
        )
    return report


def _count(train: GeneWindows, held: pd.DataFrame) -> int:
    if held.empty:
        return 0
    columns = ["chrom", "start", "end"]
    both = pd.concat([train.table[columns], held[columns]], ignore_index=True)
    parts = np.repeat(np.array(["train", "test"], object), [len(train), len(held)])
    return count_overlaps(both, parts)


def count_shared_cores(train: GeneWindows, held_out: HeldOut, windows: Windows) -> int:
    """Count held-out sites whose 31 bases around the junction are in the training."""
    matrix = windows.get_matrix(held_out.list_windowed(windows))
    first = windows.upstream - CORE // 2
    if first < 0 or first + CORE > windows.length:
        return 0
    core, turned = get_kmers(matrix[:, first : first + CORE], CORE)
    cores = np.minimum(core, turned).ravel()
    known = [np.zeros(0, np.uint64)]
    for start in range(0, len(train), BLOCK):
        rows = range(start, min(start + BLOCK, len(train)))
        text = "".join(train.get(row)[0] for row in rows)
        block = np.frombuffer(text.encode(), np.uint8).reshape(len(rows), -1)
        kmers = np.minimum(*get_kmers(block, CORE))
        known.append(np.unique(kmers[np.isin(kmers, cores)]))
    is_whole = core.ravel() != np.uint64(2**64 - 1)
    return int((np.isin(cores, np.concatenate(known)) & is_whole).sum())
