"""A genome, its annotation and a predictor's errors with planted, known causes.

Coordinates and file formats are those of ``simulation.files``: 0-based half-open and
interbase junctions in ``truth.bed``, 1-based exonic bases in the error table.
"""

from __future__ import annotations

import logging
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from error_sequence_model.core import write_json, write_tsv
from error_sequence_model.simulation.files import (
    PlacedGene,
    make_error_table,
    make_truth,
    write_annotation,
    write_genome,
    write_truth,
)
from error_sequence_model.simulation.genes import (
    INTERGENIC,
    Gene,
    lay_out_gene,
    sample_background,
)
from error_sequence_model.simulation.plan import Plan, make_plan
from error_sequence_model.simulation.predictor import (
    get_score,
    plant_causes,
    plant_decoys,
    write_signals,
)
from error_sequence_model.simulation.settings import SimulationSettings, make_settings
from error_sequence_model.simulation.truth import describe_plan

logger = logging.getLogger(__name__)


class SimulationPaths(NamedTuple):
    """The files of one simulation.

    Attributes:
        genome: FASTA; its index is beside it.
        annotation: GTF with gene, transcript and exon features.
        errors: Error table, one row per site and transcript.
        truth: BED of every planted element.
        causes: JSON of what was planted: kind, letters, place, share of errors.
    """

    genome: Path
    annotation: Path
    errors: Path
    truth: Path
    causes: Path


def simulate(output_folder: str | Path, **options: Any) -> SimulationPaths:
    """Simulate a genome and a splice-site predictor whose errors have known causes.

    Which causes are planted and why is told in ``simulation.plan``. The same
    options give the same bytes.

    Args:
        output_folder: Where ``genome.fa`` (with ``.fai``), ``annotation.gtf``,
            ``errors.tsv``, ``truth.bed`` and ``truth.json`` are written; made if need
            be.
        **options: Fields of ``SimulationSettings``: ``seed``, ``chromosomes``,
            ``genes_per_chromosome`` and more.

    Returns:
        The paths of the files.

    Raises:
        InputError: An option is unknown or its value not allowed.
    """
    settings = make_settings(**options)
    folder = Path(output_folder)
    paths = SimulationPaths(
        folder / "genome.fa",
        folder / "annotation.gtf",
        folder / "errors.tsv",
        folder / "truth.bed",
        folder / "truth.json",
    )
    plan = make_plan(settings)
    rng = np.random.default_rng(settings.seed)
    genes = _make_genes(rng, settings, plan)
    chromosomes, placed = _place_genes(rng, genes, settings)
    write_genome(paths.genome, chromosomes)
    write_annotation(paths.annotation, placed)
    errors = make_error_table(placed)
    write_tsv(paths.errors, errors)
    truth = make_truth(placed)
    write_truth(paths.truth, truth)
    write_json(paths.causes, describe_plan(plan, errors, truth))
    logger.info(
        "simulated %d bp, %d genes, %d rows of sites, %d planted elements",
        sum(map(len, chromosomes.values())),
        len(placed),
        len(errors),
        len(truth),
    )
    return paths


def _make_genes(
    rng: np.random.Generator, settings: SimulationSettings, plan: Plan
) -> list[list[Gene]]:
    """Draw the genes of every chromosome, with everything that is planted in them."""
    genes = [
        [
            lay_out_gene(rng, settings, plan)
            for _ in range(settings.genes_per_chromosome)
        ]
        for _ in range(settings.chromosomes)
    ]
    every_gene = list(chain.from_iterable(genes))
    for gene in every_gene:
        write_signals(rng, gene, settings, plan)
    plant_decoys(rng, every_gene, plan)
    for gene in every_gene:
        plant_causes(rng, gene, settings, plan)
    return genes


def _place_genes(
    rng: np.random.Generator, genes: list[list[Gene]], settings: SimulationSettings
) -> tuple[dict[str, np.ndarray], list[PlacedGene]]:
    """String genes and spacers together: uint8 codes by chromosome, and the genes."""
    chromosomes, placed = {}, []
    for number, members in enumerate(genes, start=1):
        pieces = [_sample_spacer(rng, settings)]
        for index, gene in enumerate(members, start=1):
            is_noncoding = rng.random() < settings.noncoding_share
            is_forward = rng.random() < 0.5
            placed.append(
                PlacedGene(
                    gene,
                    gene_id=f"SIM{number}G{index:04d}",
                    gene_name=f"sim{number}-{index}",
                    biotype="lncRNA" if is_noncoding else "protein_coding",
                    chrom=f"chr{number}",
                    start=sum(map(len, pieces)),
                    strand="+" if is_forward else "-",
                    scores=[get_score(rng, gene, site) for site in gene.sites],
                )
            )
            # With codes ACGT = 0-3, 3 - code is the complement.
            pieces.append(gene.codes if is_forward else 3 - gene.codes[::-1])
            pieces.append(_sample_spacer(rng, settings))
        chromosomes[f"chr{number}"] = np.concatenate(pieces)
    return chromosomes, placed


def _sample_spacer(
    rng: np.random.Generator, settings: SimulationSettings
) -> np.ndarray:
    length = int(rng.integers(settings.spacing[0], settings.spacing[1] + 1))
    return sample_background(rng, np.full(length, INTERGENIC, dtype=np.uint8))
