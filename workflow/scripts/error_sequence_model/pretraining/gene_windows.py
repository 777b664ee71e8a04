"""Windows of gene bodies to pretrain on: drawn, checked for leaks, written, read.

A window lies around its centre (interbase) as a site's window around its junction, on
the transcript strand of its gene. File (Arrow IPC, memory-mapped):
    window_id int64; part (train | held_out), gene_id, chrom, strand string;
    start, end int64 (0-based half-open, forward strand; beyond a contig's end is N);
    sequence, structure fixed-size binary: ASCII bases, and a label of
    ``gene_bodies.STRUCTURE`` per base
    schema metadata: length
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.lib.stride_tricks import sliding_window_view

from error_sequence_model.core import InputError, atomic_path, read_arrow, read_metadata
from error_sequence_model.genome import Genome, WindowCutter, get_window_starts
from error_sequence_model.pretraining.gene_bodies import OTHER, GeneBodies
from error_sequence_model.pretraining.held_out import (
    HeldOut,
    NearDuplicates,
    find_overlaps,
)
from error_sequence_model.settings import PretrainingSettings

logger = logging.getLogger(__name__)

HELD_OUT_WINDOWS = 512
EDGE = 20  # bases: how near to a window's end a site may lie
BLOCK = 4096
LARGEST_UNKNOWN_SHARE = 0.5
PLAN = ["chrom", "strand", "centre", "start", "end", "gene_id", "part"]


def plan_windows(
    genomes: Sequence[GeneBodies], held_out: HeldOut, settings: PretrainingSettings
) -> tuple[pd.DataFrame, int]:
    """Draw windows to learn from, and windows of held-out genes to measure on.

    Returns:
        ``(plan, n_removed)``: columns PLAN, sorted by contig; and how many training
        windows were drawn over held-out sequence and dropped.

    Raises:
        InputError: No gene is left to learn from, or none is held out.
    """
    rng = np.random.default_rng(settings.seed)
    genes = pd.concat([bodies.genes for bodies in genomes], ignore_index=True)
    sites = pd.concat([bodies.sites for bodies in genomes], ignore_index=True)
    over_held = find_overlaps(genes, held_out.intervals)
    if held_out.contigs:
        is_held = genes["chrom"].isin(held_out.contigs).to_numpy()
    else:
        is_held = find_overlaps(genes, held_out.genes)
    may_learn = genes["chrom"].isin(held_out.allowed).to_numpy() & ~over_held
    for name, is_there in (("left to learn from", may_learn), ("held out", is_held)):
        if not is_there.any():
            raise InputError(
                f"pretraining: of {len(genes)} annotated genes none is {name}; check "
                "the annotation and `splits`, or set `pretraining.enabled: false`"
            )
    n_at_sites = round(settings.windows * settings.site_share)
    places = sites.assign(start=sites["junction"] - 1, end=sites["junction"] + 1)
    may_use = sites["chrom"].isin(held_out.allowed)
    sites = sites[may_use & ~find_overlaps(places, held_out.intervals)]
    n_at_sites = n_at_sites if len(sites) else 0
    at_sites = _draw_at_sites(sites, n_at_sites, settings.length, rng)
    lengths = {name: n for bodies in genomes for name, n in bodies.contigs.items()}
    ends = at_sites["chrom"].map(lengths)
    at_sites["centre"] = at_sites["centre"].clip(0, ends).astype(np.int64)
    in_genes = _draw_in_genes(genes[may_learn], settings.windows - n_at_sites, rng)
    train = _place(pd.concat([at_sites, in_genes]), settings.length, "train")
    over = find_overlaps(train, held_out.intervals)
    # In a gene's flank or over a site a window may still reach a held-out gene.
    measured = _draw_in_genes(genes[is_held], HELD_OUT_WINDOWS, rng)
    measured = _place(measured, settings.length, "held_out")
    over |= find_overlaps(train, measured)
    plan = pd.concat([train[~over], measured], ignore_index=True)
    return plan.sort_values(["chrom", "strand", "start"]), int(over.sum())


def _draw_in_genes(
    genes: pd.DataFrame, count: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Draw centres anywhere in gene bodies."""
    sizes = (genes["end"] - genes["start"]).to_numpy()
    rows = rng.choice(len(genes), size=count, p=sizes / sizes.sum())
    chosen = genes.iloc[rows]
    offsets = (rng.random(count) * (sizes[rows] + 1)).astype(np.int64)
    return chosen[["chrom", "strand", "gene_id"]].assign(
        centre=chosen["start"].to_numpy() + offsets
    )


