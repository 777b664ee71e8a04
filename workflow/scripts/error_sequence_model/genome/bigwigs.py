"""Reading bigWig files: checked first, because libBigWig crashes on damaged ones.

A bigWig is a header, a tree of contigs and a tree of blocks, all full of offsets into
the file. Both trees are walked here and every offset is held against the file's size
before the library follows it. Whole files are read block by block without the library,
which makes a Python object of every value: a genome's dense track fits no memory so.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from error_sequence_model.core import InputError

_MAGIC, _TREE_MAGIC, _INDEX_MAGIC = 0x888FFC26, 0x78CA8C91, 0x2468ACE0
_HEADER, _ZOOM, _TREE, _INDEX = "<IHHQQQHHQQIQ", "<IIQQ", "<IIIIQQ", "<IIQIIIIQII"
_LEAF = np.dtype([("place", "<u4", 4), ("offset", "<u8"), ("size", "<u8")])
_BRANCH = np.dtype([("place", "<u4", 4), ("offset", "<u8")])
# Head of a block; then its items, of one of three kinds.
_BLOCK = "<IIIIIBBH"
_ITEMS = {
    1: np.dtype([("start", "<u4"), ("end", "<u4"), ("value", "<f4")]),
    2: np.dtype([("start", "<u4"), ("value", "<f4")]),
    3: np.dtype([("value", "<f4")]),
}
BATCH = 1 << 20  # values given at once
# What one block may unpack to; writers use some ten thousand bytes.
_LARGEST_BLOCK = 1 << 28
_DEEPEST = 32


class _DamagedError(Exception):
    """What is wrong with the file."""


@contextmanager
def open_bigwig(path: str | Path, *, what: str) -> Iterator[Any]:
    """Open a bigWig file for reading.

    Args:
        path: The file.
        what: What it is to the user, for messages ("scores").

    Yields:
        A ``pyBigWig`` file with at least one contig.

    Raises:
        InputError: No such file, no bigWig, or damaged, which may show only while it
            is read.
    """
    import pyBigWig  # imported here: only what reads tracks needs it

    path = Path(path)
    if not path.is_file():
        raise InputError(f"{what}: {path}: no such file")
    with _named_damage(path, what):
        with path.open("rb") as file:
            _check(_Reader(file))
        with pyBigWig.open(str(path)) as track:
            if not track.chroms():
                raise _DamagedError("it has no contigs")
            yield track


# What is raised where blocks or names are damaged.
_DAMAGE = (
    *(_DamagedError, RuntimeError, MemoryError, zlib.error),
    *(OverflowError, UnicodeDecodeError, struct.error),
)


class Values(NamedTuple):
    """Some intervals of one contig, each array ``(n,)``; 0-based half-open."""

    chrom: str
    starts: np.ndarray
    ends: np.ndarray
    values: np.ndarray


@contextmanager
def stream_bigwig(
    path: str | Path, *, what: str
) -> Iterator[tuple[dict[str, int], Iterator[Values]]]:
    """Open a bigWig file to read all its values, batch by batch.

    Args:
        path: The file.
        what: What it is to the user, for messages ("scores").

    Yields:
        The contigs with their lengths, and the values contig by contig.

    Raises:
        InputError: No such file, no bigWig, or damaged, which may show only while the
            values are read.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{what}: {path}: no such file")
    with _named_damage(path, what), path.open("rb") as file:
        reader = _Reader(file)
        contigs, leaves, buffer = _check(reader)
        lengths = dict(contigs.values())
        if not lengths:
            raise _DamagedError("it has no contigs")
        yield lengths, _read_blocks(reader, contigs, leaves, is_packed=buffer > 0)


@contextmanager
def _named_damage(path: Path, what: str) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except _DAMAGE as error:
        reason = str(error) or type(error).__name__
        raise InputError(
            f"{what}: {path}: not a bigWig ({reason}); make it or copy it anew"
        ) from error


def _read_blocks(
    reader: _Reader,
    contigs: dict[int, tuple[str, int]],
    leaves: np.ndarray,
    *,
    is_packed: bool,
) -> Iterator[Values]:
    """The values of all blocks, in batches of one contig each."""
    order = np.lexsort((leaves["place"][:, 1], leaves["place"][:, 0]))
    held: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    current, n_held = -1, 0
    for leaf in leaves[order]:
        data = reader.read(int(leaf["offset"]), int(leaf["size"]))
        if is_packed:
            unpacker = zlib.decompressobj()
            data = unpacker.decompress(data, _LARGEST_BLOCK)
        chrom, *part = _read_block(data)
        if chrom not in contigs:
            raise _DamagedError("a block of no contig")
        if held and (chrom != current or n_held >= BATCH):
            yield _join(contigs[current], held)
            held, n_held = [], 0
        current = chrom
        held.append(tuple(part))
        n_held += len(part[0])
    if held:
        yield _join(contigs[current], held)


def _join(contig: tuple[str, int], held: list[tuple[np.ndarray, ...]]) -> Values:
    name, length = contig
    starts, ends, values = (np.concatenate(part) for part in zip(*held, strict=True))
    if (starts >= ends).any() or ends.max(initial=0) > length:
        raise _DamagedError(f"{name} has empty intervals, or some beyond its end")
    return Values(name, starts, ends, values)


