"""Genomes and variants that do not fit: refused before a window is written."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import numpy as np
import pysam
import pytest

from step_runs import run_here

ONE_BASE = b">chr1\nA\n>chr2\nA\n>chr3\nA\n"


def bgzip(text: str, folder) -> bytes:
    plain = folder / "plain.fa"
    plain.write_text(text)
    packed = folder / "packed.fa.gz"
    pysam.tabix_compress(str(plain), str(packed), force=True)
    return packed.read_bytes()


FASTAS: dict[str, tuple[Callable[..., bytes], tuple[str, ...]]] = {
    "empty": (lambda text, folder: b"", ("not a FASTA",)),
    "no header": (lambda text, folder: b"ACGT" * 20, ("not a FASTA",)),
    "random bytes": (lambda text, folder: np.random.default_rng(2).bytes(4000), ()),
    "plain gzip": (lambda text, folder: gzip.compress(text.encode()), ("bgzip",)),
    "bgzip cut short": (lambda text, folder: bgzip(text, folder)[:-400], ()),
    "a contig twice": (
        lambda text, folder: (text + ">chr1 again\nACGT\n").encode(),
        ("named twice: chr1",),
    ),
    "twice in a bgzip": (
        lambda text, folder: bgzip(text + ">chr1 again\nACGT\n", folder),
        ("named twice: chr1",),
    ),
    "uneven lines": (
        lambda text, folder: text.replace("A\n", "\n", 3).encode(),
        (),
    ),
    "headers only": (lambda text, folder: b">chr1\n>chr2\n>chr3\n", ()),
    "a FASTQ": (
        lambda text, folder: b"@chr1\nACGT\n+\nIIII\n",
        ("not a FASTA", "'>'"),
    ),
    "other contigs": (
        lambda text, folder: text.replace(">chr", ">scaffold").encode(),
        ("row 2: chrom is 'chr1': not in the genome", "scaffold1"),
    ),
    "another build": (
        lambda text, folder: text.replace("A", "X").replace("T", "A").encode(),
        ("wrong genome build",),
    ),
}


@pytest.mark.parametrize("case", FASTAS)
def test_genomes(inputs, refuse, case):
    spoil, words = FASTAS[case]
    inputs.fasta.write_bytes(spoil(inputs.fasta.read_text(), inputs.folder))
    refuse("sites", str(inputs.fasta), *words)


def test_missing_genome(inputs, refuse):
    words = ("nowhere.fa: no such file", "genomes.<name>.fasta")
    refuse("sites", *words, genome="nowhere.fa")


def test_a_shorter_genome(inputs, refuse):
    inputs.fasta.write_bytes(ONE_BASE)
    words = ("row 2", "beyond the end of chr1 (1 bp): another genome build?")
    refuse("sites", str(inputs.errors), *words)


@pytest.mark.parametrize(
    "text", ["", "chr1\tx\ty\n", "chr1\t99999999\t6\t60\t61\n", "\0\1"]
)
def test_an_index_of_something_else(inputs, refuse, text):
    inputs.fasta.with_suffix(".fa.fai").write_text(text)
    refuse("sites", str(inputs.fasta))


@pytest.fixture
def sites(inputs, monkeypatch):
    """sites.parquet of the sound table."""
    place = inputs.folder / "sites.parquet"
    options = {
        "errors": inputs.errors,
        "genome": inputs.fasta,
        "sites": place,
        "audit": inputs.folder / "audit.json",
    }
    assert run_here("sites", options, monkeypatch) == 0
    return place


def test_windows_without_sites(inputs, refuse):
    refuse("windows", "sites.parquet")


def test_windows_of_a_broken_table(inputs, refuse, sites):
    sites.write_bytes(sites.read_bytes()[:-100])
    refuse("windows", str(sites))


def test_windows_of_something_else(inputs, refuse, sites):
    sites.write_bytes(b"PAR1 is how it starts")
    refuse("windows", str(sites))


def test_windows_on_another_genome(inputs, refuse, sites):
    inputs.fasta.write_text(">chr9\nACGT\n")
    refuse("windows", "no contig 'chr1'", str(inputs.fasta))


def test_windows_on_a_shorter_genome(inputs, refuse, sites):
    inputs.fasta.write_bytes(ONE_BASE)
    refuse("windows", "beyond the end of 'chr1'", str(inputs.fasta))


@pytest.mark.parametrize("side", [-1, 0])
def test_windows_of_no_length(inputs, refuse, sites, side):
    refuse("windows", "upstream", upstream=side, downstream=side)


HEAD = "##fileformat=VCFv4.2\n##contig=<ID=chr1,length=2500>\n"
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"


def vcf(*fields: object) -> str:
    """A VCF of one variant without samples: POS, REF, ALT."""
    position, reference, allele = fields
    row = ("chr1", position, ".", reference, allele, ".", ".", ".")
    return f"{HEAD}{COLUMNS}\n" + "\t".join(map(str, row)) + "\n"


VCFS: dict[str, tuple[str, tuple[str, ...]]] = {
    "empty": ("", ()),
    "no VCF": ("hello\n", ()),
    "no contig line": (f"##fileformat=VCFv4.2\n{COLUMNS}\nchrQ\tx\n", ()),
    "another reference": (vcf(5, "NNNN", "A"), ("chr1:5 NNNN>A",)),
    "beyond the end": (vcf(99999, "A", "C"), ("chr1:99999",)),
    "several ALT": (vcf(5, "A", "C,G"), ("several ALT",)),
    "a broken row": (f"{HEAD}{COLUMNS}\nchr1\tfive\t.\tA\n", ()),
    "unphased": (
        f'{HEAD}##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n'
        f"{COLUMNS}\tFORMAT\tme\nchr1\t5\t.\tA\tC\t.\t.\t.\tGT\t0/1\n",
        ("unphased",),
    ),
    "no genotype": (
        f'{HEAD}##FORMAT=<ID=DP,Number=1,Type=Integer,Description="d">\n'
        f"{COLUMNS}\tFORMAT\tme\nchr1\t5\t.\tA\tC\t.\t.\t.\tDP\t3\n",
        ("GT",),
    ),
}


@pytest.mark.parametrize("case", VCFS)
def test_variants(inputs, refuse, sites, case):
    text, words = VCFS[case]
    file = inputs.folder / "own.vcf"
    file.write_text(text)
    refuse("windows", str(file), *words, variants=file, variant_conflicts="stop")


def test_variants_that_leave_no_window(inputs, refuse, sites):
    file = inputs.folder / "own.vcf"
    file.write_text(HEAD + COLUMNS + "\n")
    rows = [f"chr1\t{p}\t.\tA\tC,G\t.\t.\t.\n" for p in range(1, 2500, 20)]
    rows += [row.replace("chr1", f"chr{i}") for i in (2, 3) for row in rows]
    heads = "".join(f"##contig=<ID=chr{i},length=2500>\n" for i in (2, 3))
    file.write_text(HEAD + heads + COLUMNS + "\n" + "".join(rows))
    refuse("windows", "no window is left", "phase the variants", variants=file)


def test_an_unknown_sample(inputs, refuse, sites):
    file = inputs.folder / "own.vcf"
    file.write_text(f"{HEAD}{COLUMNS}\n")
    refuse("windows", "no sample 'you'", variants=file, sample="you")
