"""Opening genomes: every kind of FASTA is read right or refused by its line."""

from __future__ import annotations

import gzip
import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pyfaidx
import pysam
import pytest

from error_sequence_model.core import InputError
from error_sequence_model.genome import (
    Genome,
    clean_bases,
    complement_bases,
    reverse_complement,
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of indices."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("SPLICE_ERRORS_CACHE", str(folder))
    return folder


def pack(path: Path) -> Path:
    """Compress with bgzip, beside."""
    packed = Path(f"{path}.gz")
    pysam.tabix_compress(str(path), str(packed), force=True)
    return packed


def read(path: Path) -> dict[str, str]:
    """All contigs, read whole and in halves."""
    with Genome(path) as genome:
        found = {}
        for name, length in genome.lengths.items():
            found[name] = genome.load_contig(name).tobytes().decode()
            half = length // 2
            halves = genome.fetch(name, 0, half) + genome.fetch(name, half, length)
            assert halves == found[name]
        return found


def forbid_indexing(*_: object) -> None:
    raise AssertionError("it is indexed anew")


def test_bases_are_cleaned_and_complemented() -> None:
    cleaned = clean_bases("acgtnRYKMuU-*")
    assert cleaned.tobytes() == b"ACGTNNNNNTTNN"
    assert complement_bases(cleaned).tobytes() == b"TGCANNNNNAANN"
    assert complement_bases(np.stack([cleaned, cleaned])).shape == (2, 13)
    assert reverse_complement("AACGTN") == "NACGTT"


def test_fetch_pads_with_n_and_describes(tmp_path: Path) -> None:
    (tmp_path / "g.fa").write_text(">a x\nACGT\nacg\n>b\nTT\n")
    with Genome(tmp_path / "g.fa") as genome:
        assert genome.lengths == {"a": 7, "b": 2}
        assert genome.fetch("a", -2, 9) == "NNACGTACGNN"
        assert genome.fetch("b", 5, 8) == "NNN"
        assert genome.load_contig("a").tobytes() == b"ACGTACG"
        assert genome.describe()["bases"] == 9


@pytest.mark.parametrize("is_packed", [False, True])
def test_an_index_is_made_once_and_not_beside(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, is_packed: bool
) -> None:
    folder = tmp_path / "genomes"
    folder.mkdir()
    path = folder / "g.fa"
    path.write_text(">a\nACGT\n")
    path = pack(path) if is_packed else path
    before = sorted(folder.iterdir())
    assert read(path) == {"a": "ACGT"}
    assert sorted(folder.iterdir()) == before
    ends = {".fa", ".fai"} if not is_packed else {".gz", ".fai", ".gzi"}
    assert {place.suffix for place in cache.iterdir()} == ends
    with monkeypatch.context() as patch:
        patch.setattr(pyfaidx.Faidx, "build_index", forbid_indexing)
        assert read(path) == {"a": "ACGT"}
    # Another file of that name is another genome, even if it is older.
    (folder / "g.fa").write_text(">b\nGG\n")
    pack(folder / "g.fa")
    os.utime(path, (1e9, 1e9))
    assert read(path) == {"b": "GG"}


def test_without_a_cache_the_index_is_temporary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SPLICE_ERRORS_CACHE", str(tmp_path / "file" / "folder"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    (tmp_path / "g.fa").write_text(">a\nACGT\n")
    with Genome(tmp_path / "g.fa") as genome:
        assert len(list((tmp_path / "temporary").iterdir())) == 1
        assert genome.fetch("a", 1, 3) == "CG"
    assert not list((tmp_path / "temporary").iterdir())


@pytest.mark.parametrize("is_packed", [False, True])
def test_an_index_beside_a_genome_is_used(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, is_packed: bool
) -> None:
    path = tmp_path / "g.fa"
    path.write_text(">a\nACGT\n")
    path = pack(path) if is_packed else path
    pysam.faidx(str(path))
    monkeypatch.setattr(pyfaidx.Faidx, "build_index", forbid_indexing)
    assert read(path) == {"a": "ACGT"}
    assert not cache.exists()


def test_what_a_name_says_of_compression_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "g.fa").write_text(">a\nACGT\n")
    shutil.copy(tmp_path / "g.fa", tmp_path / "text.fa.gz")
    pack(tmp_path / "g.fa").rename(tmp_path / "packed.fa")
    for name in ("text.fa.gz", "packed.fa"):
        pysam.faidx(str(tmp_path / name))
        assert read(tmp_path / name) == {"a": "ACGT"}
        Path(f"{tmp_path / name}.fai").unlink()
        assert read(tmp_path / name) == {"a": "ACGT"}


def test_processes_may_index_at_once(tmp_path: Path, cache: Path) -> None:
    names = [f"contig{i}" for i in range(3000)]
    (tmp_path / "g.fa").write_text("".join(f">{name}\nACGT\n" for name in names))
    path = pack(tmp_path / "g.fa")
    with ProcessPoolExecutor(4) as pool:
        for found in pool.map(read, [path] * 8):
            assert list(found) == names
    assert len(list(cache.iterdir())) == 3


