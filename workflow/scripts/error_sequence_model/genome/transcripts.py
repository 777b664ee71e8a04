"""Transcripts of an annotation: exons joined across gaps that are no introns.

A transcript is (gene, transcript_id, contig, strand), and one place of it where a file
has it at several: no intron leads across strands, contigs, genes or copies.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from error_sequence_model.genome.bed_transcripts import is_bed12, read_bed_rows
from error_sequence_model.genome.gene_rows import (
    CODING,
    EXONS,
    list_loci,
    name_gff3,
    read_gene_rows,
)

logger = logging.getLogger(__name__)

# A gap is an intron from 21 nt on, as for STAR (`--alignIntronMin`); Ensembl, Gnomon
# and MAKER write frame shifts as gaps of 1 to 20 nt.
SMALLEST_INTRON = 21


@dataclass(frozen=True)
class Transcripts:
    """What an annotation says of transcripts and genes.

    Attributes:
        exons: transcript (int64, a number of its own), chrom, strand, transcript_id,
            gene_id (categories), start, end (0-based half-open); sorted by transcript
            and start, joined across short gaps.
        genes: gene_id, gene_name, gene_biotype, chrom, start, end, strand; several
            rows where a gene has bodies apart from each other.
        joined_gaps: Places between exons that are too short for an intron.
    """

    exons: pd.DataFrame
    genes: pd.DataFrame
    joined_gaps: int


def read_transcripts(
    path: str | Path, *, smallest_intron: int = SMALLEST_INTRON
) -> Transcripts:
    """Read the transcripts of a GTF, GFF3 or BED12.

    Raises:
        InputError: Unreadable, or without any exon.
    """
    read = read_bed_rows if is_bed12(path) else read_gene_rows
    parts, nodes, is_gff3 = read(path)
    if is_gff3:
        parts = name_gff3(parts, nodes)
    codes = parts["gene_id"].cat.codes[parts["feature"].isin(CODING)]
    coding = parts["gene_id"].cat.categories[np.unique(codes[codes >= 0])]
    parts = _number(parts)
    _tell_overlaps(parts, path)
    exons, n_gaps = _join_exons(parts.drop(columns="feature"), smallest_intron)
    if n_gaps:
        logger.warning(
            "%s: gaps between exons of fewer than %d bases are no introns: %d of them",
            *(path, smallest_intron, n_gaps),
        )
    exons = _part_loci(exons, nodes)
    genes = _find_genes(exons, nodes, set(coding), is_gff3)
    exons = exons[exons["transcript_id"].notna()].drop(columns=["number", "locus"])
    return Transcripts(exons.reset_index(drop=True), genes, n_gaps)


def _number(parts: pd.DataFrame) -> pd.DataFrame:
    """Number transcripts; keep their exons, or pieces of those that have none."""
    number = np.zeros(len(parts), dtype=np.int64)
    for name in ("transcript_id", "gene_id", "chrom", "strand"):
        codes = parts[name].cat.codes.to_numpy(np.int64)
        number = pd.factorize(number * (codes.max(initial=0) + 2) + codes + 1)[0]
    is_exon = parts["feature"].isin(EXONS).to_numpy()
    has_exons = np.zeros(number.max(initial=-1) + 1, dtype=bool)
    has_exons[number[is_exon]] = True
    kept = is_exon | ~has_exons[number]
    parts = parts.assign(transcript=number)[kept]
    order = np.lexsort((parts["end"], parts["start"], parts["transcript"]))
    return parts.iloc[order].reset_index(drop=True)


def _tell_overlaps(parts: pd.DataFrame, path: str | Path) -> None:
    """Say which transcripts have exons that overlap, and so lose sites."""
    transcript, start, end = (
        parts[key].to_numpy() for key in ("transcript", "start", "end")
    )
    is_over = (transcript[1:] == transcript[:-1]) & (start[1:] < end[:-1])
    is_over &= (start[1:] > start[:-1]) | (end[1:] > end[:-1])  # else a copy
    is_over &= parts["feature"].isin(EXONS).to_numpy()[1:]
    names = parts["transcript_id"][1:][is_over].dropna().unique()
    if len(names):
        logger.warning(
            "%s: %d transcripts have exons that overlap, which are joined: %s: is one "
            "transcript_id given to several isoforms?",
            *(path, len(names), ", ".join(map(str, names[:5]))),
        )


def _join_exons(parts: pd.DataFrame, smallest_intron: int) -> tuple[pd.DataFrame, int]:
    """Join a transcript's exons that overlap or are less than an intron apart."""
    start, transcript = (parts[name].to_numpy() for name in ("start", "transcript"))
    # Transcripts follow each other, so one running maximum serves all of them.
    lift = transcript << 40
    reach = np.maximum.accumulate(parts["end"].to_numpy() + lift) - lift
    gap = start[1:] - reach[:-1]
    is_same = transcript[1:] == transcript[:-1]
    # Parts without a transcript only say where their gene is.
    is_same = is_same & parts["transcript_id"].notna().to_numpy()[1:]
    is_short = is_same & (gap > 0) & (gap < smallest_intron)
    places = parts.loc[np.append(False, is_short), ["chrom", "strand", "start"]]
    is_first = np.append(True, ~is_same | (gap >= smallest_intron))
    rows = np.flatnonzero(is_first)
    exons = parts.iloc[rows].assign(end=reach[np.append(rows[1:], len(parts)) - 1])
    return exons.reset_index(drop=True), len(places.drop_duplicates())


