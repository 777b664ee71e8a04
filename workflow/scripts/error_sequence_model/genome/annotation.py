"""Gene annotation -> genes and annotated splice sites (the truth a call is held to).

Reads GTF and GFF3 (plain, gzip, bgzip), whose coordinates are 1-based and closed, or a
table of sites with chrom, position, strand and splice_type. Junctions are interbase and
0-based, gene intervals 0-based half-open.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from error_sequence_model.core import InputError
from error_sequence_model.genome.coordinates import get_junctions
from error_sequence_model.tables import (
    NUMBER_NULLS,
    convert_intervals,
    read_rows,
    read_table,
    refuse,
    rename_columns,
)

logger = logging.getLogger(__name__)

SITE = ["chrom", "junction", "strand", "splice_type"]
# Number of the field -> its column; source, score and frame are not needed.
_FIELDS = {
    **{0: "chrom", 2: "feature", 3: "start", 4: "end"},
    **{6: "strand", 8: "attributes"},
}
_GTF = {
    **{name: name for name in ("gene_id", "transcript_id", "gene_name")},
    "gene_biotype": "gene_(?:bio)?type",
}
# Some programs write no quotes; and ref_gene_id is another key than gene_id.
_GTF_VALUE = r'(?:^|[\s;]){}\s+(?:"([^"]*)"|([^";\s]+))'


@dataclass(frozen=True)
class Annotation:
    """What a gene annotation says.

    Attributes:
        sites: chrom, junction, strand, splice_type, gene_id, transcript_ids; one row
            per site.
        genes: gene_id, gene_name, gene_biotype, chrom, start, end, strand; None where
            only sites are known.
    """

    sites: pd.DataFrame
    genes: pd.DataFrame | None


def read_annotation(
    path: str | Path, *, coordinate_base: int = 1, site_base: str = "exon"
) -> Annotation:
    """Read an annotation, told apart by the file's name.

    Args:
        path: ``.gtf``, ``.gff``, ``.gff3`` (each also ``.gz``), or a table of sites.
        coordinate_base: For a table of sites: what its first base is called.
        site_base: For a table of sites: which base `position` is.

    Raises:
        InputError: Unreadable, or without any exon or site.
    """
    if _holds_features(path):
        return _read_features(path)
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
    return find_genes(read_features(path)) if _holds_features(path) else None


def _holds_features(path: str | Path) -> bool:
    return bool(
        {".gtf", ".gff", ".gff3"} & set(map(str.lower, Path(path).suffixes[-2:]))
    )


def read_site_table(
    path: str | Path, *, coordinate_base: int = 1, site_base: str = "exon"
) -> pd.DataFrame:
    """Read a table of sites (chrom, position, strand, splice_type, …).

    Returns:
        SITE columns first, `gene_id` and `transcript_ids` where there are any, then the
        table's other columns as text; one row per site.
    """
    table = read_table(path)
    frame = rename_columns(
        table.frame, path, required=("chrom", "position", "strand", "splice_type")
    ).rename(columns={"gene_ids": "gene_id", "transcript_id": "transcript_ids"})
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
    frame = frame.assign(junction=junctions).drop_duplicates(SITE, ignore_index=True)
    return frame[[*SITE, *[c for c in frame if c not in {*SITE, "position"}]]]


def _read_features(path: str | Path) -> Annotation:
    rows = read_features(path)
    genes = find_genes(rows)
    sites = find_junctions(rows[rows["feature"].eq("exon")])
    if sites.empty:
        raise InputError(
            f"annotation {path}: no intron in it; exons must name the transcript they "
            "belong to (GTF: transcript_id, GFF3: Parent), and one of several exons is "
            "needed"
        )
    logger.info("%s: %d genes, %d annotated sites", path, len(genes), len(sites))
    return Annotation(sites, genes)


def read_features(path: str | Path) -> pd.DataFrame:
    """Read the rows of a GTF or GFF3, an exon once per transcript.

    Returns:
        chrom, feature, start, end (1-based, closed, as in the file), strand, gene_id,
        transcript_id, gene_name, gene_biotype (null where not given).

    Raises:
        InputError: Unreadable, or without any exon.
    """
    rows = read_rows(path, _FIELDS, what="GTF or GFF3")
    is_gff3 = rows["attributes"].str.contains(r"^ID=|;ID=|Parent=", na=False).any()
    rows = rows[rows["strand"].isin(["+", "-"])]
    rows = convert_intervals(rows, path, first=1, what="GTF or GFF3")
    rows = _name_gff3(rows) if is_gff3 else _name_gtf(rows)
    if not rows["feature"].eq("exon").any():
        raise InputError(f"annotation {path}: no exon in it")
    return rows


def _name_gtf(rows: pd.DataFrame) -> pd.DataFrame:
    names = {}
    for column, key in _GTF.items():
        found = rows["attributes"].str.extract(_GTF_VALUE.format(key))
        names[column] = found[0].fillna(found[1])
    named = rows.drop(columns="attributes").assign(**names)
    for column in names:
        named[column] = named[column].mask(named[column].isin(["", "."]))
    return named


def _name_gff3(rows: pd.DataFrame) -> pd.DataFrame:
    def get(key: str) -> pd.Series:
        pattern = rf"(?:^|;)\s*{key}=([^;]*)"
        return rows["attributes"].str.extract(pattern, expand=False)

    own, parent = get("ID"), get("Parent")
    is_exon = rows["feature"].eq("exon")
    gene_of = dict(zip(own[~is_exon], parent[~is_exon], strict=True))
    named = rows.drop(columns="attributes")
    named["transcript_id"] = parent.where(is_exon, own)
    named["gene_id"] = own.mask(
        is_exon, parent.map(gene_of).astype("str").fillna(parent)
    )
    named["gene_name"] = get("Name").fillna(get("gene"))
    named["gene_biotype"] = get("gene_biotype").fillna(get("biotype"))
    # An exon of several transcripts names them all, comma-joined.
    exons = named[is_exon].assign(transcript_id=parent[is_exon].str.split(","))
    exons = exons.explode("transcript_id", ignore_index=True)
    exons["gene_id"] = exons["transcript_id"].map(gene_of)
    exons["gene_id"] = (
        exons["gene_id"].astype("str").fillna(exons["transcript_id"].astype("str"))
    )
    return pd.concat([named[~is_exon], exons], ignore_index=True)


def find_genes(rows: pd.DataFrame) -> pd.DataFrame:
    """Gene bodies from the rows of ``read_features``; see ``Annotation.genes``."""
    genes = rows[rows["feature"].isin(["gene", "pseudogene"])]
    if genes.empty:
        genes = rows[rows["feature"].eq("exon")]
    genes = genes.dropna(subset=["gene_id"])
    return (
        genes.assign(start=genes["start"] - 1)
        .groupby(["gene_id", "chrom", "strand"], sort=False)
        .agg(
            gene_name=("gene_name", "first"),
            gene_biotype=("gene_biotype", "first"),
            start=("start", "min"),
            end=("end", "max"),
        )
        .reset_index()
    )


def find_junctions(exons: pd.DataFrame) -> pd.DataFrame:
    """Read the junctions between consecutive exons of each transcript."""
    exons = exons.dropna(subset=["transcript_id"]).sort_values(
        ["transcript_id", "chrom", "start"], kind="stable"
    )
    is_next = (
        exons["transcript_id"].eq(exons["transcript_id"].shift(-1))
        & exons["chrom"].eq(exons["chrom"].shift(-1))
    ).to_numpy()
    left = exons["end"].to_numpy()  # interbase: just after the 1-based last base
    right = exons["start"].shift(-1, fill_value=0).to_numpy() - 1
    # Abutting exons (a frame-shift written as two exons) enclose no intron.
    is_next = is_next & (right > left)
    introns = exons[is_next].assign(left=left[is_next], right=right[is_next])
    is_plus = introns["strand"].eq("+")
    parts = [
        introns.assign(junction=introns["left"].where(is_plus, introns["right"])),
        introns.assign(junction=introns["right"].where(is_plus, introns["left"])),
    ]
    parts[0]["splice_type"], parts[1]["splice_type"] = "donor", "acceptor"
    rows = pd.concat(parts, ignore_index=True)
    return (
        rows.groupby(SITE, sort=True)
        .agg(
            gene_id=("gene_id", _join),
            transcript_ids=("transcript_id", _join),
        )
        .reset_index()
    )


def _join(values: pd.Series) -> str:
    return ",".join(dict.fromkeys(values.dropna()))
