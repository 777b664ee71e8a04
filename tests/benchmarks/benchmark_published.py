"""One fine-tuning step of models of published size, from files in published layout.

The files are random. Every model is a process of its own, and what counts is its peak
memory on the CPU. Run it from the root with ``python``.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from safetensors.torch import save_file

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "workflow" / "scripts"), str(ROOT / "tests" / "builders")]

from error_sequence_model import (
    prepare_datasets_for_training,
    train_error_sequence_model,
)
from error_sequence_model.backbones import FAMILIES, make_config
from error_sequence_model.examples import make_example_frames
from published_checkpoints import make_bpe

MOST_GB = 8.0
# Of DNABERT-2-117M; of 37 million weights in ModernBERT's layout (its authors' own
# sizes were not at hand); and those of ModernGENA-base's 136 million.
MODELS = {
    "DNABERT-2-117M": ("dnabert2", {}, "bert."),
    "ModernBERT-DNA, 37 M": (
        "modernbert",
        {"hidden_size": 512, "layers": 13, "heads": 8, "intermediate_size": 1024},
        "model.",
    ),
    "ModernGENA, 136 M": ("modernbert", {"vocab_size": 32_768}, "model."),
}


def write(folder: Path, name: str) -> int:
    """Write random files; give the number of weights."""
    family, options, prefix = MODELS[name]
    config = make_config(family, **options)
    model = FAMILIES[family].model_class(config)
    folder.mkdir()
    weights = {prefix + k: v.contiguous() for k, v in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors")
    extra = {"alibi_starting_size": 512} if family == "dnabert2" else {}
    (folder / "config.json").write_text(json.dumps(config.to_dict() | extra))
    make_bpe().save_pretrained(folder)
    return sum(tensor.numel() for tensor in weights.values())


def take_step(name: str) -> None:
    """Write a model, take one step of 32 windows with it, print what it took."""
    torch.set_num_threads(1)
    frames = [frame.head(32) for frame in make_example_frames()[:2]]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        size = write(path, name)
        train, held = prepare_datasets_for_training(*frames, tokenizer=str(path))
        start = time.monotonic()
        train_error_sequence_model(
            train, held, str(path), Path(folder) / "run", num_epochs=1, use_fp16=True
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    seconds = time.monotonic() - start
    print(f"| {name} | {size / 1e6:.0f} M | {seconds:.0f} | {peak:.1f} |", flush=True)
    sys.exit(peak > MOST_GB)


def main() -> None:
    """Print a table; code 1 where a model takes more than it may."""
    if len(sys.argv) > 1:
        take_step(sys.argv[1])
    print("| model | weights | seconds, 32 windows | peak memory, GB |")
    print("|---|---|---|---|", flush=True)
    codes = [
        subprocess.run([sys.executable, __file__, name], check=False).returncode
        for name in MODELS
    ]
    sys.exit(max(codes))


if __name__ == "__main__":
    main()
