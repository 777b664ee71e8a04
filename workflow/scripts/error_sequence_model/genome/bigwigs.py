"""Opening bigWig files: checked first, because libBigWig crashes on damaged ones.

A bigWig is a header, a tree of contigs and a tree of blocks, all full of offsets into
the file. Both trees are walked here and every offset is held against the file's size
before the library follows it. What blocks hold is not looked at.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from error_sequence_model.core import InputError

_MAGIC, _TREE_MAGIC, _INDEX_MAGIC = 0x888FFC26, 0x78CA8C91, 0x2468ACE0
_HEADER, _ZOOM, _TREE, _INDEX = "<IHHQQQHHQQIQ", "<IIQQ", "<IIIIQQ", "<IIQIIIIQII"
_LEAF = np.dtype([("place", "<u4", 4), ("offset", "<u8"), ("size", "<u8")])
_BRANCH = np.dtype([("place", "<u4", 4), ("offset", "<u8")])
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
    try:
        with path.open("rb") as file:
            _check(_Reader(file))
        with pyBigWig.open(str(path)) as track:
            if not track.chroms():
                raise _DamagedError("it has no contigs")
            yield track
    except _DAMAGE as error:
        reason = str(error) or type(error).__name__
        raise InputError(
            f"{what}: {path}: not a bigWig ({reason}); make it or copy it anew"
        ) from error


# What pyBigWig raises where blocks or names are damaged.
_DAMAGE = (
    *(_DamagedError, RuntimeError, MemoryError),
    *(OverflowError, UnicodeDecodeError),
)


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


def _check(reader: _Reader) -> None:
    if reader.size < 64 or reader.unpack(0, "<I")[0] != _MAGIC:
        raise _DamagedError("it does not start like one")
    header = reader.unpack(0, _HEADER)
    _, _, n_zooms, contigs, data, index, *_, summary, block, _ = header
    if block > _LARGEST_BLOCK:
        raise _DamagedError(f"blocks of {block} bytes")
    reader.read(data, 8)
    if summary:
        reader.read(summary, 40)
    _check_contigs(reader, contigs)
    _check_index(reader, index)
    for number in range(n_zooms):
        _, _, place, zoom_index = reader.unpack(64 + 24 * number, _ZOOM)
        reader.read(place, 4)
        if reader.unpack(zoom_index, "<I")[0] != _INDEX_MAGIC:
            raise _DamagedError("the index of a zoom level is damaged")


def _check_contigs(reader: _Reader, place: int) -> None:
    magic, _, key_size, value_size, n_contigs, _ = reader.unpack(place, _TREE)
    if magic != _TREE_MAGIC or value_size != 8 or not 0 < key_size < 1 << 12:
        raise _DamagedError("its list of contigs is damaged")
    seen: list[int] = []
    nodes = [(place + 32, 0)]
    while nodes:
        node, depth = nodes.pop()
        is_leaf, count = reader.unpack(node, "<BxH")
        kind = np.dtype([("key", f"S{key_size}"), ("value", "<u4", 2)])
        entries = np.frombuffer(reader.read(node + 4, count * kind.itemsize), kind)
        if is_leaf:
            seen += entries["value"][:, 0].tolist()
        elif depth > _DEEPEST:
            raise _DamagedError("its list of contigs never ends")
        else:
            low, high = entries["value"].astype(np.int64).T
            nodes += [(int(n), depth + 1) for n in low + (high << 32)]
        if len(seen) > n_contigs:
            break
    if sorted(seen) != list(range(n_contigs)):
        raise _DamagedError("its list of contigs is damaged")


def _check_index(reader: _Reader, place: int) -> None:
    if reader.unpack(place, _INDEX)[0] != _INDEX_MAGIC:
        raise _DamagedError("its index is damaged")
    nodes, n_nodes = [(place + 48, 0)], 0
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
        else:
            nodes += [(int(child), depth + 1) for child in entries["offset"]]
