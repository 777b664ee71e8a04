"""Sequences around junctions, on the transcript strand, streamed to an Arrow file.

The junction lies between index ``upstream - 1`` and ``upstream`` on both strands. What
lies beyond a contig's end is N, and so is every letter other than A, C, G and T (IUPAC
codes); lower case becomes upper case.

`windows.arrow` (Arrow IPC file, rows in the order of sites.parquet):
    site_id   int64
    sequence  string, ``upstream + downstream`` letters
    schema metadata: ``upstream``, ``downstream`` as decimal strings
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from error_sequence_model.core import (
    InputError,
    atomic_path,
    get_progress,
    read_arrow,
    read_metadata,
)
from error_sequence_model.genome import (
    BASE_N,
    Genome,
    WindowCutter,
    check_sides,
    clean_bases,
    extract_window,
)
from error_sequence_model.tables import open_parquet

if TYPE_CHECKING:  # what windows are is defined without them
    from error_sequence_model.genome import Variants

logger = logging.getLogger(__name__)

__all__ = [
    "Windows",
    "extract_window",
    "make_windows",
    "read_windows",
    "write_windows",
]

MOST_OPEN = 0.9  # share of windows that are mostly N from which they are refused
BATCH_BASES = 1 << 24  # bases per record batch: memory does not grow with the sites


@dataclass(frozen=True)
class Windows:
    """The windows of a data set, memory-mapped.

    Attributes:
        table: Columns ``site_id`` and ``sequence``.
        upstream: Bases before the junction.
        downstream: Bases after the junction.
    """

    table: pa.Table
    upstream: int
    downstream: int

    def __len__(self) -> int:
        return len(self.table)

    @property
    def length(self) -> int:
        """Bases per window."""
        return self.upstream + self.downstream

    @property
    def site_ids(self) -> np.ndarray:
        """int64 ``(n,)``."""
        return self.table["site_id"].to_numpy()

    def has_windows(self, site_ids: np.ndarray) -> np.ndarray:
        """Tell which sites have a window, bool ``(n,)``; see ``write_windows``."""
        return np.isin(site_ids, self.site_ids)

    def get_sequences(self, site_ids: np.ndarray | None = None) -> list[str]:
        """Return the sequences of some sites (all without ``site_ids``), in order.

        Raises:
            InputError: The file is damaged, or a site has no window in it.
        """
        try:
            return self._take(site_ids)["sequence"].to_pylist()
        except UnicodeDecodeError as error:
            raise InputError(
                f"windows.arrow is damaged ({error}); remove it and run again"
            ) from error

    def get_matrix(self, site_ids: np.ndarray | None = None) -> np.ndarray:
        """Return windows as ASCII bytes, uint8 ``(n, length)``."""
        column = self._take(site_ids)["sequence"]
        parts = [_chunk_matrix(chunk, self.length) for chunk in column.chunks]
        if not parts:
            return np.zeros((0, self.length), dtype=np.uint8)
        return np.concatenate(parts)

    def _take(self, site_ids: np.ndarray | None) -> pa.Table:
        if site_ids is None:
            return self.table
        wanted = np.asarray(site_ids, dtype=np.int64)
        if np.array_equal(wanted, self.site_ids):
            return self.table
        order = np.argsort(self.site_ids, kind="stable")
        known = self.site_ids[order]
        rows = np.searchsorted(known, wanted)
        if len(wanted) and (
            not len(known) or (known[np.minimum(rows, len(known) - 1)] != wanted).any()
        ):
            raise InputError(
                "some sites have no window; windows.arrow is not of this sites.parquet"
            )
        # Blocks, because taking from many chunks at once copies strings over 2 GB.
        return self.table.take(pa.array(order[rows]))


def _chunk_matrix(chunk: pa.StringArray, length: int) -> np.ndarray:
    if len(chunk) == 0:
        return np.zeros((0, length), dtype=np.uint8)
    width = np.dtype(np.int64 if pa.types.is_large_string(chunk.type) else np.int32)
    offsets = np.frombuffer(chunk.buffers()[1], dtype=width)
    start = int(offsets[chunk.offset])
    data = np.frombuffer(chunk.buffers()[2], dtype=np.uint8)
    return data[start : start + len(chunk) * length].reshape(len(chunk), length)


def make_batch(site_ids: np.ndarray, windows: np.ndarray) -> pa.RecordBatch:
    """Wrap windows, uint8 ``(n, length)``, as a record batch without copying them."""
    n, length = windows.shape
    offsets = np.arange(n + 1, dtype=np.int32) * np.int32(length)
    data = np.ascontiguousarray(windows)
    sequence = pa.StringArray.from_buffers(n, pa.py_buffer(offsets), pa.py_buffer(data))
    return pa.record_batch([pa.array(site_ids, pa.int64()), sequence], schema=SCHEMA)


SCHEMA = pa.schema([("site_id", pa.int64()), ("sequence", pa.string())])


def write_windows(
    sites_path: str | Path,
    genome_path: str | Path | None,
    upstream: int,
    downstream: int,
    out_path: str | Path,
    *,
    variants: Variants | None = None,
) -> int:
    """Write the window of every site.

    Args:
        sites_path: sites.parquet. Where it carries `sequence` and `sequence_junction`
            (tables that bring their sequences), windows come from these.
        genome_path: The FASTA the sites lie on; not needed in that case.
        upstream: Bases before the junction.
        downstream: Bases after it.
        out_path: windows.arrow.
        variants: To apply to the genome first, for a personal genome.

    Returns:
        How many windows were written: sites of a gene whose variants are not known
            have none.

    Raises:
        InputError: A site lies on a contig that the genome does not have, no window is
            left, or nearly all are mostly N.
    """
    check_sides(upstream, downstream)
    with open_parquet(sites_path) as file:
        names = file.schema_arrow.names
    has_sequences = {"sequence", "sequence_junction"} <= set(names)
    if has_sequences:
        if variants is not None:
            raise InputError(
                f"{sites_path}: sites with their own sequences take no variants; leave "
                "`predictors.<name>.variants` out"
            )
        batches = _cut_own_sequences(sites_path, upstream, downstream)
    elif genome_path is None:
        raise InputError(f"{sites_path}: sites without sequences need a genome")
    else:
        batches = _cut_from_genome(
            sites_path, genome_path, upstream, downstream, variants
        )
    schema = SCHEMA.with_metadata(
        {"upstream": str(upstream), "downstream": str(downstream)}
    )
    count = n_open = 0
    with atomic_path(out_path) as temporary, pa.ipc.new_file(temporary, schema) as file:
        for batch in batches:
            file.write_batch(batch.replace_schema_metadata(schema.metadata))
            count += len(batch)
            bases = _chunk_matrix(batch["sequence"], upstream + downstream)
            n_ns = np.count_nonzero(bases == BASE_N, axis=1)
            n_open += int((2 * n_ns > bases.shape[1]).sum())
        _tell_padding(n_open, count, upstream, downstream)
    logger.info("windows: %d of %d + %d bases", count, upstream, downstream)
    return count


def _tell_padding(n_open: int, count: int, upstream: int, downstream: int) -> None:
    """Say how many windows are mostly N, beyond contigs or in gaps.

    Raises:
        InputError: Nearly all are.
    """
    told = (
        f"windows: {n_open:,} of {count:,} are more than half N, which stands for what "
        f"lies beyond a contig's end: set `windows.upstream` (now {upstream}) and "
        f"`windows.downstream` (now {downstream}) lower"
    )
    if count and n_open >= MOST_OPEN * count:
        raise InputError(told)
    if n_open:
        logger.warning("%s, or leave the short contigs out", told)


def _cut_from_genome(
    sites_path: str | Path,
    genome_path: str | Path,
    upstream: int,
    downstream: int,
    variants: Variants | None,
) -> Iterator[pa.RecordBatch]:
    columns = ["site_id", "chrom", "junction", "strand"]
    columns += ["splice_type", "gene_id"] if variants is not None else []
    with open_parquet(sites_path) as file:
        table = file.read(columns)
    chroms = table["chrom"].combine_chunks().dictionary_encode()
    codes = chroms.indices.to_numpy()
    site_ids = table["site_id"].to_numpy()
    junctions = table["junction"].to_numpy()
    is_plus = np.asarray(table["strand"].combine_chunks().to_numpy(False) == "+")
    if variants is not None:
        genes = table["gene_id"].to_pandas().to_numpy(dtype=object)
        is_donor = table["splice_type"].to_pandas().eq("donor").to_numpy()
    # Rows are sorted by contig, so every contig is read once. Contigs share batches:
    # an assembly may have a hundred thousand of them.
    bounds = np.flatnonzero(np.diff(codes, prepend=-1, append=-1))
    pairs = list(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True))
    length = upstream + downstream
    size = max(1, BATCH_BASES // length)
    block, filled = np.empty((size, length), dtype=np.uint8), 0
    numbers, n_refused = np.empty(size, dtype=np.int64), 0
    with Genome(genome_path) as genome:
        for first, last in get_progress(pairs, what="windows", unit="contigs"):
            name = chroms.dictionary[int(codes[first])].as_py()
            if name not in genome.lengths:
                raise InputError(f"{genome_path}: no contig {name!r} of {sites_path}")
            rows = np.arange(first, last)
            contig, places = genome.load_contig(name), junctions[rows]
            if places.min() < 0 or places.max() > len(contig):
                raise InputError(
                    f"{sites_path}: a site lies beyond the end of {name!r} in "
                    f"{genome_path}: made with another genome?"
                )
            if variants is not None:
                personal = variants.apply(
                    name, contig, places, is_plus[rows] == is_donor[rows]
                )
                reach = max(upstream, downstream)
                is_kept = ~personal.find_refused(genes[rows], reach)
                n_refused += int((~is_kept).sum())
                contig, places = personal.contig, personal.junctions[is_kept]
                rows = rows[is_kept]
            cut = WindowCutter(contig, upstream, downstream)
            del contig
            start = 0
            while start < len(rows):
                stop = min(len(rows), start + size - filled)
                part = rows[start:stop]
                filled_to = filled + len(part)
                block[filled:filled_to] = cut(places[start:stop], is_plus[part])
                numbers[filled:filled_to] = site_ids[part]
                start, filled = stop, filled_to
                if filled == size:
                    yield make_batch(numbers, block)
                    filled = 0
    if filled:
        yield make_batch(numbers[:filled], block[:filled])
    _tell_refused(n_refused, len(site_ids), sites_path)


def _tell_refused(n_refused: int, n_sites: int, sites_path: str | Path) -> None:
    if n_refused and n_refused == n_sites:
        raise InputError(
            f"{sites_path}: no window is left: each gene has a place without one known "
            "allele; phase the variants, or name their sample"
        )
    if n_refused:
        logger.warning(
            "%d of %d sites have no window: their genes have variants without one "
            "known allele",
            n_refused,
            n_sites,
        )


def _cut_own_sequences(
    sites_path: str | Path, upstream: int, downstream: int
) -> Iterator[pa.RecordBatch]:
    columns = ["site_id", "sequence", "sequence_junction"]
    with open_parquet(sites_path) as file:
        batches = file.iter_batches(8192, columns=columns)
        yield from _cut_batches(batches, upstream, downstream)


def _cut_batches(
    batches: Iterator[pa.RecordBatch], upstream: int, downstream: int
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        frame = batch.to_pandas()
        windows = np.full((len(frame), upstream + downstream), BASE_N, dtype=np.uint8)
        for row, (text, junction) in enumerate(
            zip(frame["sequence"], frame["sequence_junction"], strict=True)
        ):
            bases = clean_bases(text)
            start, end = max(0, junction - upstream), junction + downstream
            piece = bases[start:end]
            offset = start - (junction - upstream)
            windows[row, offset : offset + len(piece)] = piece
        yield make_batch(frame["site_id"].to_numpy(), windows)


def read_windows(path: str | Path) -> Windows:
    """Open windows.arrow, memory-mapped.

    Raises:
        InputError: The file is missing or is not one of ours.
    """
    table = read_arrow(path)
    return Windows(table, **read_metadata(table, path, "upstream", "downstream"))


def make_windows(
    site_ids: np.ndarray, sequences: list[str], *, upstream: int
) -> Windows:
    """Hold sequences of one length in memory the way ``read_windows`` gives them.

    Example:
        >>> windows = make_windows([7, 3], ["CAGGTA", "AAGGTG"], upstream=3)
        >>> windows.downstream, windows.get_sequences([3])
        (3, ['AAGGTG'])
    """
    table = pa.table(
        {"site_id": pa.array(site_ids, pa.int64()), "sequence": pd.array(sequences)}
    )
    length = len(sequences[0]) if sequences else upstream
    return Windows(table, upstream, length - upstream)
