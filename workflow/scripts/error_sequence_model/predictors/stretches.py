"""What of a genome is scored: stretches of a strand, none of them twice.

A stretch is ``chrom, start, end, strand``, 0-based half-open on the forward strand.
Overlapping ones of a strand are joined; the two strands are scored on their own.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from error_sequence_model.core import InputError
from error_sequence_model.genome import STRANDS, Genome, read_genes
from error_sequence_model.tables import convert_intervals, read_rows

logger = logging.getLogger(__name__)

COLUMNS = ("chrom", "start", "end", "strand")


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bases of one strand, 0-based half-open on the forward strand."""

    chrom: str
    start: int
    end: int
    strand: str

    @property
    def length(self) -> int:
        """Bases."""
        return self.end - self.start


def read_bed(path: str | Path) -> pd.DataFrame:
    """Read stretches from a BED; without strands in column 6, both are meant.

    Returns:
        chrom, start, end, strand.

    Raises:
        InputError: Unreadable, empty, or a strand that is none.
    """
    names = {0: "chrom", 1: "start", 2: "end", 5: "strand"}
    rows = convert_intervals(
        read_rows(path, names, what="BED", optional=3), path, first=0, what="BED"
    )
    strands = rows["strand"].astype("object").to_numpy()
    strands = np.where(pd.isna(strands), ".", strands)
    is_bad = ~np.isin(strands.astype(str), (*STRANDS, "."))
    if is_bad.any():
        line = rows.index[is_bad][0]
        raise InputError(
            f"{path}, line {line}: strand is {strands[is_bad][0]!r}; it must be +, - "
            "or . (both)"
        )
    parts = [
        rows[np.isin(strands.astype(str), (strand, "."))].assign(strand=strand)
        for strand in STRANDS
    ]
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)]


def read_gene_bodies(
    path: str | Path, *, biotypes: Sequence[str] | None = None
) -> pd.DataFrame:
    """Gene bodies of an annotation, on the gene's strand.

    Args:
        path: GTF or GFF3.
        biotypes: Only genes of these; None: all.

    Returns:
        chrom, start, end, strand.

    Raises:
        InputError: No genes, or none of these biotypes.
    """
    genes = read_genes(path)
    if genes is None:
        raise InputError(
            f"{path}: a table of sites has no gene bodies to score; give a GTF or "
            "GFF3, or a BED as `scores.regions`"
        )
    if biotypes is not None:
        known = sorted(genes["gene_biotype"].dropna().unique())
        genes = genes[genes["gene_biotype"].isin(list(biotypes))]
        if genes.empty:
            raise InputError(
                f"{path}: no gene of the biotypes {list(biotypes)}; it has {known[:10]}"
            )
    return genes[list(COLUMNS)].reset_index(drop=True)