def _part_loci(exons: pd.DataFrame, nodes: pd.DataFrame) -> pd.DataFrame:
    """Number anew transcripts that lie at several places of a contig and strand."""
    locus = np.zeros(len(exons), dtype=np.int64)
    starts = exons["start"].to_numpy()
    transcript = exons["transcript"].to_numpy()
    bounds = np.flatnonzero(np.diff(transcript, prepend=-1, append=-1))
    firsts = exons.iloc[bounds[:-1]]
    rows = firsts.assign(place=np.arange(len(firsts))).groupby(
        ["transcript_id", "chrom", "strand"], observed=True
    )["place"]
    copies = dict(list_loci(nodes))
    known = rows.apply(list).to_dict() if copies else {}
    for key, places in copies.items():
        for place in known.get(key, []):
            inside = slice(bounds[place], bounds[place + 1])
            found = np.searchsorted(places, starts[inside], side="right") - 1
            locus[inside] = np.maximum(found, 0)
    # Exons that are counted from the first again are those of another copy.
    numbered = exons[["transcript", "number"]].dropna()
    again = numbered.loc[numbered.duplicated(), "transcript"].unique()
    number = exons["number"].to_numpy()
    for place in np.flatnonzero(np.isin(transcript[bounds[:-1]], again)):
        inside = slice(bounds[place], bounds[place + 1])
        found = _count_restarts(number[inside])
        if not locus[inside].any() and 2 * (found[-1] + 1) <= len(found):
            locus[inside] = found
    is_new = np.diff(transcript, prepend=-1) != 0
    is_new |= np.diff(locus, prepend=0) != 0
    return exons.assign(locus=locus, transcript=np.cumsum(is_new) - 1)


def _count_restarts(numbers: np.ndarray) -> np.ndarray:
    """How often numbers along a transcript had begun anew by each exon."""
    seen: set[float] = set()
    found = np.zeros(len(numbers), dtype=np.int64)
    for row, number in enumerate(numbers):
        is_again = number in seen
        seen = {number} if is_again else seen | {number}
        found[row] = found[max(row - 1, 0)] + is_again
    return found


