"""Error tables that are none: each is refused with file, row, value and remedy."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from step_runs import options_of, run_here


def make_zip(text: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("errors.tsv", text)
    return packed.getvalue()


def make_tar(text: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as file:
        entry = tarfile.TarInfo("errors.tsv")
        entry.size = len(text)
        file.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


# What the file holds instead of a sound table, and what is said of it.
FILES: dict[str, tuple[Callable[[str], bytes], tuple[str, ...]]] = {
    "empty": (lambda text: b"", ("the file is empty", "header")),
    "blank lines": (lambda text: b"\n\n\n", ()),
    "header only": (lambda text: text.splitlines()[0].encode() + b"\n", ("no rows",)),
    "half a header": (lambda text: text.splitlines()[0].encode(), ("no rows",)),
    "random bytes": (lambda text: np.random.default_rng(1).bytes(5000), ()),
    "NUL bytes": (lambda text: text.encode().replace(b"chr1.g1", b"\0\0"), ()),
    "UTF-16": (lambda text: text.encode("utf-16"), ()),
    "Latin-1": (lambda text: text.replace("g1", "gé").encode("latin-1"), ()),
    "gzip cut short": (lambda text: gzip.compress(text.encode())[:-90], ()),
    "gzip in gzip": (lambda text: gzip.compress(gzip.compress(text.encode())), ()),
    "zip": (make_zip, ()),
    "tar.gz": (make_tar, ()),
    "commas": (lambda text: text.replace("\t", ",").encode(), ("no column",)),
    "a web page": (lambda text: b"<!DOCTYPE html><html>404</html>", ("no column",)),
    "LFS pointer": (lambda text: b"version https://git-lfs.github.com/spec/v1\n", ()),
    "a column twice": (lambda text: text.replace("gene_id", "chrom").encode(), ()),
    "a column less": (lambda text: text.replace("strand", "s").encode(), ()),
    "a field more": (lambda text: text.replace("chr1.g1", "a\tb").encode(), ()),
    "a field less": (lambda text: text.replace("\tchr1.g1", "").encode(), ()),
    "semicolons": (
        lambda text: text.replace("\t", ";").encode(),
        ("a semicolon between its columns", "every other one tabs"),
    ),
    "columns without a name": (
        lambda text: text.replace("\n", "\t\t\n").encode(),
        ("2 columns have no name",),
    ),
    "one endless line": (lambda text: b"x" * (40 << 20), ()),
}


@pytest.mark.parametrize("case", FILES)
def test_files(inputs, refuse, case):
    spoil, words = FILES[case]
    inputs.errors.write_bytes(spoil(inputs.errors.read_text()))
    refuse("sites", str(inputs.errors), *words)


# Column, value in the fourth row (line 5 of the file), and what is said of it.
VALUES: dict[str, tuple[str, object, tuple[str, ...]]] = {
    "infinite position": ("position", "inf", ("row 5: position is 'inf'",)),
    "vast position": ("position", "1e30", ("row 5: position is 1e30, beyond",)),
    "typographic minus": (
        "strand",
        "−",
        ("row 5: strand is '−'; must be one of +",),
    ),
    "infinite score": ("score", "-inf", ("row 5: score is '-inf'",)),
    "lower case": ("pred_type", "tp", ("row 5: pred_type is 'tp'; must be one of TP",)),
    "spaces": ("chrom", " chr1", ("row 5: chrom is ' chr1': not in the genome",)),
    "thousands": ("position", "1,121", ("row 5: position is '1,121'",)),
    "a month": ("position", "1-Mar", ("row 5: position is '1-Mar'",)),
    "decimal comma": ("score", "0,5", ("row 5: score is '0,5'; not a number",)),
    "percent": ("score", "98.5", ("row 5: score is 98.5", "divide percentages by 100")),
    "vast score": ("score", "1e39", ("row 5: score is '1e39'; not a number",)),
    "infinite length": ("exon", "inf", ("row 5: exon is inf; must be finite",)),
    "no contig": ("chrom", "", ("row 5: chrom is empty or '.'",)),
    "full-width digits": ("position", "１２x", ("row 5: position is '１２x'",)),
}


@pytest.mark.parametrize("case", VALUES)
def test_values(inputs, refuse, case):
    column, value, words = VALUES[case]
    table = inputs.genome.table().assign(score=0.5, exon=100).astype(object)
    table.loc[3, column] = value
    table.to_csv(inputs.errors, sep="\t", index=False)
    refuse("sites", str(inputs.errors), *words)


def test_copies_that_disagree(inputs, refuse):
    table = inputs.genome.table()
    other = table.iloc[[0]].assign(pred_type="FN")
    pd.concat([table, other]).to_csv(inputs.errors, sep="\t", index=False)
    last = len(table) + 2
    words = ("row 2", f"row {last}", "Copies of one site must have one pred_type")
    refuse("sites", *words)


@pytest.mark.parametrize("option", [{"coordinate_base": 0}, {"site_base": "intron"}])
def test_another_convention(inputs, refuse, option):
    refuse("sites", str(inputs.errors), *option, **option)


def test_columns_that_are_not_there(inputs, refuse):
    refuse("sites", "`columns`", "'klass'", columns={"pred_type": "klass"})


def test_a_column_of_two_names(inputs, refuse):
    words = ("`columns` gives 'gene_id' more than one name", "gene_name")
    refuse("sites", *words, columns={"gene_id": "gene_id", "gene_name": "gene_id"})


def test_missing_table(inputs, refuse):
    refuse("sites", "nowhere.tsv: no such file", errors="nowhere.tsv")


def test_a_folder(inputs, refuse):
    refuse("sites", str(inputs.folder), errors=inputs.folder)


PARQUETS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "lists": lambda table: table.assign(position=[[p] for p in table["position"]]),
    "dates": lambda table: table.assign(position=pd.Timestamp("2024-05-01")),
    "truth values": lambda table: table.assign(position=True),
    "numbers for names": lambda table: table.assign(chrom=7),
    "numbers for strands": lambda table: table.assign(strand=1),
    "records": lambda table: table.assign(score=[{"a": 1}] * len(table)),
    "dates for scores": lambda table: table.assign(score=pd.Timestamp("2024-05-01")),
    "truth values for scores": lambda table: table.assign(score=True),
    "infinity": lambda table: table.assign(odds=np.inf),
}


@pytest.mark.parametrize("case", PARQUETS)
def test_parquet_of_other_types(inputs, refuse, case):
    file = inputs.folder / "errors.parquet"
    PARQUETS[case](inputs.genome.table()).to_parquet(file)
    refuse("sites", str(file), "row 1", errors=file)


def test_parquet_cut_short(inputs, refuse):
    file = inputs.folder / "errors.parquet"
    inputs.genome.table().to_parquet(file)
    file.write_bytes(file.read_bytes()[:-300])
    refuse("sites", str(file), "not a readable Parquet file", errors=file)


def sequences(**changes: object) -> pd.DataFrame:
    table = pd.DataFrame({"sequence": ["ACGT" * 10] * 4, "label": ["0", "1"] * 2})
    table = table.astype(object)
    for column, value in changes.items():
        table.loc[1, column] = value
    return table


SEQUENCES: dict[str, tuple[pd.DataFrame, tuple[str, ...]]] = {
    "no label": (sequences().drop(columns="label"), ("no column label",)),
    "unknown label": (sequences(label="yes"), ("row 3: label is 'yes'", "'0', '1'")),
    "no sequence": (sequences(sequence=""), ("row 3: sequence is empty",)),
    "digits": (sequences(sequence="ACGT1"), ("row 3: sequence is 'ACGT1'",)),
    "a gap": (sequences(sequence="AC-GT"), ("row 3: sequence is 'AC-GT'",)),
    "junction beyond": (sequences(junction=41), ("row 3: junction is",)),
    "half a junction": (sequences(junction=3.5), ("row 3: junction is",)),
    "a number": (sequences(sequence=12), ("row 3: sequence is '12'",)),
    "a word for a score": (sequences(score="0,5"), ("row 3: score is '0,5'",)),
    "infinite": (sequences(odds="inf"), ("row 3: odds is inf; must be finite",)),
    "unknown class": (sequences(pred_type="XX"), ("row 3: pred_type is 'XX'",)),
}


@pytest.mark.parametrize("case", SEQUENCES)
def test_tables_of_sequences(inputs, refuse, case):
    table, words = SEQUENCES[case]
    table.to_csv(inputs.errors, sep="\t", index=False)
    refuse("sites", str(inputs.errors), *words, format="sequences", genome=None)


# What some programs write, and is read all the same: name and content of the file.
SPELLINGS: dict[str, tuple[str, Callable[[pd.DataFrame, str], object]]] = {
    "quoted": ("e.tsv", lambda table, path: table.to_csv(path, sep="\t", quoting=1)),
    "CSV": ("E.CSV", lambda table, path: table.to_csv(path)),
    "a TSV": ("e.csv.tsv", lambda table, path: table.to_csv(path, sep="\t")),
    "packed": ("e.CSV.gz", lambda table, path: table.to_csv(path, compression="gzip")),
    "PARQUET": ("E.PARQUET", lambda table, path: table.to_parquet(path)),
    "numbers for pairs": (
        "e.tsv",
        lambda table, path: table.assign(dinucleotide=7).to_csv(path, sep="\t"),
    ),
}


@pytest.mark.parametrize("case", SPELLINGS)
def test_other_spellings(inputs, monkeypatch, case):
    name, write = SPELLINGS[case]
    sound = read_sites_of(inputs, monkeypatch)
    write(inputs.genome.table().set_index("chrom"), str(inputs.folder / name))
    found = read_sites_of(inputs, monkeypatch, errors=inputs.folder / name)
    pd.testing.assert_frame_equal(found, sound)


def read_sites_of(inputs, monkeypatch, **changes: object) -> pd.DataFrame:
    options = options_of("sites", inputs, changes)
    assert run_here("sites", options, monkeypatch) == 0
    return pd.read_parquet(options["sites"])


def test_columns_that_later_steps_have_too(inputs, monkeypatch):
    """Neither a class nor a sequence of the table's own gets into later steps."""
    own = ("label", "fold", "part", "training_similarity", "sequence_junction")
    table = inputs.genome.table().assign(sequence="ACGT", **dict.fromkeys(own, 7))
    table.to_csv(inputs.errors, sep="\t", index=False)
    sites = read_sites_of(inputs, monkeypatch)
    assert not set(own) & set(sites)
    assert all((sites[f"input_{name}"] == 7).all() for name in own)
