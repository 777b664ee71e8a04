"""Opening a reference FASTA; 0-based half-open coordinates.

Sequences come out upper-case on the forward strand with every letter that is not A, C,
G or T (IUPAC codes, gaps, soft-masked lower case is not one of them) turned into N.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import struct
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np
import pyfaidx
from Bio import bgzf

from error_sequence_model.core import InputError, atomic_path
from error_sequence_model.genome.contigs import match_contigs
from error_sequence_model.tables import name_kind

# What pyfaidx and the reader of bgzip blocks raise on damage.
_UNREADABLE = (
    *(OSError, EOFError, ValueError, LookupError, MemoryError, OverflowError),
    *(RuntimeError, zlib.error, struct.error, pyfaidx.FastaIndexingError),
)
_PIECE = 1 << 20  # bases of a contig read at once
_BLANK = {b"\n", b"\r\n"}
_HEADER, _COMMENT = b">;"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ONE_LENGTH = (
    "; within a contig all lines but the last must be of one length: write the file "
    "anew, such as with `seqkit seq -w 60`"
)

# Byte -> upper-case base; U is T, whatever else there is becomes N. Tables for
# bytes.translate: indexing an array with bytes would take eight times the memory.
_CLEAN = bytearray(b"N" * 256)
_COMPLEMENT = bytearray(b"N" * 256)
for _base, _partner in zip(b"ACGTU", b"TGCAA", strict=True):
    _CLEAN[_base] = _CLEAN[_base + 32] = ord("T") if _base == ord("U") else _base
    _COMPLEMENT[_base] = _partner

_COMPLEMENT_TEXT = str.maketrans("ACGTNacgtn", "TGCANtgcan")


def reverse_complement(sequence: str) -> str:
    """Return the reverse complement of a string over A, C, G, T and N.

    Example:
        >>> reverse_complement("AAGGTN")
        'NACCTT'
    """
    return sequence.translate(_COMPLEMENT_TEXT)[::-1]


def clean_bases(text: str | bytes) -> np.ndarray:
    """Return upper-case A, C, G, T and N as ASCII, uint8 ``(len(text),)``.

    Example:
        >>> clean_bases("acguR-").tobytes()
        b'ACGTNN'
    """
    raw = text.encode("ascii", "replace") if isinstance(text, str) else text
    return np.frombuffer(raw.translate(bytes(_CLEAN)), dtype=np.uint8)


def complement_bases(bases: np.ndarray) -> np.ndarray:
    """Complement ASCII bases, uint8 of any shape; the order is kept."""
    text = bases.tobytes().translate(bytes(_COMPLEMENT))
    return np.frombuffer(text, dtype=np.uint8).reshape(bases.shape)


def _open_unpacked(path: Path, is_gzip: bool) -> IO[bytes]:
    return gzip.open(path) if is_gzip else path.open("rb")


def _make_cache_folder() -> Path | None:
    """The folder of indices; None where it cannot be written."""
    named = os.environ.get("SPLICE_ERRORS_CACHE")
    with suppress(OSError, RuntimeError):  # the latter: a user without a home
        folder = Path(named) if named else Path.home() / ".cache/splice-error-analysis"
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    return None


class _Lines:
    """The lines of a FASTA as ``pyfaidx`` is to index them, checked as they pass.

    Of itself it takes a longer last line, white space and comments for bases, and
    refuses blank lines at a contig's end: these come as one line with what is before.
    """

    def __init__(self, path: Path, is_gzip: bool) -> None:
        self.path, self.is_gzip = path, is_gzip

    def tell(self) -> int:
        """Where the file begins; it is read once."""
        return 0

    def seek(self, place: int) -> None:
        """Go nowhere, as pyfaidx asks after the last line."""

    def __iter__(self) -> Iterator[bytes]:
        names: Counter[str] = Counter()
        held, name, letters, size, odd = b"", "", 0, 0, ""
        with _open_unpacked(self.path, self.is_gzip) as file:
            for number, line in enumerate(file, start=1):
                if line in _BLANK:
                    held += line
                    odd = odd or (f"line {number} ({name}) is blank" if size else "")
                    continue
                if held:
                    yield held
                held = line
                if line[0] == _HEADER:
                    _refuse_empty(name, size)
                    held, name = _read_header(number, line)
                    names[name] += 1
                    letters, size, odd = 0, 0, ""
                    continue
                if odd:
                    raise InputError(odd + _ONE_LENGTH)
                if len(line) != size:
                    n = len(line.rstrip(b"\r\n"))
                    letters, size = letters or n, size or len(line)
                    if len(line) != size:
                        odd = f"line {number} ({name}) is not as long as those before"
                    if n > letters:
                        raise InputError(odd + _ONE_LENGTH)
                if b" " in line or b"\t" in line or line[0] == _COMMENT:
                    raise InputError(f"line {number} ({name}) has more than bases")
        yield held
        _refuse_empty(name, size)
        if repeated := [name for name, count in names.items() if count > 1]:
            raise InputError(
                f"contigs named twice: {', '.join(repeated[:5])}; keep one of each"
            )


def _read_header(number: int, line: bytes) -> tuple[bytes, str]:
    """Return a header without letters that are not ASCII behind the name; the name."""
    words = line[1:].decode("utf-8", "replace").split(maxsplit=1)
    if not words or b"\r" in line.rstrip(b"\r\n"):
        raise InputError(f"line {number} names no contig, or has no end")
    first, gap, rest = line.partition(b" ")
    return first + gap + rest.decode("latin-1").encode("ascii", "replace"), words[0]


def _refuse_empty(name: str, size: int) -> None:
    if name and not size:
        raise InputError(f"contig {name} has no bases; leave it out")


class _IndexedFasta(pyfaidx.Faidx):
    """pyfaidx's reader, which indexes the lines that were checked."""

    def build_index(self) -> None:
        reader, self.file = self.file, _Lines(Path(self.filename), self._bgzf)
        try:
            super().build_index()
        finally:
            self.file = reader


