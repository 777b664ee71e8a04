"""Sequences around junctions."""

from __future__ import annotations

import gzip
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from error_sequence_model.core import InputError
from error_sequence_model.genome import (
    Genome,
    WindowCutter,
    clean_bases,
    extract_window,
    reverse_complement,
)
from error_sequence_model.sites import prepare_sites
from error_sequence_model.windows import make_windows, read_windows, write_windows
from tiny_genome import make_tiny_genome


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    genome = make_tiny_genome()
    genome.write_fasta(tmp_path / "genome.fa")
    table = genome.write_table(tmp_path / "errors.tsv")
    sites, _ = prepare_sites(
        table, tmp_path / "genome.fa", coordinate_base=1, site_base="exon"
    )
    sites.to_parquet(tmp_path / "sites.parquet")
    return tmp_path


def cut(folder: Path, genome: str = "genome.fa", up: int = 6, down: int = 4):
    out = folder / "windows.arrow"
    write_windows(folder / "sites.parquet", folder / genome, up, down, out)
    return read_windows(out)


def test_the_junction_is_between_upstream_minus_one_and_upstream(folder: Path) -> None:
    windows = cut(folder, up=6, down=4)
    sites = pd.read_parquet(folder / "sites.parquet")
    assert windows.site_ids.tolist() == sites["site_id"].tolist()
    assert (windows.upstream, windows.downstream, windows.length) == (6, 4, 10)
    for splice_type, text in zip(
        sites["splice_type"], windows.get_sequences(), strict=True
    ):
        assert text[6:8] == "GT" if splice_type == "donor" else text[4:6] == "AG"


@given(
    st.text("ACGTNacgtnRYKM", min_size=1, max_size=40),
    st.integers(0, 50),
    st.integers(1, 50),
    st.data(),
)
def test_windows_equal_plain_slicing(
    text: str, up: int, down: int, data: st.DataObject
) -> None:
    junction = data.draw(st.integers(0, len(text)))
    contig = clean_bases(text)
    clean = contig.tobytes().decode()
    assert set(clean) <= set("ACGTN")
    padded = "N" * 50 + clean + "N" * 50
    plus = padded[50 + junction - up : 50 + junction + down]
    minus = reverse_complement(padded[50 + junction - down : 50 + junction + up])
    found = WindowCutter(contig, up, down)(
        np.array([junction] * 2), np.array([True, False])
    )
    assert [row.tobytes().decode() for row in found] == [plus, minus]


