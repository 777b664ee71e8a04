"""Opening a reference FASTA and matching contig names; 0-based half-open coordinates.

Sequences come out upper-case on the forward strand with every letter that is not A, C,
G or T (IUPAC codes, gaps, soft-masked lower case is not one of them) turned into N.
"""

from __future__ import annotations

import gzip
import hashlib
import logging
import shutil
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np
import pysam

from error_sequence_model.core import InputError

logger = logging.getLogger(__name__)

# Byte -> upper-case base; U is T, whatever else there is becomes N. Tables for
# bytes.translate: indexing an array with bytes would take eight times the memory.
_CLEAN = bytearray(b"N" * 256)
_COMPLEMENT = bytearray(b"N" * 256)
for _base, _partner in zip(b"ACGTU", b"TGCAA", strict=True):
    _CLEAN[_base] = _CLEAN[_base + 32] = ord("T") if _base == ord("U") else _base
    _COMPLEMENT[_base] = _partner

_COMPLEMENT_TEXT = str.maketrans("ACGTNacgtn", "TGCANtgcan")


def reverse_complement(sequence: str) -> str:
    """Return the reverse complement of a string over A, C, G, T and N."""
    return sequence.translate(_COMPLEMENT_TEXT)[::-1]


def clean_bases(text: str | bytes) -> np.ndarray:
    """Return upper-case A, C, G, T and N as ASCII, uint8 ``(len(text),)``."""
    raw = text.encode("ascii", "replace") if isinstance(text, str) else text
    return np.frombuffer(raw.translate(bytes(_CLEAN)), dtype=np.uint8)


def complement_bases(bases: np.ndarray) -> np.ndarray:
    """Complement ASCII bases, uint8 of any shape; the order is kept."""
    text = bases.tobytes().translate(bytes(_COMPLEMENT))
    return np.frombuffer(text, dtype=np.uint8).reshape(bases.shape)


def _open_unpacked(path: Path, is_gzip: bool) -> IO[bytes]:
    return gzip.open(path) if is_gzip else path.open("rb")


def _list_repeated(path: Path, is_gzip: bool, *, shown: int = 5) -> list[str]:
    with _open_unpacked(path, is_gzip) as file:
        headers = (line.split()[0][1:] for line in file if line.startswith(b">"))
        counts = Counter(header.decode("utf-8", "replace") for header in headers)
    return [name for name, count in counts.items() if count > 1][:shown]


