"""Which pooling suits each family: small models trained on real sites, scored held out.

Run with ``python tests/benchmarks/benchmark_pooling.py``; it prints one table row per
family and pooling, and writes every run with ``--table``. The published weights of the
families are not needed: the networks are new and small, so the table compares poolings,
not families. Sites are FN against TP of ``arabidopsis_introns``, equally many of both
and of donors and acceptors, with 50 bases on both sides (which every contig has);
chromosome 4 is held out.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "workflow" / "scripts"))

from error_sequence_model.classifier import create_classifier
from error_sequence_model.core import get_hardware
from error_sequence_model.notebook import prepare_datasets_for_training
from error_sequence_model.settings import TrainingSettings
from error_sequence_model.sites import prepare_sites
from error_sequence_model.tokenizers import load_tokenizer
from error_sequence_model.training import CheckpointFolder, FineTuning, Training
from error_sequence_model.windows import read_windows, write_windows

ROOT = Path(__file__).resolve().parents[2]
SIDE = 50
HELD_OUT = "Chr4"
POOLINGS = ("junction", "mean", "max", "first", "last", "junction+mean", "junction+max")
SMALL = {"layers": 2, "hidden_size": 48, "heads": 4, "intermediate_size": 96}
FAMILIES = {
    "dnabert2": SMALL,
    "nucleotide_transformer": SMALL,
    "splicebert": SMALL,
    "hyenadna": {"layers": 2, "hidden_size": 48, "max_seq_len": 2 * SIDE + 2},
}
EPOCHS = 4
N_HELD_OUT = 2000


def find_data(name: str, default: str) -> Path:
    """Give the folder that an environment variable names, or the shared one."""
    return Path(os.environ.get(name, str(ROOT.parent / "shared" / default)))


def make_frames(data: Path, n_sites: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cut the windows of equally many of each kind: training and held-out frame."""
    folder = data / "arabidopsis_introns"
    errors = pd.read_csv(folder / "errors.osai80.topk.tsv.gz", sep="\t")
    errors = errors[errors["pred_type"].isin(("FN", "TP"))]
    generator = np.random.default_rng(1)
    chosen = []
    for is_held_out, size in ((False, n_sites), (True, N_HELD_OUT)):
        here = (errors["source_chrom"] == HELD_OUT) == is_held_out
        for _, rows in errors[here].groupby(["pred_type", "splice_type"]):
            chosen.append(rows.iloc[generator.permutation(len(rows))[: size // 4]])
    genome = folder / "genome.fa.gz"
    with tempfile.TemporaryDirectory() as name:
        given, sites, windows = (
            Path(name) / file for file in ("errors.tsv", "s.parquet", "windows.arrow")
        )
        pd.concat(chosen).to_csv(given, sep="\t", index=False)
        table, _ = prepare_sites(given, genome)
        table.to_parquet(sites)
        write_windows(sites, genome, SIDE, SIDE, windows)
        table["sequence"] = read_windows(windows).get_sequences(table["site_id"])
    table["label"] = (table["pred_type"] == "FN").astype(int)
    table["junction"] = SIDE
    table = table.drop_duplicates("sequence")
    is_held_out = table["source_chrom"] == HELD_OUT
    train = table[~is_held_out & ~table["sequence"].isin(table[is_held_out].sequence)]
    keys = ["sequence", "label", "junction"]
    return train[keys], table.loc[is_held_out, keys]


def measure(
    family: str, pooling: str, seed: int, frames: tuple[pd.DataFrame, pd.DataFrame]
) -> dict[str, object]:
    """Train one model; give the best epoch's score on the held-out sites."""
    options = dict(FAMILIES[family])
    if family == "dnabert2":
        vocabulary = find_data("SPLICE_ERRORS_PARITY_DATA", "parity") / "dnabert2-tiny"
        load_tokenizer(vocabulary)
        options["tokenizer"] = str(vocabulary)
    start = time.process_time()
    model = create_classifier(family, pooling=pooling, options=options, seed=seed)
    train, held = prepare_datasets_for_training(*frames, tokenizer=model.tokenizer)
    settings = TrainingSettings(
        epochs=EPOCHS, learning_rate=1.0e-3, precision="fp32", seed=seed
    )
    task = FineTuning(model, train, held, settings)
    history = Training(task, CheckpointFolder(None, "")).run()
    best = max(history, key=lambda row: row["validation_auprc"])
    return {
        "family": family,
        "pooling": pooling,
        "seed": seed,
        "auprc": best["validation_auprc"],
        "auroc": best["validation_auroc"],
        "epoch": best["epoch"],
        "seconds": time.process_time() - start,
    }


def summarise(runs: pd.DataFrame) -> pd.DataFrame:
    """Mean and range of AUPRC over seeds, the best first."""
    grouped = runs.groupby(["family", "pooling"])["auprc"]
    table = grouped.agg(["mean", "min", "max", "count"]).reset_index()
    return table.sort_values(["family", "mean"], ascending=[True, False])


def main() -> int:
    """Train all, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--families", nargs="+", default=list(FAMILIES))
    parser.add_argument("--poolings", nargs="+", default=list(POOLINGS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--sites", type=int, default=2400, help="training sites")
    parser.add_argument("--table", type=Path, help="TSV of every run")
    arguments = parser.parse_args()
    logging.disable(logging.INFO)
    data = find_data("SPLICE_ERRORS_REAL_DATA", "real")
    if not data.is_dir():
        print(f"no real data in {data}; set SPLICE_ERRORS_REAL_DATA")
        return 0
    frames = make_frames(data, arguments.sites)
    print(f"{len(frames[0])} training sites, {len(frames[1])} held out")
    runs = []
    for family, pooling, seed in itertools.product(
        arguments.families, arguments.poolings, arguments.seeds
    ):
        runs.append(measure(family, pooling, seed, frames))
        print("  ".join(map(str, runs[-1].values())), flush=True)
    table = pd.DataFrame(runs)
    if arguments.table is not None:
        table.to_csv(arguments.table, sep="\t", index=False, float_format="%.4f")
    print(summarise(table).to_string(index=False, float_format="%.3f"))
    print(f"{table['seconds'].sum():.0f} s of one core, {get_hardware()['processor']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
