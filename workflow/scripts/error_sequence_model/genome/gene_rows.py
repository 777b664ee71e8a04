"""Rows of a GTF or GFF3 -> exons with their transcripts and genes, block by block.

Names are kept as codes: 1.6 million exons of a human annotation take some 100 MB. What
a gene or a transcript is follows from who names whom as its parent, not from the name
of a feature's type; coordinates are 1-based and closed in the file, 0-based half-open
from here on.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from error_sequence_model.core import InputError
from error_sequence_model.tables import convert_intervals, iterate_rows

logger = logging.getLogger(__name__)

# Number of the field -> its column; source, score and frame are not needed.
FIELDS = {
    **{0: "chrom", 2: "feature", 3: "start", 4: "end"},
    **{6: "strand", 8: "attributes"},
}
WHAT = "GTF or GFF3"
EXONS = ("exon", "pseudogenic_exon")
# Where a transcript has no exon rows, these together are its exons.
CODING = ("CDS", "stop_codon")
PIECES = (
    *CODING,
    *("UTR", "five_prime_UTR", "three_prime_UTR", "five_prime_utr", "three_prime_utr"),
    *("5UTR", "3UTR"),
)
# Other parts of a transcript, and alignments: neither genes nor transcripts.
_PARTS = r"^(intron|start_codon|Selenocysteine|.*_match|match|match_part)$"
_PLACES = ("chromosome", "region", "contig", "scaffold", "supercontig")
_STRANDS = ("+", "-")
_DEEPEST = 12
_PROTEINS = ("protein", "polypeptide")
GENE_NAMES = ("gene_name", "gene_symbol", "gene", "symbol", "locus", "ref_gene_name")
BIOTYPES = (
    *("gene_biotype", "gene_type", "biotype", "locus_type"),
    *("transcript_biotype", "transcript_type"),
)


class Codes:
    """Names as numbers, in order of appearance."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    def add(self, names: pd.Series) -> np.ndarray:
        """Codes of names, int64; -1 where there is none."""
        codes, unique = pd.factorize(names)
        own = [self._codes.setdefault(name, len(self._codes)) for name in unique]
        return np.append(np.array(own, np.int64), -1)[codes]

    @property
    def names(self) -> np.ndarray:
        """The names by code, object ``(n,)``."""
        return np.array([*self._codes], dtype=object)


def read_gene_rows(path: str | Path) -> tuple[pd.DataFrame, pd.DataFrame, bool]:
    """Read the rows that say what the genes are.

    Args:
        path: GTF or GFF3, plain or gzip; told apart by the attributes' form.

    Returns:
        ``(parts, nodes, is_gff3)``. parts, exons and their like: feature, chrom and
        strand (categories), start, end (0-based half-open), transcript_id and gene_id
        (categories; of a GFF3 the former is the parent, the latter null) and number
        (of an exon, if given). nodes, all other rows with a name (GTF: and the first
        part of each gene): feature, chrom, strand, start, end, gene_id, transcript_id,
        gene_name, own_name, gene_biotype (null where not given), of a GFF3 node (its
        ID) and parent.

    Raises:
        InputError: Unreadable, or start and end that are no interval.
    """
    tables = {name: Codes() for name in ("chrom", "transcript_id", "gene_id")}
    parts, nodes, is_gff3, features, n_lost = [], [], None, Counter(), 0
    for rows in iterate_rows(path, FIELDS, what=WHAT):
        features.update(rows["feature"].dropna())
        is_part = rows["feature"].isin([*EXONS, *PIECES]).to_numpy()
        if is_gff3 is None:
            is_gff3 = _tell_gff3(rows["attributes"])
        is_node = ~is_part & ~rows["feature"].str.match(_PARTS, na=True).to_numpy()
        is_node = is_node & rows["attributes"].notna().to_numpy()
        if is_gff3:
            named = find_value(rows["attributes"], "ID", is_gff3)
            is_node = is_node & named.notna().to_numpy()
        has_strand = rows["strand"].isin(_STRANDS).to_numpy()
        n_lost += int((is_part & ~has_strand).sum())
        is_part = is_part & has_strand
        part = convert_intervals(rows[is_part], path, first=1, what=WHAT)
        parts.append(_code_parts(part, bool(is_gff3), tables))
        if not is_gff3:
            # Names and biotypes may stand on exons alone: a gene's first tells.
            first = ~parts[-1]["gene_id"].duplicated().to_numpy()
            nodes.append(_name_nodes(part[first], is_gff3=False))
        node = convert_intervals(rows[is_node], path, first=1, what=WHAT)
        nodes.append(_name_nodes(node, bool(is_gff3)))
    if not sum(map(len, parts)):
        told = ", ".join(name for name, _ in features.most_common(8)) or "none"
        raise InputError(
            f"annotation {path}: no exon in it (its features: {told}); exons are rows "
            f"of the feature {' or '.join(EXONS)}, or of CDS and UTR, with a strand"
        )
    if n_lost:
        logger.warning("%s: %d exons without a strand are left out", path, n_lost)
    found = pd.concat(parts, ignore_index=True)
    for name, codes in tables.items():
        found[name] = pd.Categorical.from_codes(found[name], codes.names)
    return found, pd.concat(nodes, ignore_index=True), bool(is_gff3)