def test_blocks_and_pieces_do_not_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = np.random.default_rng(1)
    contigs = {
        name: "".join(generator.choice(list("ACGTN"), length))
        for name, length in {"a": 150_000, "b": 7, "c": 90_000}.items()
    }
    packed = b""
    for name, sequence in contigs.items():
        lines = [sequence[i : i + 70] for i in range(0, len(sequence), 70)]
        (tmp_path / "one.fa").write_text("\n".join([f">{name}", *lines, ""]))
        packed += pack(tmp_path / "one.fa").read_bytes()
    # Files joined as they are: an empty block ends each.
    (tmp_path / "all.fa.gz").write_bytes(packed)
    (tmp_path / "all.fa").write_bytes(gzip.decompress(packed))
    monkeypatch.setattr("error_sequence_model.genome.fasta._PIECE", 999)
    for path in (tmp_path / "all.fa", tmp_path / "all.fa.gz"):
        assert read(path) == contigs
        with Genome(path) as genome:
            for start in generator.integers(0, 90_000, 200):
                end = start + int(generator.integers(1, 700))
                assert genome.fetch("a", start, end) == contigs["a"][start:end]


READABLE = {
    "blank lines at the end": b">a\nACGT\nAC\n\n\n",
    "blank lines between contigs": b">a\nACGT\nAC\n\n\n>b\nAC\n",
    "blank lines after whole lines": b">a\nACGT\nACGT\n\n\n>b\nAC\n",
    "blank lines of Windows": b">a\r\nACGT\r\nAC\r\n\r\n\r\n>b\r\nAC\r\n",
    "blank lines at the start": b"\n\n>a\nACGT\nAC\n",
    "a blank line below a header": b">a\n\nACGT\nAC\n",
    "a header in another encoding": b">a M\xfcller\nACGT\nAC\n",
    "a space before the name": b"> a\nACGT\nAC\n",
    "no end of the last line": b">a\nACGT\nAC",
    "one base a line": b">a\nA\nC\nG\nT\n",
}


@pytest.mark.parametrize("case", READABLE)
def test_odd_but_readable(tmp_path: Path, case: str) -> None:
    (tmp_path / "g.fa").write_bytes(READABLE[case])
    expected = {
        part.split(maxsplit=1)[0].decode("latin-1"): b"".join(
            part.splitlines()[1:]
        ).decode()
        for part in READABLE[case].split(b">")[1:]
    }
    for path in (tmp_path / "g.fa", pack(tmp_path / "g.fa")):
        assert read(path) == expected


REFUSED = {
    "a blank line": (b">a\nACGT\n\nACGT\n", "line 3 (a) is blank"),
    "a short line": (b">a\nACGT\n>b\nACGT\nAC\nACGT\n", "line 5 (b) is not as long"),
    "a long last line": (b">a\nACGT\nACGTACG\n>b\nAC\n", "line 3 (a) is not as long"),
    "a long line at the end": (b">a\nACGT\nACGTACG", "line 3 (a) is not as long"),
    "two kinds of line ends": (b">a\nACGT\r\nACGT\nAC\n", "line 3 (a) is not as"),
    "spaces within": (b">a\nAC GT\nAC GT\n", "line 2 (a) has more than bases"),
    "spaces behind": (b">a\nACGT \nACGT\n", "line 2 (a) has more than bases"),
    "a comment": (b">a\nACGT\n;no\n", "line 3 (a) has more than bases"),
    "no bases": (b">a\nACGT\n>b\n>c\nA\n", "contig b has no bases"),
    "no bases at the end": (b">a\nACGT\n>b", "contig b has no bases"),
    "no name": (b">\nACGT\n", "line 1 names no contig"),
    "line ends of old": (b">a\rACGT\rAC\r", "line 1 names no contig, or has no end"),
    "names twice": (b">a\nA\n>b\nA\n>b 2\nA\n>a\nC\n", "named twice: a, b; keep one"),
    "UTF-16": (">a\nACGT\n".encode("utf-16"), "UTF-16 text: `iconv"),
    "UTF-16 without a mark": (">a\nACGT\n".encode("utf-16-le"), "UTF-16 text: `iconv"),
    "a byte-order mark": (b"\xef\xbb\xbf>a\nACGT\n", "UTF-8 BOM"),
    "a .2bit": (b"\x43\x27\x41\x1a" + bytes(20), "twoBitToFa"),
    "xz": (b"\xfd7zXZ\0" + bytes(20), "unxz"),
    "a FASTQ": (b"@a\nACGT\n+\nIIII\n", "does not start with '>'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_named(tmp_path: Path, cache: Path, case: str) -> None:
    text, message = REFUSED[case]
    (tmp_path / "g.fa").write_bytes(text)
    for path in (tmp_path / "g.fa", pack(tmp_path / "g.fa")):
        with pytest.raises(InputError) as error:
            Genome(path)
        assert f"genome {path}: " in str(error.value)
        assert message in str(error.value)
        if " is " in message:
            assert "seqkit seq -w 60" in str(error.value)
    assert not [place for place in cache.glob("*") if not place.is_symlink()]


@pytest.mark.parametrize("text", ["", "ACGT\n", "not a fasta at all"])
def test_what_is_no_fasta_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "g.fa").write_text(text)
    with pytest.raises(InputError):
        Genome(tmp_path / "g.fa")
    shutil.rmtree(tmp_path)
