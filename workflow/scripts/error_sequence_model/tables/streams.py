"""Opening text tables, plain or gzip by content; no small file fills the memory.

Deflate packs zeros about a thousandfold, real tables some tenfold. A file that unpacks
to more than ``FREE_BYTES`` and more than ``LARGEST_RATIO`` times its size is refused.
"""

from __future__ import annotations

import codecs
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


# First bytes -> what a file is, and what to do about it.
_KINDS = {
    b"PK\x03\x04": "an Excel workbook (.xlsx) or a zip archive: save the sheet as text "
    "with tabs (.tsv), or unpack the archive",
    b"\xd0\xcf\x11\xe0": "an Excel workbook (.xls): save the sheet as text with tabs "
    "(.tsv)",
    b"\xff\xfe": "UTF-16 text: `iconv -f UTF-16 -t UTF-8 FILE > NEW`",
    b"\xfe\xff": "UTF-16 text: `iconv -f UTF-16 -t UTF-8 FILE > NEW`",
    b"BZh": "packed by bzip2: `bunzip2 FILE`",
    b"\xfd7zXZ": "packed by xz: `unxz FILE`",
    b"\x28\xb5\x2f\xfd": "packed by zstd: `unzstd FILE`",
    b"7z\xbc\xaf": "a 7z archive: unpack it",
    b"PAR1": "Parquet: name it .parquet",
    b"\x26\xfc\x8f\x88": "a bigWig; scores are read from it with `format: bigwig`",
    b"\xeb\xf2\x89\x87": "a bigBed: `bigBedToBed FILE NEW`",
    b"\x43\x27\x41\x1a": "a .2bit genome: `twoBitToFa FILE NEW`",
    b"\x1a\x41\x27\x43": "a .2bit genome: `twoBitToFa FILE NEW`",
    b"\x89HDF": "HDF5: write its table as text with tabs",
    b"SQLite format 3": "an SQLite database (gffutils makes such of a GTF): give the "
    "text file it was made of",
    b"BAM\x01": "a BAM of reads: extract junctions (`regtools junctions extract`)",
    b"\x1f\x8b": "packed by gzip twice: `gunzip` it once",
    b"version https://": "a Git LFS pointer, not the file: `git lfs pull`",
}


def name_kind(start: bytes) -> str:
    """Say what a file is that is no text, and what to do; "" if that is not known.

    Args:
        start: Its first bytes, 16 or more.
    """
    if len(start) >= 4 and start[1:4:2] == b"\0\0" and start[0] and start[2]:
        start = b"\xff\xfe"  # UTF-16 without its mark
    return next((told for mark, told in _KINDS.items() if start.startswith(mark)), "")


def _refuse_kinds(path: Path, start: bytes) -> None:
    if told := name_kind(start):
        raise InputError(f"{path}: {told}")


def is_parquet(path: str | Path) -> bool:
    """Whether a file is named as Parquet."""
    return Path(path).suffix.lower() in {".parquet", ".pq"}


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


def _begin(path: Path, file: io.BufferedReader) -> io.BufferedReader:
    """Refuse what is no text; step over a byte-order mark."""
    _refuse_kinds(path, file.peek(16))
    if file.peek(3).startswith(codecs.BOM_UTF8):
        file.read(len(codecs.BOM_UTF8))
    return file


@contextmanager
def open_stream(path: str | Path) -> Iterator[io.BufferedReader]:
    """Open a text file for reading as bytes, unpacked, behind its byte-order mark.

    Raises:
        InputError: No text, but a kind of file that is known; or, while reading: it
            unpacks to more than any table would.
    """
    path = Path(path)
    if not is_gzip(path):
        with path.open("rb") as file:
            yield _begin(path, file)
        return
    with io.BufferedReader(_BoundedGzip(path), 1 << 20) as file:
        yield _begin(path, file)


def copy_head(path: str | Path, stem: Path, size: int) -> Path:
    """Copy the first whole lines of a text file, unpacked.

    Args:
        path: The file; a Parquet file is left where it is.
        stem: Where the copy goes, without a suffix: it gets the file's own.
        size: Bytes to read.

    Returns:
        The copy, or the file itself where nothing had to be cut.

    Raises:
        InputError: No such file, or no text.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    if is_parquet(path) or path.stat().st_size <= size // 8:
        return path
    with open_stream(path) as file:
        head = file.read(size)
    suffixes = [s for s in path.suffixes[-2:] if s.lower() not in {".gz", ".bgz"}]
    copy = stem.with_suffix(suffixes[-1] if suffixes else ".txt")
    copy.write_bytes(head[: head.rfind(b"\n") + 1] if len(head) == size else head)
    return copy
