"""Simulated genes on their chromosomes, and the files that hold them.

Genome coordinates are 0-based half-open, a junction is interbase; so is ``truth.bed``.
The GTF is 1-based closed. The error table's ``position`` is the 1-based exonic base
next to the junction (``coordinate_base: 1``, ``site_base: exon``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyfaidx

from error_sequence_model.core import atomic_path
from error_sequence_model.simulation.genes import BASES, Gene
from error_sequence_model.simulation.truth import BED_COLUMNS

ERROR_COLUMNS = [
    "chrom",
    "position",
    "strand",
    "splice_type",
    "pred_type",
    "score",
    "gene_id",
    "gene_name",
    "transcript_id",
    "gene_biotype",
]
FASTA_LINE = 60


@dataclass(frozen=True)
class PlacedGene:
    """A gene on its chromosome: ``[start, start + len(gene))``.

    Attributes:
        gene: Its exons, sequence, sites and planted elements in gene coordinates.
        gene_id: As in the GTF; transcripts are ``gene_id.1`` and so on.
        gene_name: As in the GTF.
        biotype: As in the GTF.
        chrom: Chromosome.
        start: Genome coordinate of its leftmost base.
        strand: '+' or '-'.
        scores: The predictor's score of each of the gene's sites.
    """

    gene: Gene
    gene_id: str
    gene_name: str
    biotype: str
    chrom: str
    start: int
    strand: str
    scores: list[float]

    def to_genome(self, start: int, end: int) -> tuple[int, int]:
        """Turn ``[start, end)`` of the gene into genome coordinates."""
        if self.strand == "+":
            return self.start + start, self.start + end
        gene_end = self.start + len(self.gene)
        return gene_end - end, gene_end - start

    def get_transcript_id(self, index: int) -> str:
        """Name the transcript with this index."""
        return f"{self.gene_id}.{index + 1}"


def write_genome(path: Path, chromosomes: dict[str, np.ndarray]) -> None:
    """Write chromosomes, uint8 codes (length,), as FASTA with its index."""
    letters = np.frombuffer(BASES.encode(), dtype=np.uint8)
    with atomic_path(path) as temporary, temporary.open("w", newline="\n") as handle:
        for name, codes in chromosomes.items():
            sequence = letters[codes].tobytes().decode()
            handle.write(f">{name}\n")
            for start in range(0, len(sequence), FASTA_LINE):
                handle.write(sequence[start : start + FASTA_LINE] + "\n")
    with atomic_path(path.with_name(path.name + ".fai")) as temporary:
        pyfaidx.Faidx(path, indexname=temporary).close()


def write_annotation(path: Path, genes: list[PlacedGene]) -> None:
    """Write genes, transcripts and exons as GTF (1-based, closed)."""
    with atomic_path(path) as temporary, temporary.open("w", newline="\n") as handle:
        for placed in genes:
            for line in _get_gtf_lines(placed):
                handle.write(line + "\n")


def _get_gtf_lines(placed: PlacedGene) -> Iterator[str]:
    gene = placed.gene
    of_gene = [
        ("gene_id", placed.gene_id),
        ("gene_name", placed.gene_name),
        ("gene_biotype", placed.biotype),
    ]

    def get_line(feature: str, start: int, end: int, *more: tuple[str, Any]) -> str:
        start, end = placed.to_genome(start, end)
        attributes = " ".join(f'{key} "{value}";' for key, value in [*of_gene, *more])
        fields = [placed.chrom, "simulation", feature, start + 1, end, "."]
        return "\t".join(map(str, [*fields, placed.strand, ".", attributes]))

    yield get_line("gene", 0, len(gene))
    for index, exons in enumerate(gene.transcripts):
        name = ("transcript_id", placed.get_transcript_id(index))
        first, last = gene.exons[exons[0]][0], gene.exons[exons[-1]][1]
        yield get_line("transcript", first, last, name)
        for number, exon in enumerate(exons, start=1):
            yield get_line("exon", *gene.exons[exon], name, ("exon_number", number))


def _get_users(gene: Gene, junction: int, splice_type: str) -> list[int]:
    """Indices of the transcripts that use a site."""
    edge = 1 if splice_type == "donor" else 0
    return [
        index
        for index, exons in enumerate(gene.transcripts)
        if junction in {gene.exons[exon][edge] for exon in exons}
    ]


def make_error_table(genes: list[PlacedGene]) -> pd.DataFrame:
    """List the predictor's calls: one row per site and transcript that uses it.

    Args:
        genes: All genes with their sites and scores.

    Returns:
        A table with ``ERROR_COLUMNS``; ``position`` is the 1-based exonic base.
    """
    rows = []
    for placed in genes:
        for site, score in zip(placed.gene.sites, placed.scores, strict=True):
            is_exon_left = (site.splice_type == "donor") == (placed.strand == "+")
            junction, _ = placed.to_genome(site.junction, site.junction)
            # FP and TN belong to no transcript: they get the gene's first, as scanned.
            users = [0]
            if site.is_annotated:
                users = _get_users(placed.gene, site.junction, site.splice_type)
            rows += [
                (
                    placed.chrom,
                    junction if is_exon_left else junction + 1,
                    placed.strand,
                    site.splice_type,
                    site.pred_type,
                    f"{score:.5f}",
                    placed.gene_id,
                    placed.gene_name,
                    placed.get_transcript_id(user),
                    placed.biotype,
                )
                for user in users
            ]
    errors = pd.DataFrame(rows, columns=ERROR_COLUMNS)
    order = ["chrom", "position", "strand", "splice_type", "transcript_id"]
    return errors.sort_values(order, kind="stable", ignore_index=True)


def make_truth(genes: list[PlacedGene]) -> pd.DataFrame:
    """List the planted elements in 0-based half-open genome coordinates.

    Args:
        genes: All genes with their elements.

    Returns:
        A table with ``BED_COLUMNS``, one row per element.
    """
    rows = []
    for placed in genes:
        for element in placed.gene.elements:
            site = element.site
            junction, _ = placed.to_genome(site.junction, site.junction)
            rows.append(
                (
                    placed.chrom,
                    *placed.to_genome(element.start, element.end),
                    element.cause,
                    0,
                    placed.strand,
                    junction,
                    site.splice_type,
                    site.pred_type,
                    element.role,
                )
            )
    truth = pd.DataFrame(rows, columns=BED_COLUMNS)
    order = ["chrom", "start", "end", "junction"]
    return truth.sort_values(order, kind="stable", ignore_index=True)


def write_truth(path: Path, truth: pd.DataFrame) -> None:
    """Write ``make_truth``'s table as BED with its columns as a comment line."""
    with atomic_path(path) as temporary, temporary.open("w", newline="\n") as handle:
        handle.write("#" + "\t".join(BED_COLUMNS) + "\n")
        truth.to_csv(handle, sep="\t", header=False, index=False, lineterminator="\n")
