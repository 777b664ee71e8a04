"""Genomes with their genes, exons and annotated sites, as pretraining reads them.

Intervals are 0-based half-open on the forward strand, junctions interbase. A pool's
contigs are called ``genome:contig``, as in its sites.parquet.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from error_sequence_model.core import InputError
from error_sequence_model.genome import (
    SMALLEST_INTRON,
    Genome,
    find_junctions,
    read_transcripts,
)

logger = logging.getLogger(__name__)

# What an annotation calls a base of the transcript strand; a site's base is the
# intronic one next to its junction (the G of a donor's GT, of an acceptor's AG).
OTHER, EXON, DONOR, ACCEPTOR = range(4)
STRUCTURE = ("other", "exon", "donor", "acceptor")


@dataclass(frozen=True)
class GenomeSource:
    """One genome to learn from.

    Attributes:
        name: Its name under ``genomes``.
        fasta: The sequence.
        annotation: Its genes.
        prefix: What stands before its contigs' names: "" or "name:".
        has_sites: Whether the predictor's sites lie on it. A genome without them has
            nothing that must be held out by name.
        smallest_intron: Shorter gaps between exons are no introns.
        aliases: Other names of its contigs.
    """

    name: str
    fasta: Path
    annotation: Path
    prefix: str = ""
    has_sites: bool = True
    smallest_intron: int = SMALLEST_INTRON
    aliases: Path | None = None


@dataclass(frozen=True)
class GeneBodies:
    """The genes of one genome.

    Attributes:
        source: Where they come from.
        contigs: Name with prefix -> bases.
        genes: gene_id, chrom, start, end, strand.
        exons: chrom, start, end, strand.
        sites: chrom, junction, strand, splice_type, gene_id.
    """

    source: GenomeSource
    contigs: dict[str, int]
    genes: pd.DataFrame
    exons: pd.DataFrame
    sites: pd.DataFrame

    @cached_property
    def _exon_rows(self) -> dict[tuple[str, str], np.ndarray]:
        return self.exons.groupby(["chrom", "strand"], sort=False).indices

    @cached_property
    def _site_rows(self) -> dict[tuple[str, str], np.ndarray]:
        return self.sites.groupby(["chrom", "strand"], sort=False).indices

    def get_structure(self, chrom: str, strand: str) -> np.ndarray:
        """Label the bases of one strand of a contig.

        Args:
            chrom: Contig with prefix.
            strand: Which strand's genes count.

        Returns:
            uint8 ``(length,)`` in forward order: OTHER, EXON, DONOR or ACCEPTOR.
        """
        length = self.contigs[chrom]
        labels = np.full(length, OTHER, dtype=np.uint8)
        exons = self.exons.iloc[self._exon_rows.get((chrom, strand), [])]
        for start, end in zip(exons["start"], exons["end"], strict=True):
            labels[start:end] = EXON
        sites = self.sites.iloc[self._site_rows.get((chrom, strand), [])]
        is_donor = sites["splice_type"].eq("donor").to_numpy()
        # The intron lies right (forward strand) of a '+' donor and a '-' acceptor.
        is_right = is_donor == (strand == "+")
        bases = sites["junction"].to_numpy() - ~is_right
        is_inside = (bases >= 0) & (bases < length)
        labels[bases[is_inside & is_donor]] = DONOR
        labels[bases[is_inside & ~is_donor]] = ACCEPTOR
        return labels


def read_gene_bodies(source: GenomeSource) -> GeneBodies:
    """Read the genes of a genome.

    Raises:
        InputError: The annotation is unreadable, or none of its contigs is in the
            genome.
    """
    found = read_transcripts(source.annotation, smallest_intron=source.smallest_intron)
    with Genome(source.fasta, source.aliases) as genome:
        lengths = genome.lengths
        names = found.exons["chrom"].cat.categories
        mapping, problems = genome.match_contigs(names)
    if not mapping:
        raise InputError(
            f"genomes.{source.name}.annotation {source.annotation}: none of its contigs"
            f" ({', '.join(list(problems)[:5])}, …) is in the genome; both must be of "
            "one assembly"
        )
    if problems:
        logger.warning(
            "%s: %d contigs are not in the genome and left out",
            *(source.annotation, len(problems)),
        )
    names = {theirs: source.prefix + ours for theirs, ours in mapping.items()}
    exons, genes, sites = (
        rows[rows["chrom"].isin(list(names))].assign(
            chrom=lambda kept: kept["chrom"].astype("str").map(names)
        )
        for rows in (found.exons, found.genes, find_junctions(found.exons))
    )
    bodies = GeneBodies(
        source,
        {source.prefix + name: length for name, length in lengths.items()},
        genes[["gene_id", "chrom", "start", "end", "strand"]],
        exons[["chrom", "start", "end", "strand"]],
        sites,
    )
    logger.info(
        "%s: %d genes, %d annotated sites",
        *(source.name, len(bodies.genes), len(bodies.sites)),
    )
    return bodies


def join_genes(genomes: Sequence[GeneBodies]) -> pd.DataFrame:
    """Put the gene tables of several genomes together."""
    return pd.concat([bodies.genes for bodies in genomes], ignore_index=True)
