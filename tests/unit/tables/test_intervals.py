"""Rows without a header: fields by number, lines by number, blocks of any size."""

from __future__ import annotations

import gzip

import pandas as pd
import pytest

from error_sequence_model.core import InputError
from error_sequence_model.tables import intervals, iterate_rows, read_rows

TEXT = (
    "# a comment\nbrowser position chr1\ntrack name=x\n\n"
    "chr1\t5\t9\tname\t\nchr1\t6\t10\r\nchr2\t7\t11\tlast\tmore\tand\tmore"
)
NAMES = {0: "chrom", 2: "end", 3: "name"}


@pytest.mark.parametrize("block", [1, 7, 40, 1 << 20])
@pytest.mark.parametrize("is_packed", [False, True])
def test_ragged_rows_keep_their_lines(tmp_path, monkeypatch, block, is_packed) -> None:
    monkeypatch.setattr(intervals, "BLOCK", block)
    data = TEXT.encode()
    (tmp_path / "a.bed").write_bytes(gzip.compress(data) if is_packed else data)
    found = read_rows(tmp_path / "a.bed", NAMES, what="BED")
    assert found.index.tolist() == [5, 6, 7]
    assert found["chrom"].tolist() == ["chr1", "chr1", "chr2"]
    assert found["end"].tolist() == ["9", "10", "11"]
    assert found["name"].isna().tolist() == [False, True, False]
    n_blocks = len(list(iterate_rows(tmp_path / "a.bed", NAMES, what="BED")))
    assert n_blocks == (3 if block <= 7 else n_blocks) >= 1


def test_fields_that_no_row_has_are_refused(tmp_path) -> None:
    (tmp_path / "a.bed").write_text("c\t1\t2\n")
    assert len(read_rows(tmp_path / "a.bed", NAMES, what="BED", optional=1)) == 1
    with pytest.raises(InputError, match="no row has 4 fields separated by tabs"):
        read_rows(tmp_path / "a.bed", NAMES, what="BED")
    (tmp_path / "a.bed").write_text("")
    expected = pd.DataFrame({name: [] for name in NAMES.values()}, dtype="str")
    found = read_rows(tmp_path / "a.bed", NAMES, what="BED")
    pd.testing.assert_frame_equal(found, expected)