class Genome:
    """A FASTA file (plain or bgzip), read a contig or a stretch at a time.

    Args:
        path: The FASTA. An index beside it is used if it is not older than the FASTA;
            otherwise one is made and kept in ~/.cache/splice-error-analysis (or where
            SPLICE_ERRORS_CACHE says; a temporary folder if that cannot be written).
        aliases: Other names of its contigs, see ``read_aliases``.

    Attributes:
        lengths: Contig name -> length (bp), in file order.

    Raises:
        InputError: The file is missing, empty, not FASTA, has contigs of one name,
            without bases or with lines of several lengths, or is gzip but not bgzip.
    """

    def __init__(self, path: str | Path, aliases: str | Path | None = None) -> None:
        self.path, self._aliases = Path(path), aliases
        if not self.path.is_file():
            raise InputError(
                f"genome {self.path}: no such file; set `genomes.<name>.fasta`"
            )
        self._folder: Path | None = None
        self._file: pyfaidx.Faidx | None = None
        try:
            self._file = self._open(self._is_bgzip())
        except _UNREADABLE as error:
            self.close()
            is_told = isinstance(error, InputError)
            reason = f"{error}" if is_told else f"not a readable FASTA ({error})"
            raise InputError(f"genome {self.path}: {reason}") from error
        self.lengths = {name: len(entry) for name, entry in self._file.index.items()}
        if not self.lengths:
            self.close()
            raise InputError(f"genome {self.path}: no sequence in it")

    def __enter__(self) -> Genome:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def match_contigs(
        self, names: Iterable[str]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Match a table's contig names to the genome's; see ``match_contigs``."""
        return match_contigs(names, self.lengths, aliases=self._aliases)

    def _is_bgzip(self) -> bool:
        """Tell bgzip from text; refuse what is no FASTA, by name where it is known."""
        file = self.path.open("rb")
        is_gzip = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        try:
            file = bgzf.BgzfReader(fileobj=file, mode="rb") if is_gzip else file
            start = file.read(1 << 12).lstrip()
        except ValueError as error:
            raise InputError(
                "gzip, which cannot be read at random; unpack it or compress it with "
                "bgzip"
            ) from error
        finally:
            file.close()
        if told := name_kind(start):
            raise InputError(told)
        if start.startswith(_BYTE_ORDER_MARK):
            raise InputError(
                "begins with a byte-order mark (UTF-8 BOM): `tail -c +4 FILE > NEW`"
            )
        if not start.startswith(b">"):
            raise InputError(
                "not a FASTA: it does not start with '>'; set `genomes.<name>.fasta`"
            )
        return is_gzip

    def _open(self, is_gzip: bool) -> pyfaidx.Faidx:
        state = self.path.stat()
        ends = [".fai", ".gzi"] if is_gzip else [".fai"]
        beside = [Path(f"{self.path}{end}") for end in ends]
        is_fresh = all(
            place.is_file() and place.stat().st_mtime >= state.st_mtime
            for place in beside
        )
        # pyfaidx knows bgzip by the file's name.
        is_named = (self.path.suffix.lower() in {".gz", ".bgz"}) == is_gzip
        path = self.path if is_fresh and is_named else self._link(state, is_gzip)
        index, blocks = Path(f"{path}.fai"), Path(f"{path}.gzi")
        options = {"as_raw": True, "rebuild": False}
        if not (index.is_file() and (blocks.is_file() or not is_gzip)):
            # Made elsewhere and renamed: another process may be at it as well.
            kept = atomic_path(blocks) if is_gzip else nullcontext()
            with atomic_path(index) as new, kept as new_blocks:
                places = {"indexname": new, "gzi_indexname": new_blocks}
                _IndexedFasta(path, **places, **options).close()
        return pyfaidx.Faidx(path, **options)

    def _link(self, state: os.stat_result, is_gzip: bool) -> Path:
        """Link to the genome from where its index is kept, by a name of that kind."""
        folder = _make_cache_folder()
        if folder is None:
            folder = self._folder = Path(tempfile.mkdtemp(prefix="genome-index-"))
        full = self.path.resolve()
        version = f"{full} {state.st_size} {state.st_mtime_ns}"
        name = hashlib.sha256(version.encode()).hexdigest()[:16]
        link = folder / (f"genome-{name}.fa" + ".gz" * is_gzip)
        with suppress(FileExistsError):
            link.symlink_to(full)
        return link

    def close(self) -> None:
        """Close the file and remove a temporary index."""
        if self._file is not None:
            self._file.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def load_contig(self, chrom: str) -> np.ndarray:
        """Read one contig.

        Returns:
            Cleaned forward-strand bases, uint8 ASCII ``(length,)``.
        """
        length = self.lengths[chrom]
        contig = np.empty(length, dtype=np.uint8)
        for start in range(0, length, _PIECE):
            end = min(start + _PIECE, length)
            contig[start:end] = clean_bases(self._read(chrom, start, end))
        return contig

    def fetch(self, chrom: str, start: int, end: int) -> str:
        """Read a stretch; what lies beyond the contig is N.

        Args:
            chrom: Contig.
            start: First base, 0-based; may be negative.
            end: One past the last base.

        Returns:
            Cleaned forward-strand sequence of ``end - start`` letters.
        """
        length = self.lengths[chrom]
        inside = range(max(0, min(start, length)), max(0, min(end, length)))
        if len(inside) == 0:
            return "N" * (end - start)
        text = self._read(chrom, inside.start, inside.stop)
        bases = clean_bases(text).tobytes().decode()
        return "N" * (inside.start - start) + bases + "N" * (end - inside.stop)

    def _read(self, chrom: str, start: int, end: int) -> str:
        try:
            text = self._file.fetch(chrom, start + 1, end)
            reason = f"{len(text)} of {end - start} bases are there"
        except _UNREADABLE as error:
            text, reason = "", str(error)
        if len(text) != end - start:
            raise InputError(
                f"genome {self.path}: cannot read {chrom}:{start + 1}-{end} "
                f"({reason}); the file is damaged, or an index beside it (.fai, .gzi) "
                "is of another one: remove that, it is made anew"
            )
        return text

    def describe(self) -> dict[str, object]:
        """Return path, number of contigs, bases and a digest of names and lengths."""
        digest = hashlib.sha256(
            "\n".join(f"{name}\t{n}" for name, n in self.lengths.items()).encode()
        )
        return {
            "path": str(self.path),
            "contigs": len(self.lengths),
            "bases": sum(self.lengths.values()),
            "contigs_sha256": digest.hexdigest(),
        }
