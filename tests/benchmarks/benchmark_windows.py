"""Time of sites and windows: a million rows, and 200,000 windows beside bedtools.

Run with ``python tests/benchmarks/benchmark_windows.py``; it prints one line per figure
and ends with code 1 if a limit is missed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pysam
from measured_steps import SCRIPTS, measure_step

sys.path.insert(0, str(SCRIPTS))

from error_sequence_model.sites import prepare_sites
from error_sequence_model.windows import write_windows

UP, DOWN = 500, 500


def write_genome(folder: Path, n_contigs: int = 5, length: int = 20_000_000) -> Path:
    """Write a random genome of 100 Mb."""
    generator = np.random.default_rng(1)
    path = folder / "genome.fa"
    letters = np.frombuffer(b"ACGT", dtype=np.uint8)
    with path.open("wb") as file:
        for contig in range(n_contigs):
            bases = letters[generator.integers(0, 4, size=(length // 80, 80))]
            lines = np.concatenate(
                [bases, np.full((length // 80, 1), 10, dtype=np.uint8)], axis=1
            )
            file.write(f">chr{contig + 1}\n".encode() + lines.tobytes())
    pysam.faidx(str(path))
    return path


def write_sites(folder: Path, n: int, length: int = 20_000_000) -> Path:
    """Write n random sites as sites.parquet."""
    generator = np.random.default_rng(2)
    sites = pd.DataFrame(
        {
            "chrom": [f"chr{i + 1}" for i in generator.integers(0, 5, n)],
            "junction": generator.integers(2 * UP, length - 2 * UP, n),
            "strand": generator.choice(["+", "-"], n),
        }
    ).sort_values(["chrom", "junction"], ignore_index=True)
    sites.insert(0, "site_id", np.arange(n))
    path = folder / f"sites{n}.parquet"
    sites.to_parquet(path)
    return path


def write_bed(sites: Path, folder: Path) -> Path:
    """Write the same windows for bedtools."""
    table = pd.read_parquet(sites)
    start = table["junction"] - UP
    bed = pd.DataFrame(
        {0: table["chrom"], 1: start, 2: start + UP + DOWN, 3: ".", 4: 0}
    )
    bed[5] = table["strand"]
    bed.to_csv(folder / "windows.bed", sep="\t", header=False, index=False)
    return folder / "windows.bed"


def write_errors(folder: Path, genome: Path, n: int) -> Path:
    """Write an error table of n rows: copies per transcript of GT and AG places."""
    contig = np.frombuffer(
        pysam.FastaFile(str(genome)).fetch("chr1").encode(), dtype=np.uint8
    )
    parts = []
    for kind, pair, step in (("donor", b"GT", 0), ("acceptor", b"AG", 3)):
        places = np.flatnonzero((contig[:-1] == pair[0]) & (contig[1:] == pair[1]))
        chosen = places[100 : 100 + n // 2]
        parts.append(pd.DataFrame({"position": chosen + step, "splice_type": kind}))
    table = pd.concat(parts, ignore_index=True)
    table.insert(0, "chrom", "chr1")
    table["strand"] = "+"
    table["pred_type"] = np.resize(["TP", "TP", "FP", "FN"], len(table))
    table["score"] = 0.5
    table["gene_id"] = [f"gene{i // 40}" for i in range(len(table))]
    table["transcript_id"] = [f"gene{i // 40}.t" for i in range(len(table))]
    table["gene_biotype"] = "protein_coding"
    path = folder / "errors.tsv.gz"
    table.to_csv(path, sep="\t", index=False, compression={"method": "gzip"})
    return path


def measure(work: Callable[[], object], repeats: int = 5) -> float:
    """CPU seconds of some work, its processes included: the median of some tries."""
    seconds = []
    for _ in range(repeats):
        before = os.times()
        work()
        seconds.append(sum(os.times()[:4]) - sum(before[:4]))
    return statistics.median(seconds)


def main() -> int:
    """Measure, print and judge."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    failures = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        genome = write_genome(folder)
        cost = measure_step(
            *("windows", "--sites", write_sites(folder, 1_000_000)),
            *("--genome", genome, "--windows", folder / "big.arrow"),
            *("--upstream", str(UP), "--downstream", str(DOWN)),
        )
        print(
            f"1,000,000 windows of 1 kb: {cost.seconds:.1f} s, peak "
            f"{cost.megabytes:.0f} MB"
        )
        if cost.megabytes > 1500:
            failures.append("memory above 1.5 GB")
        (folder / "big.arrow").unlink()
        sites = write_sites(folder, 200_000)
        output = folder / "windows.arrow"
        ours = measure(lambda: write_windows(sites, genome, UP, DOWN, output))
        print(f"200,000 windows of 1 kb: {ours:.2f} CPU seconds")
        if shutil.which("bedtools"):
            bed = write_bed(sites, folder)
            out = folder / "windows.txt"
            command = f"bedtools getfasta -s -tab -fi {genome} -bed {bed} -fo {out}"
            theirs = measure(lambda: subprocess.run(command.split(), check=True))
            print(f"  bedtools getfasta -s: {theirs:.2f}, {theirs / ours:.1f} times it")
            if 2 * ours > theirs:
                failures.append("less than twice as fast as bedtools")
        else:
            print("  bedtools is not installed: nothing to compare with")
        errors = write_errors(folder, genome, 1_000_000)
        start = time.perf_counter()
        table, _ = prepare_sites(errors, genome)
        seconds = time.perf_counter() - start
        print(f"error table of {len(table):,} rows (TSV.gz): {seconds:.1f} s")
        if seconds > 10:
            failures.append("a million rows take more than 10 s")
    print("missed: " + "; ".join(failures) if failures else "all limits met")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
