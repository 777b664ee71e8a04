"""Gene annotation -> genes and annotated splice sites (the truth a call is held to).

Reads GTF and GFF3 (plain, gzip, bgzip), whose coordinates are 1-based and closed, BED12
(0-based, half-open), or a table of sites with chrom, position, strand and splice_type.
Junctions are interbase and 0-based, gene intervals 0-based half-open.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from error_sequence_model.core import InputError
from error_sequence_model.genome.bed_transcripts import is_bed12
from error_sequence_model.genome.coordinates import get_junctions
from error_sequence_model.genome.transcripts import (
    SMALLEST_INTRON,
    list_introns,
    read_transcripts,
)
from error_sequence_model.tables import (
    NUMBER_NULLS,
    read_first_row,
    read_table,
    refuse,
    rename_columns,
)

logger = logging.getLogger(__name__)

SITE = ["chrom", "junction", "strand", "splice_type"]


@dataclass(frozen=True)
class Annotation:
    """What a gene annotation says.

    Attributes:
        sites: chrom, junction, strand, splice_type, gene_id, transcript_ids; one row
            per site.
        genes: gene_id, gene_name, gene_biotype, chrom, start, end, strand; None where
            only sites are known.
        joined_gaps: Gaps between exons below the smallest intron, which are none.
    """

    sites: pd.DataFrame
    genes: pd.DataFrame | None
    joined_gaps: int = 0


def read_annotation(
    path: str | Path,
    *,
    coordinate_base: int = 1,
    site_base: str = "exon",
    smallest_intron: int = SMALLEST_INTRON,
) -> Annotation:
    """Read an annotation, told apart by the file's name and its first row.

    Args:
        path: GTF, GFF3 or BED12, or a table of sites; plain or gzip.
        coordinate_base: For a table of sites: what its first base is called.
        site_base: For a table of sites: which base `position` is.
        smallest_intron: Shorter gaps between exons are none (frame shifts).

    Raises:
        InputError: Unreadable, or without any exon or site.
    """
    if _holds_features(path):
        return _read_features(path, smallest_intron)
    sites = read_site_table(path, coordinate_base=coordinate_base, site_base=site_base)
    if sites.empty:
        refuse(path, [(1, "no rows below the header")], advice="A site is needed.")
    return Annotation(sites, None)


def read_genes(path: str | Path) -> pd.DataFrame | None:
    """Read only the gene bodies of an annotation; genes without introns are fine.

    Returns:
        ``Annotation.genes``; None for a table of sites, which has none.

    Raises:
        InputError: Unreadable, or without any exon.
    """
    return read_transcripts(path).genes if _holds_features(path) else None


def _holds_features(path: str | Path) -> bool:
    """Whether a file is a GTF, GFF3 or BED12; one named otherwise shows it.

    Raises:
        InputError: Another BED, which would be taken for a table without a header.
    """
    if {".gtf", ".gff", ".gff3"} & set(map(str.lower, Path(path).suffixes[-2:])):
        return True
    if is_bed12(path):
        return True
    first = read_first_row(path)
    if len(first) >= 8 and first[3].isdigit() and first[4].isdigit():
        return first[6] in {"+", "-", ".", "?"}
    if len(first) >= 3 and first[1].isdigit() and first[2].isdigit():
        raise InputError(
            f"annotation {path}: a BED without blocks; genes are read from GTF, GFF3 "
            "or BED12 (12 columns, exons as blocks), and sites from a table with a "
            "header"
        )
    return False


def read_site_table(
    path: str | Path, *, coordinate_base: int = 1, site_base: str = "exon"
) -> pd.DataFrame:
    """Read a table of sites (chrom, position, strand, splice_type, …).

    Returns:
        SITE columns first, `gene_id` and `transcript_ids` where there are any, then the
        table's other columns as text; one row per site.
    """
    table = read_table(path)
    required = ("chrom", "position", "strand", "splice_type")
    frame = rename_columns(table.frame, path, required=required, is_mapped=False)
    # Where a table has both, the one that names all stays.
    pairs = (("gene_id", "gene_ids"), ("transcript_id", "transcript_ids"))
    frame = frame.drop(
        columns=[one for one, every in pairs if {one, every} <= {*frame}]
    )
    frame = frame.rename(
        columns={"gene_ids": "gene_id", "transcript_id": "transcript_ids"}
    )
    # Names may be numbers in a Parquet file.
    names = {"chrom", "gene_id", "transcript_ids"}.intersection(frame)
    frame = frame.astype(dict.fromkeys(names, "str"))
    positions = pd.to_numeric(frame["position"], errors="coerce").to_numpy("float64")
    is_bad = ~((positions >= coordinate_base) & (positions < 2**53))
    is_bad |= ~(np.floor(positions) == positions)
    is_bad |= frame["chrom"].isna().to_numpy()
    is_bad |= ~frame["strand"].isin(["+", "-"]).to_numpy()
    is_bad |= ~frame["splice_type"].isin(["donor", "acceptor"]).to_numpy()
    problems = list(table.problems)
    columns = ["position", "strand", "splice_type"]
    if "reads" in frame:
        columns.append("reads")
        reads = pd.to_numeric(frame["reads"], errors="coerce").to_numpy("float64")
        is_none = (frame["reads"].isna() | frame["reads"].isin(NUMBER_NULLS)).to_numpy()
        is_bad |= ~(is_none | (np.isfinite(reads) & (reads >= 0)))
    for row in np.flatnonzero(is_bad):
        values = frame.iloc[row][["chrom", *columns]].to_dict()
        problems.append((int(table.lines[row]), f"not a site: {values}"))
    if problems:
        refuse(path, problems, advice="Correct the rows.")
    junctions = get_junctions(
        positions.astype(np.int64),
        frame["strand"].eq("+").to_numpy(),
        frame["splice_type"].eq("donor").to_numpy(),
        coordinate_base=coordinate_base,
        site_base=site_base,
    )
    frame = _merge_copies(frame.assign(junction=junctions))
    return frame[[*SITE, *[c for c in frame if c not in {*SITE, "position"}]]]


def _merge_copies(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per site: of its copies all genes and transcripts, and the most reads."""
    is_copy = rows.duplicated(SITE, keep=False)
    if not is_copy.any():
        return rows
    merged = rows.drop_duplicates(SITE).copy()
    number = rows[is_copy].groupby(SITE, sort=False).ngroup()
    first = number.index[~number.duplicated()]
    for name in {"gene_id", "transcript_ids"}.intersection(rows):
        values = rows.loc[is_copy, name].str.split(",").explode().dropna()
        values = values[
            ~pd.MultiIndex.from_arrays([number[values.index], values]).duplicated()
        ]
        joined = values.groupby(number[values.index].to_numpy()).agg(",".join)
        merged.loc[first, name] = joined.reindex(range(len(first))).to_numpy()
    if "reads" in rows:
        reads = pd.to_numeric(rows["reads"], errors="coerce")
        merged["reads"] = reads[merged.index]
        merged.loc[first, "reads"] = reads[is_copy].groupby(number).max().to_numpy()
    return merged.reset_index(drop=True)


