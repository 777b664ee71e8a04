"""Rows of a BED12 -> exons with their transcripts and genes.

A row is a transcript, its blocks are the exons, and a thick part is a CDS. A BED knows
no genes: transcripts that overlap on a strand are one, called after the first.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from error_sequence_model.core import InputError
from error_sequence_model.genome.gene_rows import EXONS, PIECES
from error_sequence_model.tables import (
    convert_intervals,
    read_first_row,
    read_rows,
    refuse,
)

_STRANDS = ("+", "-")
_NAMES = {
    **{0: "chrom", 1: "start", 2: "end", 3: "name", 5: "strand"},
    **{6: "first", 7: "last", 9: "blocks", 10: "sizes", 11: "starts"},
}
_LIST = r"^\d+(?:,\d+)*,?$"
_NODE = ("feature", "chrom", "strand", "gene_id", "transcript_id", "gene_name")
_NODE += ("own_name", "gene_biotype")


def is_bed12(path: str | Path) -> bool:
    """Whether a file's first row is one of a BED12."""
    row = read_first_row(path)
    is_bed = len(row) == 12 and all(row[n].isdigit() for n in (1, 2, 9))
    return is_bed and all(re.match(_LIST, row[n]) for n in (10, 11))


def read_bed_rows(path: str | Path) -> tuple[pd.DataFrame, pd.DataFrame, bool]:
    """Read the transcripts of a BED12, as ``read_gene_rows`` does of a GTF.

    Raises:
        InputError: Unreadable, or blocks that do not fill their row's interval.
    """
    rows = convert_intervals(
        read_rows(path, _NAMES, what="BED12"), path, first=0, what="BED12"
    )
    rows = rows[rows["strand"].isin(_STRANDS)]
    nameless = rows["chrom"] + ":" + (rows["start"] + 1).astype("str")
    rows = rows.assign(name=rows["name"].replace(".", None).fillna(nameless))
    if rows.empty:
        raise InputError(f"annotation {path}: no row of it has a strand (+ or -)")
    blocks = _list_blocks(rows, path)
    rows = rows.assign(gene=_name_loci(rows))
    # Isoforms may all have the gene's name; a row is a transcript all the same.
    copy = rows.groupby(["gene", "name"]).cumcount()
    own = rows["name"] + "-" + (copy + 1).astype("str")
    rows = rows.assign(name=rows["name"].where(copy == 0, own))
    first, last = (pd.to_numeric(rows[n], errors="coerce") for n in ("first", "last"))
    is_coding = (first < last).fillna(False).to_numpy(bool)
    coding = rows[is_coding].assign(feature="CDS")
    exons = rows.loc[blocks.index].assign(feature="exon", **blocks)
    parts = pd.concat([exons, coding], ignore_index=True)
    parts = pd.DataFrame(
        {
            "feature": pd.Categorical(parts["feature"], [*EXONS, *PIECES]),
            "strand": pd.Categorical(parts["strand"], _STRANDS),
            **{key: parts[key].astype("int64") for key in ("start", "end")},
            "number": np.float32("nan"),
            "chrom": parts["chrom"].astype("category"),
            "transcript_id": parts["name"].astype("category"),
            "gene_id": parts["gene"].astype("category"),
        }
    )
    nodes = pd.DataFrame({name: pd.Series(dtype="str") for name in _NODE})
    return parts, nodes.assign(start=0, end=0), False


def _list_blocks(rows: pd.DataFrame, path: str | Path) -> pd.DataFrame:
    """Start and end of each block, int64, by the line of its row."""
    is_list = rows["sizes"].str.match(_LIST) & rows["starts"].str.match(_LIST)
    lists = {
        name: rows[name].str.rstrip(",").str.split(",") for name in ("sizes", "starts")
    }
    n_blocks = pd.to_numeric(rows["blocks"], errors="coerce")
    for values in lists.values():
        is_list &= values.str.len() == n_blocks
    sizes, starts = (
        values[is_list].explode().astype("int64") for values in lists.values()
    )
    left = starts + rows["start"].loc[starts.index]
    blocks = pd.DataFrame({"start": left, "end": left + sizes})
    reach = blocks["end"].groupby(level=0).max().reindex(rows.index)
    is_bad = ~is_list | (reach != rows["end"])
    if is_bad.any():
        problems = [
            (int(line), "blocks that do not fill it") for line in rows.index[is_bad]
        ]
        refuse(path, problems, advice="A BED12 has as many sizes and starts as blocks.")
    return blocks


def _name_loci(rows: pd.DataFrame) -> pd.Series:
    """A name for what overlaps on a strand; another where the name is taken."""
    order = rows.sort_values(["chrom", "strand", "start"], kind="stable")
    place = order.groupby(["chrom", "strand"], sort=False)
    reach = place["end"].cummax().groupby([order["chrom"], order["strand"]]).shift()
    locus = (~(order["start"] < reach)).cumsum()
    first = order["name"].groupby(locus).first()
    copy = first.groupby(first).cumcount()
    unique = first.where(copy == 0, first + "-" + (copy + 1).astype("str"))
    return locus.map(unique)