def _find_genes(
    exons: pd.DataFrame, nodes: pd.DataFrame, coding: set[str], is_gff3: bool
) -> pd.DataFrame:
    """Gene bodies: of the genes' rows, or the extent of their exons."""
    is_gene = nodes["feature"].str.contains("gene", case=False).to_numpy()
    if is_gff3:
        names = nodes["node"]
        # A gene, whatever its type: what exons belong to, or what is called one.
        is_gene = is_gene & nodes["parent"].isna().to_numpy()
        is_gene = is_gene | names.isin(exons["gene_id"].cat.categories).to_numpy()
        above = nodes["parent"].fillna(nodes["gene_id"])
        nodes = nodes.assign(gene_id=names.where(is_gene, above))
    else:
        is_named = nodes["feature"].isin(["gene", "pseudogene"])
        is_gene = is_gene & (is_named | nodes["transcript_id"].isna()).to_numpy()
    keys = ["gene_id", "chrom", "strand"]
    rows = nodes[is_gene & nodes["strand"].isin(["+", "-"])].dropna(subset=["gene_id"])
    extents = exons.dropna(subset=["gene_id"]).groupby(
        [*keys, "locus"], observed=True, sort=False
    )
    extents = extents.agg(start=("start", "min"), end=("end", "max")).reset_index()
    given = pd.MultiIndex.from_frame(rows[keys])
    extents = extents.astype(dict.fromkeys(keys, "str"))
    is_given = pd.MultiIndex.from_frame(extents[keys]).isin(given)
    bodies = pd.concat([rows, extents[~is_given]], ignore_index=True)
    bodies = _unite(bodies[[*keys, "start", "end"]], keys)
    return _describe(bodies, nodes, is_gene, coding)


def _unite(bodies: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Unite a gene's rows that overlap; in order of their first row."""
    number = bodies.groupby(keys, sort=False).ngroup().to_numpy()
    order = np.lexsort((bodies["end"], bodies["start"], number))
    bodies, number = bodies.iloc[order], number[order]
    start = bodies["start"].to_numpy()
    reach = np.maximum.accumulate(bodies["end"].to_numpy() + (number << 40))
    reach -= number << 40
    is_first = np.append(True, (number[1:] != number[:-1]) | (start[1:] >= reach[:-1]))[
        : len(bodies)
    ]
    rows = np.flatnonzero(is_first)
    ends = reach[np.append(rows[1:], len(bodies)) - 1] if len(rows) else reach
    return bodies.iloc[rows].assign(end=ends).reset_index(drop=True)


def _describe(
    bodies: pd.DataFrame, nodes: pd.DataFrame, is_gene: np.ndarray, coding: set[str]
) -> pd.DataFrame:
    """Give bodies names and biotypes: of their row, else of a transcript."""
    # A transcript's Name is its own, a gene's that of the gene.
    names = nodes["gene_name"].fillna(nodes["own_name"].where(is_gene))
    nodes = nodes.assign(gene_name=names, is_other=~is_gene)
    ranked = nodes.sort_values("is_other", kind="stable").groupby("gene_id", sort=False)
    known = ranked[["gene_name", "gene_biotype", "feature"]].first()
    found = known.reindex(bodies["gene_id"]).astype("str")
    biotype = found["gene_biotype"].to_numpy(dtype=object, na_value=None)
    # Where no biotype is given: what the row is called, or whether there is a CDS.
    kind = found["feature"].where(found["feature"].str.contains("_gene|pseudogene"))
    kind = kind.to_numpy(dtype=object, na_value=None)
    is_coding = bodies["gene_id"].isin(coding).to_numpy()
    for other in (kind, np.where(is_coding, "protein_coding", None)):
        biotype = np.where(pd.isna(biotype), other, biotype)
    names = found["gene_name"].to_numpy(dtype=object, na_value=None)
    return pd.DataFrame(
        {
            "gene_id": bodies["gene_id"],
            "chrom": bodies["chrom"],
            "strand": bodies["strand"],
            "gene_name": pd.Series(names, dtype="str"),
            "gene_biotype": pd.Series(biotype, dtype="str"),
            "start": bodies["start"],
            "end": bodies["end"],
        }
    )


def list_introns(exons: pd.DataFrame) -> pd.DataFrame:
    """Introns between consecutive exons.

    Args:
        exons: ``Transcripts.exons``.

    Returns:
        The rows of the exons before them (forward strand), with left and right
        (interbase), and row, their number among the exons.
    """
    transcript = exons["transcript"].to_numpy()
    row = np.flatnonzero(transcript[1:] == transcript[:-1])
    right = exons["start"].to_numpy()[row + 1]
    introns = exons.iloc[row].assign(row=row, right=right)
    return introns.rename(columns={"end": "left"}).reset_index(drop=True)