def _draw_at_sites(
    sites: pd.DataFrame, count: int, length: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Draw annotated sites, and centres so that a site lies anywhere in its window."""
    chosen = sites.iloc[rng.integers(max(len(sites), 1), size=count)]
    reach = max(length // 2 - EDGE, 0)
    offsets = rng.integers(-reach, reach + 1, size=count)
    return chosen[["chrom", "strand", "gene_id"]].assign(
        centre=chosen["junction"].to_numpy() + offsets
    )


def _place(drawn: pd.DataFrame, length: int, part: str) -> pd.DataFrame:
    upstream = length // 2
    starts = get_window_starts(
        drawn["centre"].to_numpy(),
        drawn["strand"].eq("+").to_numpy(),
        upstream=upstream,
        downstream=length - upstream,
    )
    return drawn.assign(start=starts, end=starts + length, part=part)[PLAN]


def cut_windows(
    plan: pd.DataFrame, genomes: Sequence[GeneBodies], length: int
) -> Iterator[tuple[pd.DataFrame, np.ndarray, np.ndarray]]:
    """Cut planned windows, one contig and strand at a time.

    Yields:
        ``(rows of the plan, sequence, structure)``, both uint8 ``(n, length)``.
    """
    upstream = length // 2
    for bodies in genomes:
        with Genome(bodies.source.fasta) as genome:
            mine = plan[plan["chrom"].isin(list(bodies.contigs))]
            for (chrom, strand), rows in mine.groupby(["chrom", "strand"], sort=True):
                contig = genome.load_contig(chrom.removeprefix(bodies.source.prefix))
                cut = WindowCutter(contig, upstream, length - upstream)
                labels = bodies.get_structure(chrom, strand)
                for first in range(0, len(rows), BLOCK):
                    block = rows.iloc[first : first + BLOCK]
                    is_plus = np.full(len(block), strand == "+")
                    sequence = cut(block["centre"].to_numpy(), is_plus)
                    structure = _cut_labels(labels, block["start"], length, strand)
                    yield block, sequence, structure


def _cut_labels(
    labels: np.ndarray, starts: pd.Series, length: int, strand: str
) -> np.ndarray:
    padded = np.pad(labels, length, constant_values=OTHER)
    cut = sliding_window_view(padded, length)[starts.to_numpy() + length]
    return np.ascontiguousarray(cut if strand == "+" else cut[:, ::-1])


def write_gene_windows(
    plan: pd.DataFrame,
    genomes: Sequence[GeneBodies],
    length: int,
    near: NearDuplicates | None,
    out_path: str | Path,
) -> dict[str, int]:
    """Cut and write windows, without training windows like held-out ones.

    Args:
        plan: From ``plan_windows``.
        genomes: Where they lie.
        length: Bases per window.
        near: Finds near-duplicates; None keeps them.
        out_path: The Arrow file.

    Returns:
        How many training windows were dropped for which reason.
    """
    removed = {"near_duplicate": 0, "unknown_bases": 0}
    schema = _make_schema(length)
    count = 0
    with atomic_path(out_path) as temporary, pa.ipc.new_file(temporary, schema) as file:
        for rows, sequence, structure in cut_windows(plan, genomes, length):
            unknown = (sequence == ord("N")).mean(axis=1) > LARGEST_UNKNOWN_SHARE
            is_train = rows["part"].eq("train").to_numpy()
            like = np.zeros(len(rows), dtype=bool)
            if near is not None and is_train.any():
                like[is_train] = near.find(sequence[is_train])
            keep = ~(unknown | like)
            removed["near_duplicate"] += int(like.sum())
            removed["unknown_bases"] += int((unknown & ~like & is_train).sum())
            kept = rows[keep]
            ids = np.arange(count, count + len(kept), dtype=np.int64)
            columns = [kept[n] for n in ("part", "gene_id", "chrom", "strand")]
            columns += [kept[n] for n in ("start", "end")]
            arrays = [pa.array(ids), *(pa.array(c, from_pandas=True) for c in columns)]
            arrays += [_to_binary(m[keep]) for m in (sequence, structure)]
            file.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
            count += len(kept)
    return removed


def _make_schema(length: int) -> pa.Schema:
    names = ("part", "gene_id", "chrom", "strand")
    return pa.schema(
        [
            ("window_id", pa.int64()),
            *((name, pa.string()) for name in names),
            ("start", pa.int64()),
            ("end", pa.int64()),
            ("sequence", pa.binary(length)),
            ("structure", pa.binary(length)),
        ],
        metadata={"length": str(length)},
    )


def _to_binary(matrix: np.ndarray) -> pa.Array:
    data = pa.py_buffer(np.ascontiguousarray(matrix))
    kind = pa.binary(matrix.shape[1])
    return pa.FixedSizeBinaryArray.from_buffers(kind, len(matrix), [None, data])


@dataclass(frozen=True)
class GeneWindows:
    """Windows of one part, memory-mapped.

    Attributes:
        table: The file's columns but for the matrices, one row per window.
        length: Bases per window.
    """

    table: pd.DataFrame
    length: int
    _blocks: list[tuple[int, np.ndarray, np.ndarray]]
    _rows: np.ndarray

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def _firsts(self) -> np.ndarray:
        return np.array([first for first, _, _ in self._blocks])

    def get(self, index: int) -> tuple[str, np.ndarray]:
        """Give a window's sequence and its labels, uint8 ``(length,)``."""
        row = int(self._rows[index])
        block = int(np.searchsorted(self._firsts, row, side="right")) - 1
        first, sequence, structure = self._blocks[block]
        return sequence[row - first].tobytes().decode(), structure[row - first]


def read_gene_windows(path: str | Path, part: str) -> GeneWindows:
    """Open the windows of a part ("train" or "held_out").

    Raises:
        InputError: The file is missing or has no window of this part.
    """
    table = read_arrow(path)
    length = read_metadata(table, path, "length")["length"]
    blocks, first = [], 0
    for batch in table.to_batches():
        matrices = (_to_matrix(batch[name]) for name in ("sequence", "structure"))
        blocks.append((first, *matrices))
        first += len(batch)
    frame = table.drop_columns(["sequence", "structure"]).to_pandas()
    rows = np.flatnonzero(frame["part"].eq(part))
    if not len(rows):
        raise InputError(f"{path}: no window of the part {part}")
    return GeneWindows(frame.iloc[rows].reset_index(drop=True), length, blocks, rows)


def _to_matrix(column: pa.Array) -> np.ndarray:
    width, data = column.type.byte_width, np.frombuffer(column.buffers()[1], np.uint8)
    stop = (column.offset + len(column)) * width
    return data[column.offset * width : stop].reshape(-1, width)