def list_contigs(genome: Genome) -> pd.DataFrame:
    """All contigs whole, both strands: chrom, start, end, strand."""
    rows = [
        (name, 0, length, strand)
        for name, length in genome.lengths.items()
        for strand in STRANDS
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def read_stretches(
    genome: Genome,
    *,
    annotation: str | Path | None = None,
    regions: str | Path | None = None,
    biotypes: Iterable[str] | None = None,
    flank: int = 0,
) -> list[Stretch]:
    """What to score: a BED's stretches, else gene bodies, else whole contigs.

    Args:
        genome: Where they lie.
        annotation: GTF or GFF3; genes are scored on their strand.
        regions: BED; without strands in column 6, both strands are scored.
        biotypes: Only genes of these.
        flank: Bases to add on both sides.

    Raises:
        InputError: A file that cannot be read, or nothing to score.
    """
    if regions is not None:
        rows, place = read_bed(regions), str(regions)
    elif annotation is not None:
        chosen = None if biotypes is None else list(biotypes)
        rows, place = read_gene_bodies(annotation, biotypes=chosen), str(annotation)
    else:
        rows, place = list_contigs(genome), str(genome.path)
    return join_stretches(rows, genome, flank=flank, place=place)


def join_stretches(
    rows: pd.DataFrame, genome: Genome, *, flank: int = 0, place: str = "regions"
) -> list[Stretch]:
    """Join what overlaps or touches, per strand, within the contigs.

    Args:
        rows: chrom (``chr1`` may be ``1`` in the genome), start, end, strand.
        genome: Where they lie; its order is kept.
        flank: Bases to add on both sides.
        place: Where the rows come from, for messages.

    Returns:
        Stretches by contig (in the genome's order), strand and start.

    Raises:
        InputError: A negative flank, or no stretch lies on the genome's contigs.
    """
    if flank < 0:
        raise InputError(f"flank is {flank}; it must be 0 or more; set `scores.flank`")
    names, problems = genome.match_contigs(rows["chrom"].unique())
    if problems:
        logger.warning(
            "%s: %d contigs are not in %s, and are left out: %s",
            *(place, len(problems), genome.path, ", ".join(list(problems)[:10])),
        )
    rows = rows.assign(chrom=rows["chrom"].map(names)).dropna(subset=["chrom"])
    lengths = rows["chrom"].map(genome.lengths).to_numpy(np.int64)
    starts = np.maximum(rows["start"].to_numpy(np.int64) - flank, 0)
    _tell_beyond(rows[rows["end"].to_numpy(np.int64) > lengths], genome, place)
    ends = np.minimum(rows["end"].to_numpy(np.int64) + flank, lengths)
    rows = rows.assign(start=starts, end=ends)[starts < ends]
    groups = dict(iter(rows.groupby(["chrom", "strand"], sort=False)))
    found = [
        Stretch(chrom, start, end, strand)
        for chrom in genome.lengths
        for strand in STRANDS
        if (chrom, strand) in groups
        for start, end in _join(groups[chrom, strand])
    ]
    if not found:
        raise InputError(
            f"{place}: no stretch lies on the contigs of {genome.path} "
            f"({', '.join(list(genome.lengths)[:5])} …): another genome build?"
        )
    return found


def _tell_beyond(rows: pd.DataFrame, genome: Genome, place: str) -> None:
    """Say what ends beyond its contig (as a gene of a circular one may)."""
    if len(rows):
        first = rows.iloc[0]
        logger.warning(
            "%s: %d stretches end beyond their contig, such as %s:%d-%d of %d bases, "
            "and are cut there: is %s another genome build?",
            *(place, len(rows), first["chrom"], first["start"], first["end"]),
            *(genome.lengths[first["chrom"]], genome.path),
        )


def _join(rows: pd.DataFrame) -> Iterator[tuple[int, int]]:
    order = np.argsort(rows["start"].to_numpy(), kind="stable")
    starts, ends = rows["start"].to_numpy()[order], rows["end"].to_numpy()[order]
    reached = np.maximum.accumulate(ends)
    breaks = np.flatnonzero(starts[1:] > reached[:-1]) + 1
    firsts = np.concatenate([[0], breaks])
    lasts = np.concatenate([breaks, [len(starts)]]) - 1
    yield from zip(starts[firsts].tolist(), reached[lasts].tolist(), strict=True)


def cut_stretches(stretches: Iterable[Stretch], size: int) -> Iterator[Stretch]:
    """Cut stretches into equal parts of at most ``size`` bases."""
    for stretch in stretches:
        count = -(-stretch.length // size)
        edges = np.linspace(stretch.start, stretch.end, count + 1).astype(np.int64)
        for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            yield replace(stretch, start=start, end=end)


def group_near(
    stretches: Iterable[Stretch], gap: int, size: int
) -> Iterator[list[Stretch]]:
    """Put neighbours of a strand together that at most ``gap`` bases part.

    Args:
        stretches: Sorted by contig, strand and start.
        gap: Bases.
        size: A group reaches over so many bases at most (one stretch may be longer).
    """
    near: list[Stretch] = []
    for stretch in stretches:
        is_near = (
            bool(near)
            and (stretch.chrom, stretch.strand) == (near[-1].chrom, near[-1].strand)
            and 0 <= stretch.start - near[-1].end <= gap
            and stretch.end - near[0].start <= size
        )
        if near and not is_near:
            yield near
            near = []
        near.append(stretch)
    if near:
        yield near


def group_stretches(stretches: Iterable[Stretch], size: int) -> Iterator[list[Stretch]]:
    """Put neighbours together, up to ``size`` bases (one may be longer)."""
    group: list[Stretch] = []
    total = 0
    for stretch in stretches:
        if group and total + stretch.length > size:
            yield group
            group, total = [], 0
        group.append(stretch)
        total += stretch.length
    if group:
        yield group
