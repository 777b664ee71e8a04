"""Top-k accuracy and time of a predictor on 610 whole human genes of its test set.

    pip download --no-deps --no-binary :all: frame-alignment-checks==0.0.74
    python tests/benchmarks/benchmark_genes.py relevant_validation_genes.npz \\
        --model spliceai --weights package

The genes (30.1 Mb, one-hot, in transcript direction; class 1 acceptor, class 2 donor)
become contigs of a genome and are scored by ``score.py``. Beyond a gene nothing is
known: N. Top-k: with as many calls as there are sites, the share of sites called.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyBigWig

SCRIPTS = Path(__file__).resolve().parents[2] / "workflow" / "scripts"
CLASSES = {"acceptor": 1, "donor": 2}


def write_genes(path: Path, folder: Path) -> dict[str, np.ndarray]:
    """Write the genes as a genome, and a BED of their plus strand.

    Returns:
        Contig -> class of each base, ``(length,)``.
    """
    classes = {}
    letters = np.frombuffer(b"ACGTN", dtype=np.uint8)
    with np.load(path) as genes, (folder / "genes.fa").open("wb") as fasta:
        for name in genes:
            if not name.startswith("x"):
                continue
            onehot = genes[name]
            codes = np.where(onehot.any(axis=1), onehot.argmax(axis=1), 4)
            fasta.write(f">{name}\n".encode() + letters[codes].tobytes() + b"\n")
            classes[name] = genes[f"y{name[1:]}"].argmax(axis=1).astype(np.uint8)
    rows = (f"{name}\t0\t{len(c)}\t.\t0\t+\n" for name, c in classes.items())
    (folder / "genes.bed").write_text("".join(rows))
    return classes


def find_top_k(path: Path, classes: dict[str, np.ndarray], wanted: int) -> float:
    """Share of the sites of a class among as many best bases."""
    scores, truth = [], []
    with pyBigWig.open(str(path)) as track:
        for name, of_base in classes.items():
            scores.append(
                np.nan_to_num(track.values(name, 0, len(of_base), numpy=True))
            )
            truth.append(of_base == wanted)
    is_site = np.concatenate(truth)
    best = np.argsort(np.concatenate(scores), kind="stable")[-int(is_site.sum()) :]
    return float(is_site[best].mean())


def main() -> None:
    """Score and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("genes", type=Path)
    parser.add_argument("--model", default="spliceai")
    parser.add_argument("--weights", nargs="+", default=["package"])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        classes = write_genes(arguments.genes, folder)
        n_bases = sum(map(len, classes.values()))
        command = [sys.executable, SCRIPTS / "score.py", "--model", arguments.model]
        command += ["--weights", *arguments.weights, "--precision", "fp32"]
        command += ["--genome", folder / "genes.fa", "--regions", folder / "genes.bed"]
        start = time.perf_counter()
        subprocess.run([*command, "--output", folder / "scores"], check=True)
        seconds = time.perf_counter() - start
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = usage.ru_utime + usage.ru_stime
        print(
            f"{len(classes)} genes, {n_bases:,} bases: {seconds:.0f} s, {cpu:.0f} "
            f"CPU-s, {n_bases / cpu:,.0f} bases per CPU-s"
        )
        for track, number in CLASSES.items():
            share = find_top_k(folder / "scores" / f"{track}.plus.bw", classes, number)
            count = sum(int((c == number).sum()) for c in classes.values())
            print(f"{track}: top-k accuracy {share:.4f} of {count:,} sites")


if __name__ == "__main__":
    main()