def _tell_gff3(attributes: pd.Series) -> bool | None:
    """Whether attributes are ``key=value``; None where no row shows it.

    Asked of the first key alone: a note of a GTF may hold anything.
    """
    gff3 = int(attributes.str.match(r"\s*[^\s=;\"]+=", na=False).sum())
    gtf = int(attributes.str.match(r"\s*[^\s=;\"]+\s+[^\s;]", na=False).sum())
    return gff3 > gtf if gff3 or gtf else None


def find_value(attributes: pd.Series, key: str, is_gff3: bool) -> pd.Series:
    """Values of a key; null where it is not given or empty."""
    if is_gff3:
        pattern = rf"(?:^|;)\s*{key}=(?P<q>[^;]*)"
    else:
        # Not inside a quoted note; some programs write no quotes; and ref_gene_id is
        # another key than gene_id.
        before = r'^(?:(?:[^"]|"[^"]*")*?[\s;])?'
        pattern = rf'{before}{key}\s+(?:"(?P<q>[^"]*)"|(?P<u>[^";\s]+))'
    texts = pa.array(attributes, pa.string())
    found = pc.extract_regex(texts, pattern)
    values = pc.struct_field(found, "q")
    if not is_gff3:
        plain = pc.struct_field(found, "u")
        values = pc.if_else(pc.equal(values, ""), plain, values)
    values = pc.utf8_trim_whitespace(values)
    is_none = pc.is_in(values, pa.array(["", "."]))
    values = pc.if_else(is_none, pa.scalar(None, pa.string()), values)
    return pd.Series(values.to_pandas().to_numpy(), attributes.index, dtype="str")


def find_first(attributes: pd.Series, keys: tuple[str, ...], is_gff3: bool) -> Any:
    """Values of the first key that is given."""
    found = find_value(attributes, keys[0], is_gff3)
    for key in keys[1:]:
        if not found.isna().any():
            break
        found = found.fillna(find_value(attributes, key, is_gff3))
    return found


def _code_parts(
    rows: pd.DataFrame, is_gff3: bool, tables: dict[str, Codes]
) -> pd.DataFrame:
    texts = rows["attributes"]
    nothing = pd.Series(None, rows.index, dtype="str")
    parent = find_value(texts, "Parent" if is_gff3 else "transcript_id", is_gff3)
    if is_gff3 and parent.str.contains(",", regex=False, na=False).any():
        # An exon of several transcripts names them all, comma-joined.
        parent = parent.str.split(",").explode()
        rows = rows.loc[parent.index]
        texts, nothing = texts.loc[parent.index], nothing.loc[parent.index]
    gene = nothing if is_gff3 else find_value(texts, "gene_id", is_gff3)
    number = nothing if is_gff3 else find_value(texts, "exon_number", is_gff3)
    names = {"chrom": rows["chrom"], "transcript_id": parent, "gene_id": gene}
    features = pd.Categorical(rows["feature"], [*EXONS, *PIECES])
    found = {name: tables[name].add(values) for name, values in names.items()}
    numbers = pd.to_numeric(number, errors="coerce").to_numpy("float32")
    return pd.DataFrame(
        {
            **{"feature": features, "strand": pd.Categorical(rows["strand"], _STRANDS)},
            **{"start": rows["start"].to_numpy() - 1, "end": rows["end"].to_numpy()},
            **{"number": numbers, **found},
        }
    )


