"""The data path on a million sites: error table, windows, tokens and split.

Run with ``python tests/benchmarks/benchmark_scale.py``. Each step is the workflow's
script in a process of its own, with its time and its greatest memory; the limits are
ten minutes together and 4 GB at any moment. Ends with code 1 if one is missed.

The genome is random, but one gene in ten is an altered copy of another one: without
them no near-duplicate would have to be looked for.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from measured_steps import SCRIPTS, Cost, measure_step

sys.path[:0] = [str(SCRIPTS), str(Path(__file__).resolve().parents[1] / "builders")]

from error_sequence_model.windows import read_windows
from planted_models import train_bpe
from published_checkpoints import write_dnabert2

MINUTES, GIGABYTES = 10.0, 4.0
CONTIGS, SITES_PER_GENE, SPACING = 20, 20, 400
GENE = SITES_PER_GENE * SPACING  # bases
COPIES = 0.1  # share of genes
CHANGED = 0.05  # share of bases of a copy
CLASSES, SHARES = ("TP", "TN", "FP", "FN"), (0.55, 0.25, 0.1, 0.1)
COMPLEMENT = np.array([3, 2, 1, 0], dtype=np.uint8)  # codes of A, C, G, T
GT, AG = np.array([2, 3], np.uint8), np.array([0, 2], np.uint8)


def simulate(folder: Path, n_sites: int) -> tuple[Path, Path]:
    """Write a genome with its genes side by side, and the error table.

    Returns:
        FASTA and error table (TSV.gz, 1-based exonic positions).
    """
    rng = np.random.default_rng(1)
    per_contig = -(-n_sites // (CONTIGS * SITES_PER_GENE))
    genome, errors = folder / "genome.fa", folder / "errors.tsv.gz"
    tables, earlier = [], None
    with genome.open("wb") as file:
        for contig in range(CONTIGS):
            genes = rng.integers(0, 4, size=(per_contig, GENE), dtype=np.uint8)
            if earlier is not None:
                copied = rng.random(per_contig) < COPIES
                is_changed = rng.random((copied.sum(), GENE)) < CHANGED
                genes[copied] = np.where(is_changed, genes[copied], earlier[copied])
            table = place_sites(genes, f"chr{contig + 1}", rng)
            tables.append(table)
            earlier = genes
            bases = np.frombuffer(b"ACGT", dtype=np.uint8)[genes.reshape(-1, 80)]
            lines = np.pad(bases, ((0, 0), (0, 1)), constant_values=10)
            file.write(f">chr{contig + 1}\n".encode() + lines.tobytes())
    pd.concat(tables).head(n_sites).to_csv(
        errors,
        sep="\t",
        index=False,
        compression={"method": "gzip", "compresslevel": 1},
    )
    return genome, errors


def place_sites(
    genes: np.ndarray, chrom: str, rng: np.random.Generator
) -> pd.DataFrame:
    """Write GT and AG into the genes and list them, donors and acceptors in turn."""
    n_genes = len(genes)
    offsets = np.arange(SITES_PER_GENE) * SPACING + SPACING // 2
    is_donor = np.arange(SITES_PER_GENE) % 2 == 0
    is_plus = rng.random(n_genes) < 0.5
    for offset, donor in zip(offsets, is_donor, strict=True):
        pair = GT if donor else AG
        # The intron's two bases lie after a donor's junction and before an acceptor's.
        first = offset if donor else offset - 2
        genes[is_plus, first : first + 2] = pair
        first = offset - 2 if donor else offset
        genes[~is_plus, first : first + 2] = COMPLEMENT[pair[::-1]]
    junctions = (np.arange(n_genes)[:, None] * GENE + offsets).ravel()
    plus, donor = np.repeat(is_plus, len(offsets)), np.tile(is_donor, n_genes)
    count = len(junctions)
    return pd.DataFrame(
        {
            "chrom": chrom,
            # The exon's base beside the junction, 1-based.
            "position": np.where(plus == donor, junctions, junctions + 1),
            "strand": np.where(plus, "+", "-"),
            "splice_type": np.where(donor, "donor", "acceptor"),
            "pred_type": rng.choice(CLASSES, p=SHARES, size=count),
            "score": rng.random(count).round(4),
            "gene_id": np.repeat(
                [f"{chrom}g{i}" for i in range(n_genes)], len(offsets)
            ),
            "transcript_id": "t1",
            "gene_biotype": "protein_coding",
        }
    )


def write_checkpoint(folder: Path, windows: Path) -> Path:
    """Write a small DNABERT-2 whose BPE of 4,096 words is learnt from some windows."""
    checkpoint = write_dnabert2(folder / "dnabert2")
    stored = read_windows(windows)
    some = stored.site_ids[:: max(1, len(stored) // 5000)]
    train_bpe(stored.get_sequences(some), entries=4096).save_pretrained(checkpoint)
    return checkpoint


def run(name: str, *words: str | Path) -> Cost:
    """Run a step, and print what it took."""
    cost = measure_step(name, *words)
    print(
        f"{name:10} {cost.seconds:7.1f} s ({cost.cpu_seconds:.1f} s CPU), "
        f"{cost.megabytes / 1024:.2f} GB",
        flush=True,
    )
    return cost


def main() -> int:
    """Measure, print and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=int, default=1_000_000)
    n_sites = parser.parse_args().sites
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        genome, errors = simulate(folder, n_sites)
        sites, windows = folder / "sites.parquet", folder / "windows.arrow"
        costs = [
            run(
                *("sites", "--errors", errors, "--genome", genome),
                *("--sites", sites, "--audit", folder / "audit.json"),
            ),
            run(
                *("windows", "--sites", sites, "--genome", genome),
                *("--upstream", "200", "--downstream", "200", "--windows", windows),
            ),
            run(
                *("split", "--sites", sites, "--windows", windows),
                *("--contrast-name", "errors", "--splice-type", "any"),
                "--contrast",
                json.dumps({"positive": ["FP", "FN"], "negative": ["TP", "TN"]}),
                "--splits",
                json.dumps({"test": ["chr1", "chr3", "chr5"], "validation": ["chr8"]}),
                *("--split", folder / "split.parquet"),
                *("--leakage", folder / "leakage.json"),
            ),
        ]
        for entry in (
            {"architecture": "nucleotide_encoder"},
            {
                "architecture": "dnabert2",
                "checkpoint": write_checkpoint(folder, windows),
            },
        ):
            tokens = folder / "tokens.arrow"
            words = ("--backbone", json.dumps(entry, default=str), "--tokens", tokens)
            costs.append(run("tokens", "--windows", windows, *words))
        leakage = json.loads((folder / "leakage.json").read_text())
    minutes = sum(cost.seconds for cost in costs) / 60
    memory = max(cost.megabytes for cost in costs) / 1024
    print(f"{n_sites:,} sites: {minutes:.1f} min, at most {memory:.2f} GB")
    print(json.dumps(leakage)[:600])
    return int(minutes > MINUTES or memory > GIGABYTES)


if __name__ == "__main__":
    sys.exit(main())
