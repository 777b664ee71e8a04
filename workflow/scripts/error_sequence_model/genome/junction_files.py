"""Splice sites that reads support: tables, STAR's and regtools' junctions, annotations.

A junction's two ends become a donor and an acceptor; where several junctions use a
site, their reads are added.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from error_sequence_model.core import InputError
from error_sequence_model.genome.annotation import SITE, read_annotation
from error_sequence_model.genome.transcripts import SMALLEST_INTRON
from error_sequence_model.tables import (
    convert_intervals,
    convert_scores,
    read_first_row,
    read_rows,
)

logger = logging.getLogger(__name__)

_STAR_STRANDS = {"1": "+", "2": "-"}
STRANDS = ("+", "-")


def read_support(
    path: str | Path,
    *,
    coordinate_base: int = 1,
    site_base: str = "exon",
    smallest_intron: int = SMALLEST_INTRON,
) -> pd.DataFrame:
    """Read sites that reads or a second annotation support, told by the rows.

    Args:
        path: A table of sites with `reads`; SJ.out.tab of STAR; BED12 of junctions
            (regtools, TopHat, portcullis); splice sites of HISAT2; GTF, GFF3, or a
            BED12 of transcripts.
        coordinate_base: For a table of sites: what its first base is called.
        site_base: For a table of sites: which base `position` is.
        smallest_intron: For transcripts.

    Returns:
        SITE columns and, except for an annotation, reads.

    Raises:
        InputError: None of these.
    """
    first = read_first_row(path)
    numbers = [field.isdigit() for field in first]
    if len(first) == 9 and all(numbers[1:]):
        introns = _read_star(path)
    elif len(first) == 12 and all(numbers[1:3]) and _are_junctions(path):
        introns = _read_bed12(path)
    elif len(first) == 4 and all(numbers[1:3]) and first[3] in (*STRANDS, "."):
        introns = _read_hisat2(path)
    elif len(first) in range(3, 8) and all(numbers[1:3]):
        raise InputError(
            f"{path}: no header, and {len(first)} columns: no known file of junctions. "
            "Give SJ.out.tab of STAR, BED12 of `regtools junctions extract`, "
            "or a table with the columns chrom, position, strand, splice_type and reads"
        )
    else:
        convention = {"coordinate_base": coordinate_base, "site_base": site_base}
        found = read_annotation(path, smallest_intron=smallest_intron, **convention)
        return found.sites
    return _list_ends(introns, path)


def _read_star(path: str | Path) -> pd.DataFrame:
    """chrom, first and last base of the intron (1-based), strand, …, unique reads."""
    names = {0: "chrom", 1: "start", 2: "end", 3: "strand", 6: "score"}
    rows = convert_intervals(
        read_rows(path, names, what="SJ.out.tab"), path, first=1, what="SJ.out.tab"
    )
    return rows.assign(
        start=rows["start"] - 1, strand=rows["strand"].map(_STAR_STRANDS)
    )


def _are_junctions(path: str | Path) -> bool:
    """Whether a BED12 has two blocks everywhere; else it has transcripts."""
    return bool(read_rows(path, {9: "blocks"}, what="BED12")["blocks"].eq("2").all())


def _read_bed12(path: str | Path) -> pd.DataFrame:
    """Two blocks, the anchors; the intron is between them, the score its reads."""
    names = {
        **{0: "chrom", 1: "start", 2: "end", 4: "score", 5: "strand"},
        **{9: "blocks", 10: "sizes", 11: "starts"},
    }
    rows = read_rows(path, names, what="BED12")
    rows = convert_intervals(rows, path, first=0, what="BED12")
    sizes, starts = (
        rows[name].str.extract(r"^(\d+),(\d+),?$").astype("float64")
        for name in ("sizes", "starts")
    )
    if sizes.isna().any(axis=None) or starts.isna().any(axis=None):
        raise InputError(f"{path}: a BED12 whose blocks are no two numbers each")
    left = rows["start"] + sizes[0].astype("int64")
    return rows.assign(start=left, end=rows["start"] + starts[1].astype("int64"))


def _read_hisat2(path: str | Path) -> pd.DataFrame:
    """chrom, last base before and first base after the intron (0-based), strand."""
    names = {0: "chrom", 1: "start", 2: "end", 3: "strand"}
    rows = convert_intervals(
        read_rows(path, names, what="splice sites"), path, first=0, what="splice sites"
    )
    return rows.assign(start=rows["start"] + 1, score="1")


def _list_ends(introns: pd.DataFrame, path: str | Path) -> pd.DataFrame:
    """The sites of introns: chrom, start, end (0-based half-open), strand, score."""
    is_known = introns["strand"].isin(STRANDS)
    if not is_known.all():
        logger.warning(
            "%s: %d of %d junctions have no strand and are left out",
            *(path, (~is_known).sum(), len(introns)),
        )
    introns = convert_scores(introns[is_known], path)
    is_plus = introns["strand"].eq("+")
    ends = [
        introns.assign(
            junction=introns["start"].where(is_plus == is_donor, introns["end"]),
            splice_type=name,
        )
        for is_donor, name in ((True, "donor"), (False, "acceptor"))
    ]
    rows = pd.concat(ends, ignore_index=True).astype({"splice_type": "str"})
    reads = rows.groupby(SITE, sort=True)["score"].sum()
    logger.info("%s: %d junctions, %d sites", path, len(introns), len(reads))
    return reads.rename("reads").reset_index().astype({"junction": np.int64})