class Genome:
    """A FASTA file (plain or bgzip), read a contig or a stretch at a time.

    Args:
        path: The FASTA. An index beside it is used if it is not older than the FASTA;
            otherwise one is made in a temporary folder, so a read-only genome works.

    Attributes:
        lengths: Contig name -> length (bp), in file order.

    Raises:
        InputError: The file is missing, empty, not FASTA, or gzip but not bgzip.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise InputError(
                f"genome {self.path}: no such file; set `genomes.<name>.fasta`"
            )
        self._folder: Path | None = None
        self._file = self._open()
        self.lengths: dict[str, int] = dict(
            zip(self._file.references, self._file.lengths, strict=True)
        )
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

    def _open(self) -> pysam.FastaFile:
        with self.path.open("rb") as file:
            start = file.read(18)
        is_gzip = start[:2] == b"\x1f\x8b"
        if is_gzip and start[12:14] != b"BC":
            raise InputError(
                f"genome {self.path}: gzip, which cannot be read at random; "
                "unpack it or compress it with bgzip"
            )
        self._check_start(is_gzip)
        indices = [Path(f"{self.path}.fai")]
        if is_gzip:
            indices.append(Path(f"{self.path}.gzi"))
        changed = self.path.stat().st_mtime
        try:
            if all(p.is_file() and p.stat().st_mtime >= changed for p in indices):
                return pysam.FastaFile(str(self.path))
            self._folder = Path(tempfile.mkdtemp(prefix="genome-index-"))
            index = self._folder / "genome.fai"
            blocks = self._folder / "genome.gzi"
            options = ["--fai-idx", str(index)]
            if is_gzip:
                options += ["--gzi-idx", str(blocks)]
            pysam.faidx(*options, str(self.path))
            self._refuse_repeated(is_gzip, index)
            return pysam.FastaFile(
                str(self.path),
                filepath_index=str(index),
                filepath_index_compressed=str(blocks) if is_gzip else None,
            )
        except (OSError, ValueError, pysam.SamtoolsError) as error:
            self.close()
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"genome {self.path}: not a readable FASTA ({error})"
            ) from error

    def _check_start(self, is_gzip: bool) -> None:
        """Refuse what samtools would index as well, such as a FASTQ."""
        try:
            with _open_unpacked(self.path, is_gzip) as file:
                start = file.read(1 << 12).lstrip()[:1]
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(
                f"genome {self.path}: not a readable FASTA ({error})"
            ) from error
        if start != b">":
            raise InputError(
                f"genome {self.path}: not a FASTA: it does not start with '>'; set "
                "`genomes.<name>.fasta`"
            )

    def _refuse_repeated(self, is_gzip: bool, index: Path) -> None:
        """Refuse two contigs of one name: samtools keeps the first and only warns."""
        lines = index.read_bytes().splitlines()
        with _open_unpacked(self.path, is_gzip) as file:
            # A header at a block's start is preceded by the last byte of the block.
            n_headers, last = 0, b"\n"
            while block := file.read(1 << 22):
                n_headers += (last + block).count(b"\n>")
                last = block[-1:]
        if n_headers > len(lines):
            names = ", ".join(_list_repeated(self.path, is_gzip))
            raise InputError(
                f"genome {self.path}: contigs named twice: {names}; keep one of each"
            )

    def close(self) -> None:
        """Close the file and remove a temporary index."""
        if getattr(self, "_file", None) is not None:
            self._file.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def load_contig(self, chrom: str) -> np.ndarray:
        """Read one contig.

        Returns:
            Cleaned forward-strand bases, uint8 ASCII ``(length,)``.
        """
        return clean_bases(self._read(chrom, 0, self.lengths[chrom]))

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
            text = self._file.fetch(chrom, start, end)
            reason = f"{len(text)} of {end - start} bases are there"
        except (OSError, ValueError, LookupError, MemoryError, OverflowError) as error:
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


def normalise_contig(name: str) -> str:
    """Return a contig name without ``chr`` and with M for MT, to compare namings.

    In a pool, what stands before the last colon names the genome.
    """
    genome, colon, bare = name.rpartition(":")
    bare = bare[3:] if bare[:3].lower() == "chr" and len(bare) > 3 else bare
    return genome + colon + ("M" if bare.upper() in {"M", "MT"} else bare)


def match_contigs(
    names: Iterable[str], lengths: Mapping[str, int]
) -> tuple[dict[str, str], dict[str, str]]:
    """Match a table's contig names to the genome's, allowing ``chr1`` against ``1``.

    Args:
        names: The table's contigs.
        lengths: The genome's contigs.

    Returns:
        ``(mapping, problems)``: table name -> genome name for every name that is there
        under its own or, unambiguously, its other name; and for the rest the reason.
    """
    names = list(dict.fromkeys(names))
    others: dict[str, list[str]] = {}
    for contig in lengths:
        others.setdefault(normalise_contig(contig), []).append(contig)
    mapping = {name: name for name in names if name in lengths}
    problems: dict[str, str] = {}
    for name in names:
        if name in mapping:
            continue
        found = others.get(normalise_contig(name), [])
        rivals = [n for n in names if normalise_contig(n) == normalise_contig(name)]
        if len(found) == 1 and rivals == [name]:
            mapping[name] = found[0]
        elif found:
            problems[name] = (
                f"ambiguous: table names {rivals} against genome names {found}"
            )
        else:
            problems[name] = "not in the genome"
    renamed = {a: b for a, b in mapping.items() if a != b}
    if renamed:
        logger.warning(
            "%d contig names differ from the genome's only by 'chr' and are mapped: %s",
            len(renamed),
            ", ".join(f"{a} -> {b}" for a, b in list(renamed.items())[:10]),
        )
    return mapping, problems
