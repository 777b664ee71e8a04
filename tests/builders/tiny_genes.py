"""The tiny genome with its annotation, sites and windows as files, for pretraining."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from error_sequence_model.pretraining import GeneBodies, GenomeSource, read_gene_bodies
from error_sequence_model.windows import Windows, read_windows, write_windows
from tiny_genome import TinyGenome, make_tiny_genome

CHROMS = ("chr1", "chr2", "chr3", "chr3_alt")


@dataclass(frozen=True)
class TinyGenes:
    """Files of a small genome.

    Attributes:
        tiny: What is planted in it.
        folder: Where the files are.
        source: Genome and annotation.
        sites: sites.parquet.
    """

    tiny: TinyGenome
    folder: Path
    source: GenomeSource
    sites: pd.DataFrame

    @property
    def bodies(self) -> GeneBodies:
        """Its genes."""
        return read_gene_bodies(self.source)

    @property
    def windows(self) -> Windows:
        """The sites' windows, 30 bases on either side."""
        return read_windows(self.folder / "windows.arrow")


def write_tiny_genes(folder: Path, genes: int = 6) -> TinyGenes:
    """Write genome, annotation, sites (none on chr3_alt) and windows."""
    tiny = make_tiny_genome(chroms=CHROMS, genes=genes)
    fasta = tiny.write_fasta(folder / "genome.fa")
    annotation = write_gtf(folder / "annotation.gtf", genes)
    sites = tiny.sites[tiny.sites["chrom"].ne("chr3_alt")].reset_index(drop=True)
    sites.insert(0, "site_id", range(len(sites)))
    sites.to_parquet(folder / "sites.parquet")
    write_windows(folder / "sites.parquet", fasta, 30, 30, folder / "windows.arrow")
    source = GenomeSource("tiny", fasta, annotation)
    return TinyGenes(tiny, folder, source, sites)


def write_gtf(path: Path, genes: int) -> Path:
    """Write the genes that `make_tiny_genome` plants: exon, intron, exon, 100 each."""
    lines = []
    for chrom in CHROMS:
        for gene in range(genes):
            start, strand = 100 + 400 * gene, "+-"[gene % 2]
            name = f'gene_id "{chrom}.g{gene}"; transcript_id "{chrom}.t{gene}";'
            parts = [("gene", 0, 300), ("exon", 0, 100), ("exon", 200, 300)]
            for kind, first, last in parts:
                fields = (chrom, "t", kind, start + first + 1, start + last)
                lines.append("\t".join(map(str, (*fields, ".", strand, ".", name))))
    path.write_text("\n".join(lines) + "\n")
    return path