def test_windows_longer_than_the_contig_stay_centred(folder: Path) -> None:
    with Genome(folder / "genome.fa") as genome:
        longest = max(genome.lengths.values())
    windows = cut(folder, up=longest, down=longest // 2)
    sites = pd.read_parquet(folder / "sites.parquet")
    texts = windows.get_sequences()
    assert {len(text) for text in texts} == {longest + longest // 2}
    is_donor = sites["splice_type"].eq("donor")
    middle = slice(longest, longest + 2)
    assert {t[middle] for t, d in zip(texts, is_donor, strict=True) if d} == {"GT"}


def test_windows_that_are_mostly_n_are_counted_or_refused(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(
        InputError, match=r"72 of 72 .* half N.*windows.upstream. \(now"
    ):
        cut(folder, up=4000, down=3000)
    assert not (folder / "windows.arrow").exists()
    sites = pd.DataFrame({"site_id": range(12), "sequence_junction": 8})
    sites["sequence"] = ["ACGTACGTGTAAGT"] * 10 + ["GTAAGT"] * 2
    sites.to_parquet(folder / "own.parquet")
    write_windows(folder / "own.parquet", None, 8, 6, folder / "own.arrow")
    (told,) = [text for text in caplog.messages if "half N" in text]
    assert told.startswith("windows: 2 of 12 are more than half N")


def test_every_kind_of_fasta_gives_the_same_windows(folder: Path) -> None:
    expected = cut(folder).get_sequences()
    plain = (folder / "genome.fa").read_text()
    make_tiny_genome().write_fasta(folder / "two_line.fa", width=0)
    (folder / "lower.fa").write_text(
        "\n".join(x if x[0] == ">" else x.lower() for x in plain.splitlines())
    )
    (folder / "crlf.fa").write_bytes(plain.replace("\n", "\r\n").encode())
    pysam.tabix_compress(str(folder / "genome.fa"), str(folder / "packed.fa.gz"))
    for name in ("two_line.fa", "lower.fa", "crlf.fa", "packed.fa.gz"):
        assert cut(folder, name).get_sequences() == expected, name
    (folder / "plain.fa.gz").write_bytes(gzip.compress(plain.encode()))
    with pytest.raises(InputError, match="bgzip"):
        cut(folder, "plain.fa.gz")


def test_no_index_is_left_beside_the_genome_and_a_stale_one_is_not_used(
    folder: Path,
) -> None:
    expected = cut(folder).get_sequences()
    assert not (folder / "genome.fa.fai").exists()
    (folder / "genome.fa.fai").write_text("chr1\t10\t6\t10\t11\n")
    os.utime(folder / "genome.fa.fai", (0, 0))
    assert cut(folder).get_sequences() == expected


def test_batches_do_not_show(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = cut(folder)
    monkeypatch.setattr("error_sequence_model.windows.windows.BATCH_BASES", 70)
    found = cut(folder)
    assert found.table["sequence"].num_chunks > 5
    assert found.get_sequences() == expected.get_sequences()
    ids = np.array([5, 0, 5, 71])
    assert found.get_sequences(ids) == [expected.get_sequences()[i] for i in ids]
    assert (found.get_matrix(ids) == expected.get_matrix(ids)).all()
    with pytest.raises(InputError, match="no window"):
        found.get_sequences(np.array([72]))


def test_one_window(folder: Path) -> None:
    sites = pd.read_parquet(folder / "sites.parquet")
    texts = cut(folder, up=300, down=120).get_sequences()
    with Genome(folder / "genome.fa") as genome:
        for row in sites.itertuples():
            text = extract_window(
                genome,
                row.chrom,
                row.junction,
                row.strand,
                upstream=300,
                downstream=120,
            )
            assert text == texts[row.site_id]


def test_sequences_that_come_with_the_table(tmp_path: Path) -> None:
    sites = pd.DataFrame(
        {
            "site_id": [0, 1],
            "sequence": ["aaaGTccc", "TTTTAG"],
            "sequence_junction": [3, 6],
        }
    )
    sites.to_parquet(tmp_path / "sites.parquet")
    write_windows(tmp_path / "sites.parquet", None, 4, 3, tmp_path / "w.arrow")
    assert read_windows(tmp_path / "w.arrow").get_sequences() == ["NAAAGTC", "TTAGNNN"]


def test_bad_input(folder: Path) -> None:
    with pytest.raises(InputError, match=r"windows\.upstream"):
        cut(folder, up=-1)
    with pytest.raises(InputError, match="no such file"):
        cut(folder, "none.fa")
    (folder / "empty.fa").write_text("")
    with pytest.raises(InputError):
        cut(folder, "empty.fa")
    (folder / "other.fa").write_text(">x\nACGT\n")
    with pytest.raises(InputError, match="no contig 'chr1'"):
        cut(folder, "other.fa")
    with pytest.raises(InputError, match="not what this workflow writes"):
        read_windows(folder / "errors.tsv")
    assert not (folder / "windows.arrow").exists()


def test_memory_does_not_grow_with_the_number_of_windows(folder: Path) -> None:
    sites = pd.read_parquet(folder / "sites.parquet")
    peaks = []
    for copies in (600, 2400):
        many = pd.concat([sites] * copies).sort_values("chrom", kind="stable")
        many.assign(site_id=np.arange(len(many))).to_parquet(folder / "sites.parquet")
        tracemalloc.start()
        cut(folder, up=500, down=500)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # 130,000 more windows of 1 kb; only the site columns may grow.
    assert peaks[1] - peaks[0] < 20e6


def test_make_windows_is_what_read_windows_gives() -> None:
    windows = make_windows(np.array([3, 4]), ["ACGT", "TTTT"], upstream=1)
    assert (windows.upstream, windows.downstream) == (1, 3)
    assert windows.get_matrix(np.array([4])).tobytes() == b"TTTT"
