"""The step that draws the windows to pretrain on, and audits them. Needs no torch."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from error_sequence_model.domain_adaptation.audit import audit_gene_windows
from error_sequence_model.domain_adaptation.gene_bodies import (
    GenomeSource,
    read_gene_bodies,
)
from error_sequence_model.domain_adaptation.gene_windows import (
    plan_windows,
    write_gene_windows,
)
from error_sequence_model.domain_adaptation.held_out import (
    NearDuplicates,
    find_held_out,
)
from error_sequence_model.domain_adaptation.settings import PretrainingSettings
from error_sequence_model.files import write_json
from error_sequence_model.saved_files import read_saved_table
from error_sequence_model.sites import read_sites
from error_sequence_model.splitting.settings import SplitSettings
from error_sequence_model.windows import read_windows

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
        matrix = windows.get_matrix(held_out.sites["site_id"].to_numpy())
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
