"""The command lines of sites, windows, split, call and pool."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tiny_calls import write_gtf, write_tracks
from tiny_genome import TinyGenome, make_tiny_genome

SCRIPTS = Path(__file__).resolve().parents[2] / "workflow" / "scripts"


def run(script: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPTS / f"{script}.py")]
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        text = json.dumps(value) if isinstance(value, dict) else str(value)
        command += [flag, text]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def genome() -> TinyGenome:
    return make_tiny_genome(chroms=("chr1", "chr2", "chr3", "chr4"))


def test_from_table_to_split(genome: TinyGenome, tmp_path: Path) -> None:
    fasta = genome.write_fasta(tmp_path / "genome.fa")
    table = genome.table(0, "intron").rename(columns={"chrom": "contig"})
    table.to_csv(tmp_path / "errors.tsv", sep="\t", index=False)
    out = tmp_path / "results"
    done = run(
        "sites",
        errors=tmp_path / "errors.tsv",
        genome=fasta,
        coordinate_base=0,
        site_base="intron",
        columns={"chrom": "contig"},
        sites=out / "sites.parquet",
        audit=out / "audit.json",
    )
    assert done.returncode == 0, done.stderr
    done = run(
        "windows",
        sites=out / "sites.parquet",
        genome=fasta,
        upstream=30,
        downstream=30,
        windows=out / "windows.arrow",
    )
    assert done.returncode == 0, done.stderr
    options = {
        "sites": out / "sites.parquet",
        "windows": out / "windows.arrow",
        "contrast_name": "fn_vs_tp",
        "splice_type": "acceptor",
        "split": out / "split.parquet",
        "leakage": out / "leakage.json",
    }
    done = run("split", splits={"test": ["chr1"], "validation": ["chr2"]}, **options)
    assert done.returncode == 0, done.stderr
    split = pd.read_parquet(out / "split.parquet")
    assert set(split["part"]) == {"train", "validation", "test"}
    assert json.loads((out / "leakage.json").read_text())["passed"]
    (out / "split.parquet").unlink()
    done = run("split", splits={"test": ["chrX"]}, **options)
    assert done.returncode == 1
    assert "there are chr1, chr2, chr3, chr4" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (out / "split.parquet").exists()


def test_variants_need_a_genome(tmp_path: Path) -> None:
    done = run(
        "windows",
        sites=tmp_path / "sites.parquet",
        upstream=30,
        downstream=30,
        variants=tmp_path / "own.vcf",
        windows=tmp_path / "windows.arrow",
    )
    assert done.returncode == 1
    assert "variants need a genome" in done.stderr
    assert "Traceback" not in done.stderr


BAD_VALUES = {
    "beyond the contig": ("position", 10**7, "row 5: position is 10000000, beyond"),
    "strand .": ("strand", ".", "row 5: strand is empty or '.'; must be one of +, -"),
    "unknown class": ("pred_type", "TPP", "row 5: pred_type is 'TPP'; must be"),
    "unknown type": ("splice_type", "branch", "row 5: splice_type is 'branch'"),
    "no number": ("position", "twelve", "row 5: position is 'twelve'; must be"),
    "no whole number": ("position", "12.5", "row 5: position is '12.5'; must be"),
    "negative": ("position", -4, "row 5: position is '-4'; must be at least 1"),
    "NaN": ("position", "NaN", "row 5: position is 'NaN'; must be"),
    "score": ("score", "high", "row 5: score is 'high'"),
    "unknown contig": ("chrom", "chrX", "row 5: chrom is 'chrX': not in the genome"),
    "two namings": ("chrom", "1", "row 5: chrom is '1': ambiguous"),
}


def refuse(errors: Path, fasta: Path, **options: object) -> str:
    """Run the step on a bad table; give its message."""
    out = errors.parent / "results"
    files = {"sites": out / "sites.parquet", "audit": out / "audit.json"}
    done = run("sites", errors=errors, genome=fasta, **files, **options)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert not out.exists()
    return done.stderr


@pytest.mark.parametrize("case", BAD_VALUES)
def test_a_bad_value_is_named_with_its_row(
    genome: TinyGenome, tmp_path: Path, case: str
) -> None:
    column, value, message = BAD_VALUES[case]
    table = genome.table().assign(score=0.5).astype(object)
    table.loc[3, column] = value
    # A byte-order mark and CRLF, which are no error, change no row number.
    text = table.to_csv(sep="\t", index=False, lineterminator="\r\n")
    (tmp_path / "e.tsv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    fasta = genome.write_fasta(tmp_path / "genome.fa")
    assert message in refuse(tmp_path / "e.tsv", fasta)


def test_all_bad_rows_are_told_twenty_shown(genome: TinyGenome, tmp_path: Path) -> None:
    table = genome.table().assign(strand="*")
    table.to_csv(tmp_path / "e.tsv", sep="\t", index=False)
    fasta = genome.write_fasta(tmp_path / "genome.fa")
    told, shown = refuse(tmp_path / "e.tsv", fasta).split("problem(s)")
    assert f"{len(table)} " in told
    assert shown.count("- row ") == 20
    assert f"and {len(table) - 20} more" in shown
    assert f"row {len(table) + 1}: strand is '*'" in told  # the log has them all


def test_a_bad_file_is_refused(genome: TinyGenome, tmp_path: Path) -> None:
    fasta = genome.write_fasta(tmp_path / "genome.fa")
    text = genome.table().to_csv(sep="\t", index=False)
    errors = tmp_path / "e.tsv"
    errors.write_bytes(gzip.compress(text.encode())[:-200])
    assert "not a readable table" in refuse(errors, fasta)
    errors.write_text(text.replace("pred_type", "class"))
    told = refuse(errors, fasta)
    assert "no column pred_type; the table has ['chrom'," in told
    assert "`columns: {pred_type: class}`" in told
    errors.write_text(text)
    other = make_tiny_genome(chroms=("chr1", "chr2", "chr3", "chr4"), seed=9)
    turned = {chrom: bases[::-1] for chrom, bases in other.contigs.items()}
    build = TinyGenome(turned, other.sites).write_fasta(tmp_path / "other.fa")
    assert "wrong genome build" in refuse(errors, build)


def test_an_annotation_of_another_build_is_refused(
    genome: TinyGenome, tmp_path: Path
) -> None:
    gtf = write_gtf(genome, tmp_path / "genes.gtf")
    shorter = {chrom: bases[:900] for chrom, bases in genome.contigs.items()}
    builds = {
        "shorter": (shorter, "annotated sites beyond the contig's end, such as chr1:"),
        "shifted": (
            {chrom: "A" * 7 + bases for chrom, bases in genome.contigs.items()},
            "shift",
        ),
    }
    for name, (contigs, message) in builds.items():
        build = TinyGenome(contigs, genome.sites)
        sites = genome.sites[genome.sites["junction"] < 800]
        out = tmp_path / name
        done = run(
            "call",
            scores=write_tracks(TinyGenome(contigs, sites), tmp_path, "bedgraph"),
            genome=build.write_fasta(tmp_path / "build.fa"),
            annotation=gtf,
            errors=out / "errors.tsv",
            audit=out / "calls.json",
        )
        assert done.returncode == 1
        assert message in done.stderr
        assert "Traceback" not in done.stderr
        assert not out.exists()
