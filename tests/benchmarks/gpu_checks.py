"""What only a GPU can show, in one short run: checks, then one table of throughput.

    python tests/benchmarks/gpu_checks.py [--batch 64] [--steps 20] [--device cpu]

Runs the tests marked `gpu` (among them: sequences in one row are what padded ones are,
and no step waits for the card), then trains on windows of about 1,000 bases in bf16:
ours, eager and compiled, and the Hugging Face recipe in bf16 with `group_by_length`
beside it; rotary models also padded, and the larger one once more on windows whose
lengths differ. Prints card, model, batch, windows/s, MFU, memory and padding of the
second of two epochs, each line as it is there (the padding of Hugging Face's is that of
random batches), with the reason where ours pads; what is not measured after
``--minutes`` is left out and named.
``--device cpu`` is the rehearsal: small networks and windows, the same code.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from training_arms import Task, start

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "workflow" / "scripts")]

from error_sequence_model.core import get_hardware

# The published size first: it is what the table is for.
ORDER = ("dnabert2_117m", "encoder_25m", "nucleotide_encoder", "dnabert2")
ARMS = {
    "bf16": "ours",
    "padded": "ours, padded",
    "compiled": "ours, compiled",
    "grouped-bf16": "Hugging Face",
}
ROTARY = ("encoder_25m", "nucleotide_encoder")
SPREADS = {0.1: "", 0.5: ", lengths differ"}  # sigma of lognormal lengths


def list_tasks(arguments: argparse.Namespace) -> Iterator[tuple[str, Task]]:
    """Give what is measured, and its name in the table."""
    on_cpu = arguments.device == "cpu"
    models = ORDER[2:] if on_cpu else ORDER
    rotary = next(model for model in models if model in ROTARY)
    rounds = [(model, 0.1) for model in models] + [(rotary, 0.5)]
    for model, sigma in rounds:
        for arm, name in ARMS.items():
            # A CPU pads nothing whatever kernel is named.
            if arm in ("compiled", "padded") and on_cpu:
                continue
            if arm == "padded" and model not in ROTARY:
                continue
            yield (
                name + SPREADS[sigma],
                Task(
                    model=model,
                    arm=arm,
                    device=arguments.device,
                    windows=arguments.batch * arguments.steps,
                    length=100 if on_cpu else 1000,
                    sigma=sigma,
                    batch_size=arguments.batch,
                    epochs=2,
                    seed=1,
                ),
            )


def print_row(card: str, name: str, task: Task, result: dict[str, Any]) -> None:
    """Print a line of the table."""
    rate, mfu = task.windows / result["last_seconds"], result.get("mfu")
    reason = result.get("padding_reason", "none")
    print(
        f"| {card} | {task.model} | {name} | {task.batch_size} "
        f"| {rate:.1f} | {'' if mfu is None else f'{mfu:.1%}'} "
        f"| {result['memory']:.0f} | {result['padding']:.1%}"
        f"{'' if reason == 'none' else f' ({reason})'} |",
        flush=True,
    )


def main() -> None:
    """Check, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    arguments = parser.parse_args()
    until = time.monotonic() + 60 * arguments.minutes
    hardware = get_hardware()
    if arguments.device == "cuda" and not hardware["gpus"]:
        raise SystemExit("no CUDA device: `--device cpu` rehearses")
    card = ", ".join(hardware["gpus"]) or hardware["processor"]
    words = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "tests/unit"]
    code = subprocess.run(words, cwd=ROOT).returncode
    print("\n| card | model | training | batch | windows/s | MFU | MiB | padding |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    missed = []
    for name, task in list_tasks(arguments):
        if time.monotonic() > until:
            missed.append(f"{task.model} ({name})")
            continue
        try:
            print_row(card, name, task, start(task))
        except subprocess.CalledProcessError as error:
            missed.append(f"{task.model} ({name}): exit code {error.returncode}")
            code = 1
    print(f"\nnot measured: {'; '.join(missed) or 'nothing'}")
    sys.exit(code)


if __name__ == "__main__":
    main()
