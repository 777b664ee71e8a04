"""Opening text tables, plain or gzip by content; no small file fills the memory.

Deflate packs zeros about a thousandfold, real tables some tenfold. A file that unpacks
to more than ``FREE_BYTES`` and more than ``LARGEST_RATIO`` times its size is refused.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from error_sequence_model.core import InputError

FREE_BYTES = 1 << 30
LARGEST_RATIO = 200
# No header is longer; without a bound, one endless line would be read whole.
LONGEST_HEADER = 1 << 20


def is_gzip(path: str | Path) -> bool:
    """Whether a file starts as gzip (and bgzip) does."""
    with Path(path).open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


class _BoundedGzip(io.RawIOBase):
    """Unpacks gzip and refuses what is out of all proportion to its size."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = gzip.open(path)  # noqa: SIM115 - closed by close
        self._limit = max(FREE_BYTES, LARGEST_RATIO * path.stat().st_size)
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:
        count = self._file.readinto(buffer)
        self._count += count
        if self._count > self._limit:
            raise InputError(
                f"{self._path}: unpacks to more than {self._limit >> 20} MiB, over "
                f"{LARGEST_RATIO} times its size, which no table does; if it is one, "
                "give it unpacked"
            )
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


@contextmanager
def open_stream(path: str | Path) -> Iterator[io.BufferedReader]:
    """Open a text file for reading as bytes, unpacked.

    Raises:
        InputError: While reading: it unpacks to more than any table would.
    """
    path = Path(path)
    if not is_gzip(path):
        with path.open("rb") as file:
            yield file
        return
    with io.BufferedReader(_BoundedGzip(path), 1 << 20) as file:
        yield file
