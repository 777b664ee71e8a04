"""Annotations that are none: GTF, GFF3, tables of sites, BED of regions."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import numpy as np
import pytest

from step_runs import options_of, run_here


def keep_lines(is_kept: Callable[[str], bool]) -> Callable[[str], bytes]:
    return lambda text: "\n".join(filter(is_kept, text.splitlines())).encode()


def replace(*pairs: tuple[str, str]) -> Callable[[str], bytes]:
    def change(text: str) -> bytes:
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new)
        return text.encode()

    return change


def cut_fields(text: str) -> bytes:
    rows = (line.split("\t")[:8] for line in text.splitlines())
    return "\n".join(map("\t".join, rows)).encode()


NO_INTRON = ("no intron", "transcript_id", "Parent")
# How a sound GTF is spoilt, and what is said of it; line 3 is its first exon.
GTFS: dict[str, tuple[Callable[[str], bytes], tuple[str, ...]]] = {
    "empty": (lambda text: b"", ("no exon",)),
    "comments only": (lambda text: b"#!genome-build x\n", ("no row has 9 fields",)),
    "random bytes": (lambda text: np.random.default_rng(3).bytes(3000), ()),
    "words for numbers": (replace(("\t121\t", "\tstart\t")), ("row 2", "'start'")),
    "fractions": (replace(("\t121\t", "\t121.5\t")), ("row 3", "'121.5'", "whole")),
    "start after end": (replace(("\t121\t", "\t9121\t")), ("row 3", "'9121'")),
    "start of zero": (replace(("\t121\t", "\t0\t")), ("row 3", "'0'", "1 ≤ start")),
    "negative start": (replace(("\t121\t", "\t-121\t")), ("row 3", "'-121'")),
    "no strand": (replace(("\t+\t", "\t.\t"), ("\t-\t", "\t.\t")), ("no exon",)),
    "no exon": (replace(("\texon\t", "\tintron\t")), ("no exon",)),
    "no transcript": (replace(("transcript_id", "tr")), NO_INTRON),
    "no attributes": (cut_fields, ("no row has 9 fields",)),
    "a BED": (lambda text: b"chr1\t5\t10\tx\t0\t+\n", ("no row has 9 fields",)),
    "spaces for tabs": (replace(("\t", " ")), ("no row has 9 fields",)),
    "no intron": (
        keep_lines(lambda line: "\texon\t" not in line or "\t121\t" in line),
        NO_INTRON,
    ),
    "other contigs": (replace(("chr", "scaffold")), ("contigs not in", "scaffold1")),
    "UTF-16": (lambda text: text.encode("utf-16"), ()),
}


@pytest.mark.parametrize("case", GTFS)
def test_gtf(inputs, refuse, case):
    spoil, words = GTFS[case]
    inputs.annotation.write_bytes(spoil(inputs.annotation.read_text()))
    refuse("call", str(inputs.annotation), *words)


def test_gzip_cut_short(inputs, refuse):
    file = inputs.folder / "genes.gtf.gz"
    file.write_bytes(gzip.compress(inputs.annotation.read_bytes())[:-60])
    refuse("call", str(file), annotation=file)


def test_missing(inputs, refuse):
    refuse("call", "nowhere.gtf", annotation="nowhere.gtf")


GFF3S = {
    "no parents": "chr1\tx\texon\t121\t200\t.\t+\t.\tID=e1\n"
    "chr1\tx\texon\t301\t380\t.\t+\t.\tID=e2\n",
    "unknown parents": "chr1\tx\texon\t121\t200\t.\t+\t.\tParent=t\n",
    "a cycle": "chr1\tx\tgene\t1\t9\t.\t+\t.\tID=a;Parent=b\n"
    "chr1\tx\tmRNA\t1\t9\t.\t+\t.\tID=b;Parent=a\n",
}


@pytest.mark.parametrize("case", GFF3S)
def test_gff3(inputs, refuse, case):
    file = inputs.folder / "genes.gff3"
    file.write_text(f"##gff-version 3\n{GFF3S[case]}")
    refuse("call", str(file), annotation=file)


SITES = {
    "empty": ("", ()),
    "no such column": ("chrom\tposition\n", ("no column strand",)),
    "no site": (
        "chrom\tposition\tstrand\tsplice_type\nchr1\tx\t+\tdonor\n",
        ("row 2",),
    ),
    "header only": ("chrom\tposition\tstrand\tsplice_type\n", ()),
    "half a position": (
        "chrom\tposition\tstrand\tsplice_type\nchr1\t2.5\t+\tdonor\n",
        ("row 2",),
    ),
    "no contig": (
        "chrom\tposition\tstrand\tsplice_type\n\t5\t+\tdonor\n",
        ("row 2",),
    ),
    "words for reads": (
        "chrom\tposition\tstrand\tsplice_type\treads\nchr1\t5\t+\tdonor\tmany\n",
        ("row 2", "'many'"),
    ),
    "infinite": (
        "chrom\tposition\tstrand\tsplice_type\nchr1\tinf\t+\tdonor\n",
        ("row 2",),
    ),
}


@pytest.mark.parametrize("case", SITES)
def test_tables_of_sites(inputs, refuse, case):
    text, words = SITES[case]
    file = inputs.folder / "sites.tsv"
    file.write_text(text)
    refuse("call", str(file), *words, annotation=file, genes=inputs.annotation)


def test_reads_that_are_none(inputs, refuse):
    file = inputs.folder / "reads.tsv"
    file.write_text(
        "chrom\tposition\tstrand\tsplice_type\treads\nchr1\t200\t+\tdonor\t-4\n"
    )
    refuse("call", str(file), "row 2", "'-4'", support=file)


def test_contigs_named_without_chr(inputs, monkeypatch):
    """An annotation that says 1 for chr1 is the same annotation."""
    sound, found = (inputs.folder / name for name in ("sound.tsv", "found.tsv"))
    changes = {"errors": sound, "audit": inputs.folder / "calls.json"}
    options = options_of("call", inputs, changes)
    assert run_here("call", options, monkeypatch) == 0
    lines = inputs.annotation.read_text().splitlines()
    file = inputs.folder / "genes.GTF"
    file.write_text("\n".join(line.removeprefix("chr") for line in lines))
    options |= {"errors": found, "annotation": file}
    assert run_here("call", options, monkeypatch) == 0
    assert found.read_text() == sound.read_text()


def test_a_table_of_sites_without_genes(inputs, refuse):
    refuse("call", "`regions`", "`genes`", annotation=inputs.errors)


REGIONS = {
    "words": b"chr1\tstart\tend\tx\t0\t+\n",
    "turned round": b"chr1\t900\t100\tx\t0\t+\n",
    "two columns": b"chr1\t100\n",
    "other contigs": b"scaffold\t1\t1000\tx\t0\t+\n",
    "random bytes": np.random.default_rng(4).bytes(2000),
    "negative": b"chr1\t-5\t100\tx\t0\t+\n",
    "no strand": b"chr1\t5\t100\tx\t0\t.\n",
}


@pytest.mark.parametrize("case", REGIONS)
def test_regions(inputs, refuse, case):
    file = inputs.folder / "regions.bed"
    file.write_bytes(REGIONS[case])
    refuse("call", str(file), regions=file)


def test_no_regions(inputs, refuse):
    file = inputs.folder / "regions.bed"
    file.write_text("")
    refuse("call", "no stretch to scan", "margin", regions=file)
