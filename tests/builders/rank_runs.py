"""Scripts run as several ranks on the CPU, by accelerate's launcher, as rules do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "workflow" / "scripts"
ENVIRONMENT = {
    **{k: v for k, v in os.environ.items() if not k.startswith("SLURM")},
    "PYTHONPATH": os.pathsep.join([str(SCRIPTS), str(ROOT / "tests" / "builders")]),
    "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    "OMP_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "",
}


def make_command(ranks: int, *words: str) -> list[str]:
    """Make the command line that starts a script and its words on some ranks.

    `accelerate launch --cpu` starts one process whatever it is asked for. With
    `--multi_gpu` it starts as many as asked, and where no GPU is visible they meet over
    gloo on the CPU.
    """
    return [
        *("accelerate", "launch"),
        *("--config_file", str(ROOT / "config" / "accelerate.yaml")),
        *("--num_machines", "1", "--mixed_precision", "no"),
        *("--dynamo_backend", "no", "--main_process_port", "0"),
        *(["--cpu"] if ranks == 1 else ["--multi_gpu"]),
        *("--num_processes", str(ranks)),
        *("--num_cpu_threads_per_process", "1"),
        *words,
    ]


def launch(folder: Path, code: str, ranks: int, *words: str) -> None:
    """Run code as a script on some ranks, its words behind the folder's name."""
    folder.mkdir(exist_ok=True)
    script = folder / "ranks.py"
    script.write_text(code)
    command = make_command(ranks, str(script), str(folder), *words)
    for _ in range(3):
        done = subprocess.run(
            command, env=ENVIRONMENT, timeout=600, capture_output=True, text=True
        )
        # A port is looked for, let go and taken again: others may come between.
        if "address already in use" not in done.stderr.lower():
            break
    assert done.returncode == 0, done.stderr[-6000:]
