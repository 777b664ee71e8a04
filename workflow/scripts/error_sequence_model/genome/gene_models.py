"""Transcripts of the genome as arrays: exons, introns, and the sites between them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from error_sequence_model.core import InputError
from error_sequence_model.genome.annotation import SITE, find_genes, read_features
from error_sequence_model.genome.contigs import match_contigs

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class GeneModels:
    """What an annotation says of sites and genes.

    Attributes:
        sites: SITE columns, then over the transcripts that use a site: shortest_exon,
            longest_exon, shortest_intron (nt), is_outer (its exon is the first one of
            all of them, at an acceptor the last one), transcripts (their number),
            gene_id, gene_transcripts (of its gene).
        genes: gene_id, gene_biotype, chrom, start, end, strand.
    """

    sites: pd.DataFrame
    genes: pd.DataFrame


def read_gene_models(
    paths: Sequence[tuple[str, str | Path]], *, chroms: Iterable[str] = ()
) -> GeneModels:
    """Read annotations.

    Args:
        paths: ``(prefix, path)`` of GTF or GFF3 files; a pool's contigs begin with
            ``prefix:``, else the prefix is empty.
        chroms: The sites' contigs, whose names an annotation's contigs get (chr1 for
            1); where there are none, names stay as they are.

    Raises:
        InputError: A file that is not an annotation, or has none of the contigs.
    """
    chroms = list(chroms)
    sites, genes = [], []
    for prefix, path in paths:
        rows = read_features(path)
        if prefix:
            rows = rows.assign(chrom=prefix + ":" + rows["chrom"])
        own = [name for name in chroms if not prefix or name.startswith(f"{prefix}:")]
        rows = _match(rows, own, path)
        sites.append(_describe_junctions(rows[rows["feature"].eq("exon")]))
        genes.append(find_genes(rows))
        logger.info("%s: %d sites, %d genes", path, len(sites[-1]), len(genes[-1]))
    return GeneModels(
        pd.concat(sites, ignore_index=True), pd.concat(genes, ignore_index=True)
    )


def _describe_junctions(exons: pd.DataFrame) -> pd.DataFrame:
    """One row per annotated site, see ``GeneModels.sites``."""
    exons = exons.dropna(subset=["transcript_id"]).sort_values(
        ["transcript_id", "chrom", "start"], kind="stable"
    )
    key = exons["transcript_id"] + "\t" + exons["chrom"]
    exons = exons.assign(
        key=key,
        length=exons["end"] - exons["start"] + 1,
        rank=exons.groupby(key.to_numpy()).cumcount(),
    )
    n_exons = exons.groupby("key")["rank"].transform("max")
    nxt = exons.groupby("key")[["start", "length"]].shift(-1)
    # Abutting exons (a frame-shift written as two exons) enclose no intron.
    is_intron = nxt["start"].notna() & (nxt["start"] - 1 > exons["end"])
    left = exons[is_intron].assign(
        intron=(nxt["start"] - 1 - exons["end"])[is_intron],
        next_start=nxt["start"][is_intron].astype(np.int64) - 1,
        next_length=nxt["length"][is_intron],
        is_lowest=exons["rank"][is_intron].eq(0),
        is_highest=(exons["rank"] + 1).eq(n_exons)[is_intron],
    )
    is_plus = left["strand"].eq("+")
    sides = []
    for splice_type, at_left in (("donor", is_plus), ("acceptor", ~is_plus)):
        sides.append(
            left[["chrom", "strand", "gene_id", "transcript_id", "intron"]].assign(
                splice_type=splice_type,
                junction=left["end"].where(at_left, left["next_start"]),
                exon=left["length"].where(at_left, left["next_length"]),
                # The exon beside the site is the outermost one on its own side.
                is_outer=left["is_lowest"].where(at_left, left["is_highest"]),
            )
        )
    rows = pd.concat(sides, ignore_index=True)
    used = (
        rows.groupby(SITE, sort=True)
        .agg(
            gene_id=("gene_id", "first"),
            shortest_exon=("exon", "min"),
            longest_exon=("exon", "max"),
            shortest_intron=("intron", "min"),
            is_outer=("is_outer", "all"),
            transcripts=("transcript_id", "nunique"),
        )
        .reset_index()
    )
    per_gene = exons.groupby("gene_id")["transcript_id"].nunique()
    used["gene_transcripts"] = used["gene_id"].map(per_gene)
    return used


def _match(rows: pd.DataFrame, chroms: list[str], path: str | Path) -> pd.DataFrame:
    """Give rows the sites' contig names; rows on other contigs keep theirs."""
    theirs = rows["chrom"].unique()
    names, _ = match_contigs(theirs, dict.fromkeys(chroms, 0))
    if chroms and not names:
        raise InputError(
            f"annotation {path}: none of its contigs ({', '.join(theirs[:5])} …) is "
            f"among the sites' ({', '.join(chroms[:5])} …): another genome? Set "
            "`genomes.<name>.annotation`"
        )
    return rows.assign(chrom=[names.get(name, name) for name in rows["chrom"]])
