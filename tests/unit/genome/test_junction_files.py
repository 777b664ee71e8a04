"""Junctions of aligners: every format gives the same sites."""

from __future__ import annotations

import pandas as pd
import pytest

from error_sequence_model.core import InputError
from error_sequence_model.genome import read_support

# Introns [200, 500) with two acceptors on '+', and [200, 400) on '-'.
ROWS = {
    "SJ.out.tab": "c\t201\t500\t1\t1\t1\t12\t3\t40\nc\t201\t700\t1\t1\t0\t5\t0\t9\n"
    "c\t201\t400\t2\t2\t1\t7\t0\t40\nc\t801\t900\t0\t0\t0\t3\t0\t40\n",
    "regtools.bed": "".join(
        f"c\t{a - 10}\t{b + 20}\tJ\t{n}\t{s}\t{a - 10}\t{b + 20}\t255,0,0\t2\t10,20"
        f"\t0,{b - a + 10}\n"
        for a, b, n, s in (
            *((200, 500, 12, "+"), (200, 700, 5, "+")),
            *((200, 400, 7, "-"), (800, 900, 3, "?")),
        )
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_introns_become_sites_with_their_reads(tmp_path, name, caplog) -> None:
    path = tmp_path / name
    path.write_text(ROWS[name])
    found = read_support(path)
    assert set(found.itertuples(index=False, name=None)) == {
        ("c", 200, "+", "donor", 17),
        ("c", 500, "+", "acceptor", 12),
        ("c", 700, "+", "acceptor", 5),
        ("c", 400, "-", "donor", 7),
        ("c", 200, "-", "acceptor", 7),
    }
    assert "1 of 4 junctions have no strand" in caplog.text


def test_splice_sites_of_hisat2(tmp_path) -> None:
    (tmp_path / "ss.txt").write_text("c\t199\t500\t+\n")
    found = read_support(tmp_path / "ss.txt")
    assert found["junction"].tolist() == [200, 500]
    assert found["reads"].tolist() == [1, 1]


def test_tables_and_annotations_are_read_as_ever(tmp_path) -> None:
    table = pd.DataFrame(
        [("c", 200, "+", "donor", 4)],
        columns=["chrom", "position", "strand", "splice_type", "reads"],
    )
    table.to_csv(tmp_path / "s.tsv", sep="\t", index=False)
    assert read_support(tmp_path / "s.tsv")["junction"].tolist() == [200]
    rows = [
        f'c\tx\texon\t{a}\t{b}\t.\t+\t.\tgene_id "g"; transcript_id "t";\n'
        for a, b in ((101, 200), (401, 500))
    ]
    (tmp_path / "a.gtf").write_text("".join(rows))
    assert set(read_support(tmp_path / "a.gtf")["junction"]) == {200, 400}


def test_a_bed_of_transcripts_is_an_annotation(tmp_path) -> None:
    row = "c\t100\t900\tT\t0\t+\t100\t900\t0\t3\t100,50,200\t0,200,600\n"
    (tmp_path / "a.bed").write_text(row)
    assert set(read_support(tmp_path / "a.bed")["junction"]) == {200, 300, 350, 700}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("c\t200\t500\tJ\t12\t+\n", "no known file of junctions. Give SJ.out.tab"),
        (
            ROWS["regtools.bed"].replace("\t2\t10,20\t", "\t3\t10,20\t"),
            "blocks that do not fill it",
        ),
        (ROWS["regtools.bed"].replace("10,20\t", "10\t"), "no two numbers"),
    ],
)
def test_other_files_without_a_header_are_told(tmp_path, text, words) -> None:
    (tmp_path / "j.bed").write_text(text)
    with pytest.raises(InputError, match=words):
        read_support(tmp_path / "j.bed")


def test_splice_sites_of_hisat2_that_begin_without_a_strand(tmp_path, caplog) -> None:
    (tmp_path / "ss.txt").write_text("c\t9\t90\t.\nc\t199\t500\t+\n")
    assert read_support(tmp_path / "ss.txt")["junction"].tolist() == [200, 500]
    assert "1 of 2 junctions have no strand" in caplog.text
