"""The command lines of sites, windows, split, call and pool."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

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


def test_a_bad_table_leaves_nothing_behind(genome: TinyGenome, tmp_path: Path) -> None:
    fasta = genome.write_fasta(tmp_path / "genome.fa")
    genome.table().assign(strand=".").to_csv(tmp_path / "e.tsv", sep="\t", index=False)
    out = tmp_path / "results"
    done = run(
        "sites",
        errors=tmp_path / "e.tsv",
        genome=fasta,
        sites=out / "sites.parquet",
        audit=out / "audit.json",
    )
    assert done.returncode == 1
    assert "row 2: strand is empty" in done.stderr
    assert "Traceback" not in done.stderr
    assert not out.exists()
