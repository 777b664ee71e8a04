"""A whole genome through the front end: time and memory of ``call`` and what follows.

    pip download --no-deps intronic==3.0.0; unzip intronic-*.whl
    python tests/benchmarks/benchmark_genome.py intronIC/data/test_data
        [--copies 0 6 53] [--steps call sites windows split]
        [--scripts OTHER_CHECKOUT/workflow/scripts]

0 copies is human chr19 (GRCh38, Ensembl 91) itself, with the scores of a made-up
predictor; n copies are n contigs of chr19's length, composition and genes (38 % of
them), of which 53 are a human genome: 3.1 Gb, 60,000 genes, 9 million scored bases.
"""

from __future__ import annotations

import argparse
import gzip
import tempfile
from multiprocessing import Process
from pathlib import Path

import measured_steps
import numpy as np
import pandas as pd
from measured_steps import measure_step

from error_sequence_model.genome import read_annotation

LENGTH = 58_617_616
GENE_SHARE = 0.385
SCORED = 170_000  # per contig, beside the annotated sites
STEPS = ("call", "sites", "windows", "split")


def read_chr19(folder: Path) -> tuple[np.ndarray, list[list[str]]]:
    """Bases, and rows of the annotation, gene by gene."""
    with gzip.open(next(folder.glob("*.fa.gz")), "rb") as file:
        file.readline()
        text = file.read().replace(b"\n", b"")
    genes: list[list[str]] = []
    with gzip.open(next(folder.glob("*.gff3.gz")), "rt") as file:
        for line in file:
            fields = line.split("\t", 4)
            if line[0] == "#" or fields[2] in {"chromosome", "biological_region"}:
                continue
            if "\tID=gene:" in line:
                genes.append([])
            genes[-1].append(line)
    return np.frombuffer(text, np.uint8), genes


def write_inputs(folder: Path, source: Path, n_copies: int) -> None:
    """Write genome.fa, genes.gff3 and scores.tsv."""
    rng = np.random.default_rng(19)
    bases, genes = read_chr19(source)
    plain = bases[np.isin(bases, list(b"ACGT"))][:1_000_000]
    with (folder / "genes.gff3").open("w") as file:
        for copy in range(max(n_copies, 1)):
            for rows in genes:
                if n_copies and rng.random() > GENE_SHARE:
                    continue
                text = "".join(rows)
                if n_copies:
                    for mark in ("gene:ENSG", "transcript:ENST"):
                        text = text.replace(mark, f"{mark.split(':')[0]}:c{copy}")
                    text = text.replace("\n19\t", f"\nc{copy}\t")
                    text = f"c{copy}\t" + text.removeprefix("19\t")
                file.write(text)
    sites = read_annotation(folder / "genes.gff3").sites
    with (
        (folder / "genome.fa").open("wb") as fasta,
        (folder / "scores.tsv").open("w") as out,
    ):
        out.write("chrom\tposition\tstrand\tsplice_type\tscore\n")
        for chrom, rows in sites.groupby("chrom", sort=False):
            contig = bases
            if n_copies:
                contig = rng.choice(plain, LENGTH)
                plant(contig, rows)
            fasta.write(f">{chrom}\n".encode())
            lines = contig[: len(contig) // 60 * 60].reshape(-1, 60)
            ends = np.full((len(lines), 1), 10, np.uint8)
            fasta.write(np.hstack([lines, ends]).tobytes())
            write_scores(out, chrom, rows, contig, rng)


def plant(contig: np.ndarray, rows: pd.DataFrame) -> None:
    """GT and AG at the annotated sites."""
    for strand, splice_type, letters in (
        ("+", "donor", b"GT"),
        ("+", "acceptor", b"AG"),
        ("-", "donor", b"AC"),
        ("-", "acceptor", b"CT"),
    ):
        is_here = rows["strand"].eq(strand) & rows["splice_type"].eq(splice_type)
        start = rows.loc[is_here, "junction"].to_numpy()
        start = start - (0 if (strand == "+") == (splice_type == "donor") else 2)
        contig[start], contig[start + 1] = letters[0], letters[1]


def write_scores(
    out, chrom: str, rows: pd.DataFrame, contig: np.ndarray, rng: np.random.Generator
) -> None:
    """Scores of nine in ten annotated sites, and of other bases near genes."""
    left = rows["strand"].eq("+").eq(rows["splice_type"].eq("donor"))
    known = rows.assign(position=rows["junction"] + 1 - left.astype(int))
    known = known[rng.random(len(known)) < 0.95].assign(
        score=lambda kept: rng.beta(4, 1, len(kept))
    )
    near = rows.sample(SCORED, replace=True, random_state=1)
    places = near["junction"].to_numpy() + rng.integers(-20_000, 20_000, SCORED)
    other = near.assign(
        position=places.clip(1, len(contig) - 60), score=rng.beta(0.3, 6, SCORED)
    )
    columns = ["chrom", "position", "strand", "splice_type", "score"]
    table = pd.concat([known, other])[columns].drop_duplicates(columns[:4])
    table.sort_values("position").to_csv(
        out, sep="\t", index=False, header=False, float_format="%.4f"
    )


def run(folder: Path, steps: list[str]) -> None:
    """Run the steps and print what they took."""
    tracks = f'{{"format": "table", "path": "{folder / "scores.tsv"}"}}'
    genome = ("--genome", folder / "genome.fa")
    sites, windows = folder / "sites.parquet", folder / "windows.arrow"
    words = {
        "call": (
            *("--scores", tracks, *genome, "--annotation", folder / "genes.gff3"),
            *("--errors", folder / "errors.tsv", "--audit", folder / "calls.json"),
        ),
        "sites": (
            *("--errors", folder / "errors.tsv", *genome, "--sites", sites),
            *("--audit", folder / "audit.json"),
        ),
        "windows": (
            *("--sites", sites, *genome, "--upstream", "200", "--downstream", "200"),
            *("--windows", windows),
        ),
        "split": (
            *("--sites", sites, "--windows", windows, "--contrast-name", "fp_vs_tp"),
            *("--contrast", '{"positive": ["FP"], "negative": ["TP"]}'),
            *("--splice-type", "donor", "--splits", '{"by": "gene"}'),
            *(
                "--split",
                folder / "split.parquet",
                "--leakage",
                folder / "leakage.json",
            ),
        ),
    }
    for step in steps:
        cost = measure_step(step, *words[step], cores=1)
        print(
            f"  {step:8} {cost.seconds:7.1f} s {cost.cpu_seconds:7.1f} CPU-s "
            f"{cost.megabytes:7.0f} MiB",
            flush=True,
        )


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="folder of chr19's FASTA and GFF3")
    parser.add_argument("--copies", type=int, nargs="+", default=[0, 6])
    parser.add_argument("--steps", nargs="+", default=["call"], choices=STEPS)
    parser.add_argument("--scripts", type=Path, nargs="*", default=[])
    arguments = parser.parse_args()
    own = measured_steps.SCRIPTS
    for n_copies in arguments.copies:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            # In a process of its own: what this one held would count for the steps.
            writer = Process(
                target=write_inputs, args=(folder, arguments.source, n_copies)
            )
            writer.start()
            writer.join()
            for scripts in (own, *arguments.scripts):
                measured_steps.SCRIPTS = scripts.resolve()
                print(f"{n_copies or 'chr19'} {scripts}", flush=True)
                run(folder, arguments.steps)


if __name__ == "__main__":
    main()
