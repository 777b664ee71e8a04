"""Human chr19 with Ensembl 91: canonical transcripts alone, and all of them.

The study's genes come with their canonical splice sites only. Here both are at hand:
`chr19.canonical.gtf` (of each protein-coding gene the transcript with the longest
coding sequence) and `chr19.all.gtf` (every transcript of these genes). Genes beyond
the number asked for stand in both with the biotype `LEFT_OUT`: their sites are real, a
call there is no error, and with `biotypes: [protein_coding]` none of them is judged.
"""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from error_sequence_model.core import InputError, atomic_path
from error_sequence_model.examples.facts import (
    OPTIMISTIC,
    gather_facts,
    read_chromosome_use,
    write_facts,
)
from error_sequence_model.genome import SITE, read_annotation, read_transcripts

CONTIG = "19"
LEFT_OUT = "left_out"
COLUMNS = (0, 2, 3, 4, 8)  # of a GFF3: contig, feature, start, end, attributes


def write_chr19(
    folder: Path, bases: Path, annotation: Path, use: Path, *, genes: int | None = None
) -> None:
    """Write the chromosome, both annotations and the facts of their sites.

    Args:
        folder: Where they go: chr19.fa, chr19.{canonical,all}.gtf and .parquet.
        bases: FASTA, gzip.
        annotation: Ensembl's GFF3.
        use: GTEx's use of exons.
        genes: Only so many are judged, spread evenly.
    """
    with (
        gzip.open(bases) as source,
        atomic_path(folder / "chr19.fa") as temporary,
        temporary.open("wb") as target,
    ):
        shutil.copyfileobj(source, target)
    transcripts = read_transcripts(annotation)
    coding = transcripts.genes.query("gene_biotype == 'protein_coding'")
    wanted = every_gene = coding["gene_id"].drop_duplicates().to_numpy()
    if genes is not None and genes < len(wanted):
        wanted = wanted[np.linspace(0, len(wanted) - 1, genes).round().astype(int)]
    exons = transcripts.exons.astype({"gene_id": "str", "transcript_id": "str"})
    exons = exons[exons["gene_id"].isin(every_gene)]
    is_left = ~exons["gene_id"].isin(wanted)
    exons["gene_biotype"] = np.where(is_left, LEFT_OUT, "protein_coding")
    canonical = exons["transcript_id"].isin(choose_canonical(annotation, exons))
    write_gtf(folder / "chr19.all.gtf", exons)
    write_gtf(folder / "chr19.canonical.gtf", exons[canonical | is_left])
    found = read_chromosome_use(use, "chr19", CONTIG)
    every = read_annotation(annotation).sites[SITE].drop_duplicates()
    ours = read_annotation(folder / "chr19.canonical.gtf").sites
    is_ours = ours["gene_id"].map(lambda ids: not {*ids.split(",")}.isdisjoint(wanted))
    ours = ours.loc[is_ours, SITE]
    for name in ("canonical", "all"):
        facts = gather_facts(
            found,
            folder / f"chr19.{name}.gtf",
            folder / "chr19.fa",
            folder / "known_u12.introns.iic.gz",
        )
        if name == "canonical":
            sites = every.assign(found_in_ensembl=True)
        else:
            sites = read_annotation(folder / "chr19.all.gtf").sites[SITE]
            places = pd.MultiIndex.from_frame(sites)
            sites = sites.assign(
                alternative=~places.isin(pd.MultiIndex.from_frame(ours))
            )
        facts = facts.merge(sites, on=SITE, how="outer", validate="1:1")
        write_facts(folder / f"chr19.{name}.parquet", facts, caution=OPTIMISTIC)


def choose_canonical(annotation: Path, exons: pd.DataFrame) -> set[str]:
    """Choose each gene's transcript with the longest coding sequence, then exons.

    Raises:
        InputError: The file has no coding sequence.
    """
    rows = pd.read_csv(annotation, sep="\t", comment="#", header=None, usecols=COLUMNS)
    rows = rows[rows[2] == "CDS"]
    if rows.empty:
        raise InputError(f"{annotation}: no CDS to choose a canonical transcript by")
    parents = rows[8].str.extract(r"(?:^|;)Parent=([^;]+)")[0]
    coding = (rows[4] - rows[3] + 1).groupby(parents).sum()
    lengths = (exons["end"] - exons["start"]).groupby(exons["transcript_id"]).sum()
    table = exons[["gene_id", "transcript_id"]].drop_duplicates()
    table["coding"] = table["transcript_id"].map(coding).fillna(0)
    table["length"] = table["transcript_id"].map(lengths)
    order = ["coding", "length", "transcript_id"]
    table = table.sort_values(order, ascending=[False, False, True])
    return set(table.drop_duplicates("gene_id")["transcript_id"])


def write_gtf(path: Path, exons: pd.DataFrame) -> None:
    """Write exons (0-based half-open) with their genes and transcripts as GTF."""
    genes = exons.groupby(["gene_id", "gene_biotype"], sort=False).agg(
        chrom=("chrom", "first"),
        strand=("strand", "first"),
        start=("start", "min"),
        end=("end", "max"),
    )
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for (gene, biotype), row in genes.iterrows():
            ids = f'gene_id "{gene}"; gene_biotype "{biotype}";'
            place = f"{row.start + 1}\t{row.end}\t.\t{row.strand}\t."
            file.write(f"{row.chrom}\tstudy\tgene\t{place}\t{ids}\n")
        for exon in exons.itertuples():
            ids = f'gene_id "{exon.gene_id}"; transcript_id "{exon.transcript_id}";'
            place = f"{exon.start + 1}\t{exon.end}\t.\t{exon.strand}\t."
            file.write(f"{exon.chrom}\tstudy\texon\t{place}\t{ids}\n")
