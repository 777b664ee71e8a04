"""What is no text is known by its first bytes, and the remedy named."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile

import pytest

from error_sequence_model.core import InputError
from error_sequence_model.tables import (
    copy_head,
    read_first_row,
    read_rows,
    read_table,
)

TEXT = "chrom\tposition\nchr1\t5\n"


def make_workbook() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("xl/workbook.xml", TEXT)
    return packed.getvalue()


KINDS = {
    "xlsx": (make_workbook(), "an Excel workbook .*: save the sheet as text"),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook .*xls"),
    "utf-16": (TEXT.encode("utf-16"), "UTF-16 text: `iconv"),
    "utf-16-le": (TEXT.encode("utf-16-le"), "UTF-16 text: `iconv"),
    "utf-16-be": (b"\xfe\xff" + TEXT.encode("utf-16-be"), "UTF-16 text: `iconv"),
    "bz2": (bz2.compress(TEXT.encode()), "packed by bzip2: `bunzip2"),
    "xz": (lzma.compress(TEXT.encode()), "packed by xz: `unxz"),
    "zstd": (b"\x28\xb5\x2f\xfd\x04\x00", "packed by zstd: `unzstd"),
    "gzip twice": (gzip.compress(gzip.compress(TEXT.encode())), "gzip twice"),
    "bigwig": ((0x888FFC26).to_bytes(4, "little") + bytes(60), "a bigWig; scores"),
    "parquet": (b"PAR1" + bytes(20), "name it .parquet"),
    "sqlite": (b"SQLite format 3\0" + bytes(20), "gffutils"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    "bam": (gzip.compress(b"BAM\1" + bytes(20)), "a BAM of reads"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reader", ["table", "rows"])
def test_kinds_are_named(tmp_path, kind, reader) -> None:
    data, words = KINDS[kind]
    path = tmp_path / "given.tsv"
    path.write_bytes(data)
    with pytest.raises(InputError, match=words):
        if reader == "table":
            read_table(path)
        else:
            read_rows(path, {0: "chrom"}, what="BED")


VARIANTS = {
    "vcf": "##fileformat=VCFv4.2\n##INFO=<ID=SpliceAI>\n#CHROM\tPOS\tID\tREF\tALT\n",
    "json": '{"variant": "8-140300616-T-G", "scores": []}\n',
    "list": '[{"variant": "8-140300616-T-G"}]\n',
}


@pytest.mark.parametrize("kind", VARIANTS)
def test_scores_of_variants_are_told(tmp_path, kind) -> None:
    (tmp_path / "given.tsv").write_text(VARIANTS[kind])
    with pytest.raises(InputError, match="the scores of every base of the reference"):
        read_table(tmp_path / "given.tsv")


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_byte_order_mark_is_no_letter(tmp_path, pack) -> None:
    """Of files without a header too: it would be a part of the first contig's name."""
    path = tmp_path / "given.tsv"
    path.write_bytes(pack(b"\xef\xbb\xbf" + TEXT.encode()))
    assert read_table(path).frame["chrom"].tolist() == ["chr1"]
    path.write_bytes(pack(b"\xef\xbb\xbfchr1\t5\nchr1\t6\n"))
    found = read_rows(path, {0: "chrom", 1: "start"}, what="BED")
    assert found["chrom"].tolist() == ["chr1", "chr1"]
    assert read_first_row(path) == ["chr1", "5"]
    path.write_bytes(pack(b"\xef\xbb\xbftrack name=x\nchr1\t5\n"))
    assert read_first_row(path) == ["chr1", "5"]


@pytest.mark.parametrize("name", ["given.parquet", "given.pq"])
def test_parquet_is_no_text(tmp_path, name) -> None:
    path = tmp_path / name
    path.write_bytes(b"PAR1" + bytes(20))
    assert read_first_row(path) == []
    assert copy_head(path, tmp_path / "copy", 8) == path
