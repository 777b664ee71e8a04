"""Tables as text, with their lines."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest

from error_sequence_model.core import InputError
from error_sequence_model.tables import (
    convert_numbers,
    read_table,
    readers,
    rename_columns,
)


def write(folder: Path, content: bytes, name: str = "table.tsv") -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def test_nulls_blank_lines_and_ragged_rows_keep_their_lines(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, b"a\tb\n1\t.\n\n2\t3\t4\n5\tx\n6\n7\t\n"))
    assert table.frame["a"].tolist() == ["1", "5", "7"]
    assert table.frame["b"].isna().tolist() == [True, False, True]
    assert table.lines.tolist() == [2, 5, 7]
    assert [line for line, _ in table.problems] == [4, 6]


@pytest.mark.parametrize("block", [16, 1 << 20])
def test_bad_rows_alone_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(readers, "BLOCK", block)
    table = read_table(write(tmp_path, b"a\tb\n" + b"1\n" * 30))
    assert not len(table.frame)
    assert [line for line, _ in table.problems] == list(range(2, 32))
    table = read_table(write(tmp_path, b"a\tb\n1\t2\n" + b"1\n" * 30))
    assert table.lines.tolist() == [2]
    assert [line for line, _ in table.problems] == list(range(3, 33))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"a\ta\n1\t2\n", "more than once"),
        (b"a\tb\n\xff\xfe\t2\n", "not a readable table"),
        (
            gzip.compress(b"a\tb\n" + b"12345\t2\n" * 9999, mtime=0)[:60],
            "not a readable table",
        ),
    ],
)
def test_unreadable_tables_are_refused(
    tmp_path: Path, content: bytes, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        read_table(write(tmp_path, content))


def test_missing_and_broken_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_table(tmp_path / "none.tsv")
    with pytest.raises(InputError, match="Parquet"):
        read_table(write(tmp_path, b"PAR1 and no more", "t.parquet"))


def test_comment_header_and_several_gzip_members(tmp_path: Path) -> None:
    text = b"##made by\n# me, today\n#a\tb\n1\t2\n"
    packed = gzip.compress(text) + gzip.compress(b"3\t4\n", mtime=0)
    table = read_table(write(tmp_path, packed, "t.tsv.gz"))
    assert table.frame.to_dict("list") == {"a": ["1", "3"], "b": ["2", "4"]}
    assert table.lines.tolist() == [4, 5]


def test_numbers_are_recognised_but_names_stay_names() -> None:
    column = pd.Series
    assert convert_numbers(column(["1", "NA", None], dtype="str")).dtype == "float64"
    assert convert_numbers(column(["1", "2"], dtype="str")).dtype == "int64"
    names = column(["NA", "nan", "GENE1"], dtype="str")
    assert convert_numbers(names).tolist() == ["NA", "nan", "GENE1"]


def test_a_corrupt_gzip_is_refused(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(b"a\tb\n" + b"12345\t2\n" * 9999, mtime=0))
    packed[30:60] = bytes(30)
    with pytest.raises(InputError, match="not a readable table"):
        read_table(write(tmp_path, bytes(packed), "t.tsv.gz"))


def test_a_column_that_a_misspelt_name_took_is_told() -> None:
    frame, required = pd.DataFrame({"chrom": [], "position": []}), ("chrom", "position")
    with pytest.raises(InputError, match="gives 'position' the name 'postion'") as told:
        rename_columns(
            *(frame, "t.tsv"), required=required, column_names={"postion": "position"}
        )
    assert not told.value.settings
