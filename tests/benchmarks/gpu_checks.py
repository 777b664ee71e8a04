"""What only a GPU can show, in one short run: checks, then one table of throughput.

    python tests/benchmarks/gpu_checks.py [--batch 64] [--steps 20]

Runs the tests marked `gpu`, then trains on windows of 1,000 bases in bf16, eager and
compiled, and prints card, model, batch, windows/s, MFU, memory and padding.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "workflow" / "scripts")]

from error_sequence_model.classifier import create_classifier
from error_sequence_model.notebook import prepare_datasets_for_training
from error_sequence_model.settings import TrainingSettings
from error_sequence_model.training import CheckpointFolder, FineTuning, Training

MODELS = {
    "nucleotide_encoder": {"layers": 8, "hidden_size": 512, "heads": 8},
    "splicebert": {},
    "nucleotide_transformer": {},
    "hyenadna": {"d_model": 256, "n_layer": 4},
}


def make_frame(rng: np.random.Generator, count: int) -> pd.DataFrame:
    """Random windows of 900 to 1,000 bases with labels in turn."""
    lengths = rng.integers(900, 1001, count)
    sequences = ["".join(rng.choice(list("ACGT"), length)) for length in lengths]
    return pd.DataFrame({"sequence": sequences, "label": np.arange(count) % 2})


def measure(name: str, *, batch: int, steps: int, is_compiled: bool) -> dict:
    """Train two epochs; the second one is told."""
    model = create_classifier(name, options=MODELS[name], seed=1)
    rng = np.random.default_rng(0)
    frames = (make_frame(rng, batch * steps), make_frame(rng, 2 * batch))
    train, held = prepare_datasets_for_training(*frames, tokenizer=model.tokenizer)
    settings = TrainingSettings(
        epochs=2, batch_size=batch, precision="bf16", compile=is_compiled
    )
    run = Training(FineTuning(model, train, held, settings), CheckpointFolder(None, ""))
    row = run.run()[-1]
    return {
        "card": torch.cuda.get_device_name(),
        "model": name,
        "compiled": is_compiled,
        "batch": batch,
        "windows_per_second": len(train) / row["seconds"],
        **{key: row[key] for key in ("mfu", "peak_memory_mb", "padding_share")},
        "loss": row["train_loss"],
    }


def main() -> None:
    """Check, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=20)
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("no CUDA device: nothing can be checked here")
    words = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "tests/unit"]
    code = subprocess.run(words, cwd=ROOT).returncode
    rows = [
        measure(name, batch=arguments.batch, steps=arguments.steps, is_compiled=flag)
        for name in MODELS
        for flag in (False, True)
    ]
    print(pd.DataFrame(rows).to_string(index=False, float_format="{:.3g}".format))
    sys.exit(code)


if __name__ == "__main__":
    main()
