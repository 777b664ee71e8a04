"""Scanned stretches: gene bodies or a BED, and which sites lie in them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from error_sequence_model.calling.keys import BITS, get_exonic_bases
from error_sequence_model.core import InputError
from error_sequence_model.genome import Genome
from error_sequence_model.tables import convert_intervals, read_rows, refuse


class Stretches:
    """Stretches taken apart where they overlap: each base belongs to the first one."""

    def __init__(self, regions: pd.DataFrame, contigs: pd.Index) -> None:
        """Take stretches apart.

        Args:
            regions: chrom (among the contigs), start, end (0-based half-open), strand.
            contigs: Names of the genome's contigs.
        """
        strands = contigs.get_indexer(regions["chrom"]).astype(np.int64) * 2
        strands += regions["strand"].eq("+").to_numpy()
        first = (strands << BITS) + regions["start"].to_numpy(np.int64)
        last = (strands << BITS) + regions["end"].to_numpy(np.int64)
        points = np.unique(np.concatenate([first, last]))
        owner = np.full(max(len(points) - 1, 0), -1, dtype=np.int64)
        begins, ends = np.searchsorted(points, first), np.searchsorted(points, last)
        for row in range(len(regions) - 1, -1, -1):
            owner[begins[row] : ends[row]] = row
        kept = owner >= 0
        # Sorted, disjoint: ``strand << 40 | base``, and the row of their stretch.
        self.starts, self.ends = points[:-1][kept], points[1:][kept]
        self.rows = owner[kept]

    def find(self, keys: np.ndarray) -> np.ndarray:
        """The row of the stretch that holds each site's exonic base, -1 if none."""
        if not len(self.starts):
            return np.full(len(keys), -1, dtype=np.int64)
        bases = get_exonic_bases(keys)
        place = np.searchsorted(self.starts, bases, side="right") - 1
        is_inside = (place >= 0) & (bases < self.ends[place])
        return np.where(is_inside, self.rows[place], -1)

    def cut(self, strand: int, low: int, high: int) -> np.ndarray:
        """Which bases from low to high are inside, bool ``(high - low,)``."""
        place = strand << BITS
        begin = np.searchsorted(self.ends, place + low, side="right")
        end = np.searchsorted(self.starts, place + high, side="left")
        inside = np.zeros(high - low, dtype=bool)
        for start, stop in zip(
            self.starts[begin:end], self.ends[begin:end], strict=True
        ):
            inside[max(start - place - low, 0) : stop - place - low] = True
        return inside


def make_regions(
    genes: pd.DataFrame,
    genome: Genome,
    *,
    biotypes: tuple[str, ...] | None = None,
    margin: int = 0,
) -> pd.DataFrame:
    """Turn gene bodies into scanned stretches.

    Args:
        genes: gene_id, gene_name, gene_biotype, chrom, start, end, strand.
        genome: For the contigs' lengths.
        biotypes: Only these; all if None.
        margin: Bases at either end of a contig to leave out.

    Raises:
        InputError: No gene has such a biotype.
    """
    names, _ = genome.match_contigs(genes["chrom"].unique())
    kept = genes.assign(chrom=genes["chrom"].map(names)).dropna(subset=["chrom"])
    if biotypes is not None:
        of_type = kept[kept["gene_biotype"].isin(biotypes)]
        if len(kept) and of_type.empty:
            raise InputError(_describe_biotypes(kept["gene_biotype"], biotypes))
        kept = of_type
    lengths = kept["chrom"].map(genome.lengths).astype("int64")
    kept = kept.assign(
        start=kept["start"].clip(lower=margin),
        end=np.minimum(kept["end"], lengths - margin),
    )
    return kept[kept["start"] < kept["end"]].reset_index(drop=True)


def _describe_biotypes(found: pd.Series, wanted: tuple[str, ...]) -> str:
    """Say which biotypes an annotation has instead of the wanted ones."""
    head = f"calling: no stretch to scan: no gene has one of the biotypes {[*wanted]}; "
    counts = Counter(found.dropna())
    if not counts:
        return (
            f"{head}the annotation gives no biotypes, and no CDS that would tell: "
            "remove `predictors.<name>.biotypes`, then all its genes are judged"
        )
    told = ", ".join(f"{name} ({n:,})" for name, n in counts.most_common(15))
    return f"{head}there are {told}; set `predictors.<name>.biotypes`"


def read_regions(path: str | Path) -> pd.DataFrame:
    """Read a BED of scanned stretches with strands in column 6; indexed by line."""
    names = {0: "chrom", 1: "start", 2: "end", 5: "strand"}
    rows = convert_intervals(
        read_rows(path, names, what="BED of six columns"), path, first=0, what="BED"
    )
    is_bad = ~rows["strand"].isin(["+", "-"])
    if is_bad.any():
        problems = [
            (int(line), f"strand is {strand!r}; must be + or -")
            for line, strand in rows.loc[is_bad, "strand"].items()
        ]
        refuse(path, problems, advice="Regions need strands in column 6.")
    return rows


def clip_regions(regions: pd.DataFrame, scored: pd.DataFrame) -> pd.DataFrame:
    """Cut stretches to what was scored.

    Args:
        regions: chrom, start, end, strand and whatever else; kept in this order.
        scored: chrom, start, end, strand; none overlaps another of its strand.
    """
    keys = ["chrom", "strand"]
    known = dict(iter(scored.sort_values("start").groupby(keys)))
    rows, starts, ends = [], [], []
    for key, of_key in regions.groupby(keys, sort=False):
        if key not in known:
            continue
        first = known[key]["start"].to_numpy()
        last = known[key]["end"].to_numpy()
        for row in of_key.itertuples():
            i = np.searchsorted(last, row.start, "right")
            j = max(i, np.searchsorted(first, row.end, "left"))
            rows += [row.Index] * int(j - i)
            starts.append(np.maximum(first[i:j], row.start))
            ends.append(np.minimum(last[i:j], row.end))
    if not rows:
        return regions.iloc[:0]
    clipped = regions.loc[rows].assign(
        start=np.concatenate(starts), end=np.concatenate(ends)
    )
    return clipped.sort_index(kind="stable").reset_index(drop=True)
