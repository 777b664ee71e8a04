"""Calling from files: reads what ``calling`` needs, whatever its format."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from error_sequence_model.calling.decoys import (
    clip_regions,
    make_regions,
    read_regions,
)
from error_sequence_model.calling.matching import call_sites
from error_sequence_model.calling.score_files import use_contig_names
from error_sequence_model.calling.scores import read_extra, read_scores
from error_sequence_model.core import InputError
from error_sequence_model.genome import (
    Annotation,
    Genome,
    get_dinucleotides,
    read_annotation,
    read_genes,
)
from error_sequence_model.settings import CallSettings
from error_sequence_model.sites import Reading, check_consensus


def call_files(
    scores: Mapping[str, Any],
    genome_path: str | Path,
    annotation_path: str | Path,
    *,
    settings: CallSettings | None = None,
    genes: str | Path | None = None,
    regions: str | Path | None = None,
    scored: str | Path | None = None,
    biotypes: list[str] | None = None,
    margin: int = 0,
    support: str | Path | None = None,
    coordinate_base: int = 1,
    site_base: str = "exon",
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Make an error table from files.

    Args:
        scores: Format and files of the scores (see ``scores.read_scores``).
        genome_path: FASTA.
        annotation_path: GTF, GFF3 or a table of annotated sites.
        settings: Threshold, tolerance and decoys.
        genes: GTF or GFF3 with the gene bodies to scan, if the annotation has none.
        regions: BED of the stretches to scan; without it gene bodies are scanned.
        scored: BED of what has scores; what lies outside is not scanned.
        biotypes: Only genes of these biotypes.
        margin: Bases of contig ends not scanned.
        support: Table of sites with `reads`, or a second GTF or GFF3.
        coordinate_base: Of tables (scores, annotated sites, support).
        site_base: Of tables and tracks.

    Returns:
        ``(errors, audit)``, see ``calling.call_sites``; with a track of usage, errors
        have ``usage_score`` too.

    Raises:
        InputError: A file cannot be read, does not fit the genome, or holds no genes to
            scan.
    """
    convention = {"coordinate_base": coordinate_base, "site_base": site_base}
    annotation = read_annotation(annotation_path, **convention)
    known = None
    if support is not None:
        known = read_annotation(support, **convention).sites
    with Genome(genome_path) as genome:
        if known is not None:
            known = use_contig_names(known, genome, str(support), leave_out=True)
        truth = use_contig_names(
            annotation.sites, genome, str(annotation_path), leave_out=True
        )
        _check_truth(truth, genome, annotation_path, coordinate_base, site_base)
        if regions is not None:
            stretches = use_contig_names(
                read_regions(regions), genome, str(regions), leave_out=True
            )
        else:
            stretches = make_regions(
                _get_genes(annotation, genes),
                genome,
                biotypes=tuple(biotypes) if biotypes else None,
                margin=margin,
            )
        if scored is not None:
            stretches = clip_regions(stretches, read_regions(scored))
        if stretches.empty:
            raise InputError("calling: no stretch to scan; check biotypes and regions")
        table, audit = call_sites(
            read_scores(scores, genome, **convention),
            truth,
            stretches,
            genome,
            settings=settings,
            support=known,
        )
        if "usage" in scores:
            table["usage_score"] = read_extra(scores["usage"], table, genome)
        return table, audit


def _check_truth(
    truth: pd.DataFrame,
    genome: Genome,
    path: str | Path,
    coordinate_base: int,
    site_base: str,
) -> None:
    """Refuse an annotation of another build: its sites have no consensus."""
    lengths = truth["chrom"].map(genome.lengths)
    is_out = (truth["junction"] < 0) | (truth["junction"] > lengths)
    if is_out.any():
        first = truth[is_out].iloc[0]
        raise InputError(
            f"{path}: {int(is_out.sum())} annotated sites beyond the contig's end, "
            f"such as {first['chrom']}:{first['junction']}: another genome build?"
        )
    sites = truth.assign(pred_type="TP", dinucleotide=get_dinucleotides(truth, genome))
    check_consensus(sites, genome, Reading(coordinate_base, site_base), path)


def _get_genes(annotation: Annotation, path: str | Path | None) -> pd.DataFrame:
    genes = annotation.genes if path is None else read_genes(path)
    if genes is None:
        raise InputError(
            "calling: a table of sites has no gene bodies to scan; give `regions` "
            "(BED) or `genes` (GTF or GFF3)"
        )
    return genes