def _name_nodes(rows: pd.DataFrame, is_gff3: bool) -> pd.DataFrame:
    texts = rows["attributes"]
    nodes = rows.drop(columns="attributes").assign(start=rows["start"] - 1)
    keys = {"gene_id": ("gene_id",), "transcript_id": ("transcript_id",)}
    if is_gff3:
        keys = {
            "gene_id": ("geneID", "gene_id"),
            "node": ("ID",),
            "parent": ("Parent",),
        }
    for name, given in keys.items():
        nodes[name] = find_first(texts, given, is_gff3)
    if is_gff3:
        nodes["parent"] = nodes["parent"].str.extract("^([^,]*)", expand=False)
        nodes["transcript_id"] = nodes["node"]
    for name, given in (("own_name", ("Name",)), ("gene_name", GENE_NAMES)):
        found = find_first(texts, given, is_gff3)
        nodes[name] = found.map(unquote, na_action="ignore").astype("str")
    nodes["gene_biotype"] = find_first(texts, BIOTYPES, is_gff3)
    return nodes


def name_gff3(parts: pd.DataFrame, nodes: pd.DataFrame) -> pd.DataFrame:
    """Give the parts of a GFF3 their genes: what their transcripts descend from.

    Args:
        parts: From ``read_gene_rows``.
        nodes: Likewise.

    Returns:
        parts with gene_id (category), without those that a CDS has as a protein's.
    """
    proteins = nodes.loc[nodes["feature"].isin(_PROTEINS), "node"]
    if len(proteins):
        parts = parts[~parts["transcript_id"].isin(proteins)]
        kept = parts["transcript_id"].cat.remove_unused_categories()
        parts = parts.assign(transcript_id=kept)
    ids = pd.Index(nodes["node"])
    first = ~ids.duplicated()
    unique, rows = ids[first], np.append(np.flatnonzero(first), -1)
    parents = np.append(rows[unique.get_indexer(nodes["parent"])], -1)
    is_place = np.append(nodes["feature"].isin(_PLACES), False)
    parents[is_place[parents]] = -1
    transcripts = parts["transcript_id"].cat.categories
    own = root = rows[unique.get_indexer(transcripts)]
    for _ in range(_DEEPEST):
        root = np.where(parents[root] >= 0, parents[root], root)
    names = nodes["node"].to_numpy(dtype=object)
    is_gene = nodes["feature"].str.contains("gene", case=False).to_numpy()
    # A gene without a row of its own is still its transcripts' parent.
    lost = nodes["parent"].where(~nodes["parent"].isin(ids))
    said = nodes["gene_id"].fillna(lost).to_numpy(dtype=object, na_value=None)
    genes = np.array(transcripts, dtype=object)
    for row, (here, top) in enumerate(zip(own, root, strict=True)):
        if here >= 0:
            is_known = top != here or is_gene[top] or said[top] is None
            genes[row] = names[top] if is_known else said[top]
    codes, uniques = pd.factorize(genes)
    code = np.append(codes, -1)[parts["transcript_id"].cat.codes]
    return parts.assign(gene_id=pd.Categorical.from_codes(code, uniques))


def list_loci(nodes: pd.DataFrame) -> Iterator[tuple[tuple[str, str, str], np.ndarray]]:
    """Transcripts that a file places more than once on a contig and strand.

    Args:
        nodes: Rows of transcripts: transcript_id, chrom, strand, start, end.

    Yields:
        ``(transcript_id, chrom, strand)`` and the sorted places' starts, where no two
        of them overlap.
    """
    keys = ["transcript_id", "chrom", "strand"]
    places = nodes[~nodes["feature"].isin([*EXONS, *PIECES])]
    places = places.dropna(subset=keys).drop_duplicates([*keys, "start", "end"])
    places = places[places.duplicated(keys, keep=False)].sort_values("start")
    for key, group in places.groupby(keys, sort=False):
        starts, ends = group["start"].to_numpy(), group["end"].to_numpy()
        if (starts[1:] >= ends[:-1]).all():
            yield key, starts