def _read_block(data: bytes) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:
    """``(contig, starts, ends, values)`` of a block."""
    size = struct.calcsize(_BLOCK)
    if len(data) < size:
        raise _DamagedError("a block is cut short")
    chrom, first, _, step, span, kind, _, count = struct.unpack(_BLOCK, data[:size])
    if kind not in _ITEMS:
        raise _DamagedError(f"a block of kind {kind}")
    if len(data) < size + count * _ITEMS[kind].itemsize:
        raise _DamagedError("a block is cut short")
    items = np.frombuffer(data, _ITEMS[kind], count, size)
    if kind == 3:
        starts = first + step * np.arange(count, dtype=np.int64)
    else:
        starts = items["start"].astype(np.int64)
    ends = items["end"].astype(np.int64) if kind == 1 else starts + span
    return chrom, starts, ends, items["value"]


class _Reader:
    """Reads numbers anywhere in a file, and never beyond its end."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, os.SEEK_END)

    def read(self, place: int, count: int) -> bytes:
        if place + count > self.size:
            raise _DamagedError("it is cut short")
        self._file.seek(place)
        return self._file.read(count)

    def unpack(self, place: int, form: str) -> tuple[int, ...]:
        return struct.unpack(form, self.read(place, struct.calcsize(form)))


def _check(
    reader: _Reader,
) -> tuple[dict[int, tuple[str, int]], np.ndarray, int]:
    """Walk both trees; give the contigs by number, the blocks, and their buffer."""
    if reader.size < 64 or reader.unpack(0, "<I")[0] != _MAGIC:
        raise _DamagedError("it does not start like one")
    header = reader.unpack(0, _HEADER)
    _, _, n_zooms, contigs, data, index, *_, summary, block, _ = header
    if block > _LARGEST_BLOCK:
        raise _DamagedError(f"blocks of {block} bytes")
    reader.read(data, 8)
    if not index:
        raise _DamagedError("it holds no values")
    if summary:
        reader.read(summary, 40)
    names, leaves = _check_contigs(reader, contigs), _check_index(reader, index)
    for number in range(n_zooms):
        _, _, place, zoom_index = reader.unpack(64 + 24 * number, _ZOOM)
        reader.read(place, 4)
        if reader.unpack(zoom_index, "<I")[0] != _INDEX_MAGIC:
            raise _DamagedError("the index of a zoom level is damaged")
    return names, leaves, block


def _check_contigs(reader: _Reader, place: int) -> dict[int, tuple[str, int]]:
    magic, _, key_size, value_size, n_contigs, _ = reader.unpack(place, _TREE)
    if magic != _TREE_MAGIC or value_size != 8 or not 0 < key_size < 1 << 12:
        raise _DamagedError("its list of contigs is damaged")
    seen: list[int] = []
    names: dict[int, tuple[str, int]] = {}
    nodes = [(place + 32, 0)]
    while nodes:
        node, depth = nodes.pop()
        is_leaf, count = reader.unpack(node, "<BxH")
        kind = np.dtype([("key", f"S{key_size}"), ("value", "<u4", 2)])
        entries = np.frombuffer(reader.read(node + 4, count * kind.itemsize), kind)
        if is_leaf:
            numbers, lengths = entries["value"].T.tolist()
            seen += numbers
            texts = [key.decode() for key in entries["key"].tolist()]
            names |= zip(numbers, zip(texts, lengths, strict=True), strict=True)
        elif depth > _DEEPEST:
            raise _DamagedError("its list of contigs never ends")
        else:
            low, high = entries["value"].astype(np.int64).T
            nodes += [(int(n), depth + 1) for n in low + (high << 32)]
        if len(seen) > n_contigs:
            break
    if sorted(seen) != list(range(n_contigs)):
        raise _DamagedError("its list of contigs is damaged")
    return names


def _check_index(reader: _Reader, place: int) -> np.ndarray:
    if reader.unpack(place, _INDEX)[0] != _INDEX_MAGIC:
        raise _DamagedError("its index is damaged")
    nodes, n_nodes = [(place + 48, 0)], 0
    leaves = [np.zeros(0, _LEAF)]
    while nodes:
        node, depth = nodes.pop()
        n_nodes += 1
        if depth > _DEEPEST or n_nodes * 4 > reader.size:
            raise _DamagedError("its index never ends")
        is_leaf, count = reader.unpack(node, "<BxH")
        kind = _LEAF if is_leaf else _BRANCH
        entries = np.frombuffer(reader.read(node + 4, count * kind.itemsize), kind)
        if is_leaf:
            # A sum of both could overflow.
            is_beyond = entries["offset"] > reader.size
            is_beyond |= entries["size"] > reader.size - np.minimum(
                entries["offset"], reader.size
            )
            if is_beyond.any():
                raise _DamagedError("it is cut short")
            leaves.append(entries)
        else:
            nodes += [(int(child), depth + 1) for child in entries["offset"]]
    return np.concatenate(leaves)