def _read_features(path: str | Path, smallest_intron: int) -> Annotation:
    found = read_transcripts(path, smallest_intron=smallest_intron)
    sites = find_junctions(found.exons)
    if sites.empty:
        raise InputError(
            f"annotation {path}: no intron in it; exons must name the transcript they "
            "belong to (GTF: transcript_id, GFF3: Parent), and one of several exons is "
            f"needed (gaps below {smallest_intron} nt, `genomes.<name>."
            "smallest_intron`, are none)"
        )
    genes = found.genes
    logger.info("%s: %d genes, %d annotated sites", path, len(genes), len(sites))
    return Annotation(sites, genes, found.joined_gaps)


def find_junctions(exons: pd.DataFrame) -> pd.DataFrame:
    """List the sites between consecutive exons of each transcript.

    Args:
        exons: ``Transcripts.exons``.

    Returns:
        SITE columns, gene_id and transcript_ids (comma-joined), sorted.
    """
    introns = list_introns(exons)
    names = introns["chrom"].cat.categories
    rank = pd.Series(names).rank().to_numpy(np.int64) - 1
    n = len(introns)
    is_plus = np.tile(introns["strand"].eq("+").to_numpy(), 2)
    is_donor = np.arange(2 * n) < n
    left, right = introns["left"].to_numpy(), introns["right"].to_numpy()
    first = np.concatenate([left, right])
    junction = np.where(is_plus, first, np.concatenate([right, left]))
    chrom = np.tile(rank[introns["chrom"].cat.codes], 2)
    rows = pd.DataFrame(
        {
            "chrom": chrom,
            "junction": junction,
            "is_minus": ~is_plus,
            "is_donor": is_donor,
        }
    )
    for name in ("gene_id", "transcript_id"):
        rows[name] = np.tile(introns[name].cat.codes.to_numpy(np.int64), 2)
    keys = ["chrom", "junction", "is_minus", "is_donor"]
    rows = rows.sort_values(keys, kind="stable", ignore_index=True)
    is_new = ~rows.duplicated(keys).to_numpy()
    site = np.cumsum(is_new) - 1
    sites = rows[is_new].reset_index(drop=True)
    joined = {
        new: _join(site, rows[old], introns[old].cat.categories, len(sites))
        for old, new in (("gene_id", "gene_id"), ("transcript_id", "transcript_ids"))
    }
    return pd.DataFrame(
        {
            "chrom": pd.Series(np.sort(names)[sites["chrom"]], dtype="str"),
            "junction": sites["junction"],
            "strand": pd.Series(np.where(sites["is_minus"], "-", "+"), dtype="str"),
            "splice_type": pd.Series(
                np.where(sites["is_donor"], "donor", "acceptor"), dtype="str"
            ),
            **joined,
        }
    )


def _join(
    site: np.ndarray, codes: pd.Series, names: pd.Index, n_sites: int
) -> pd.Series:
    """Comma-join each site's distinct names in order; "" where it has none."""
    pairs = pd.DataFrame({"site": site, "code": codes.to_numpy()})
    pairs = pairs[pairs["code"] >= 0].drop_duplicates()
    offsets = np.searchsorted(pairs["site"], np.arange(n_sites + 1))
    values = pa.array(names, pa.string()).take(pa.array(pairs["code"]))
    lists = pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), values)
    return pd.Series(pc.binary_join(lists, ",").to_pandas().to_numpy(), dtype="str")
