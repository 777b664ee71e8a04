"""Training in processes of its own: several ranks, and a stop from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from error_sequence_model.settings import TrainingSettings
from error_sequence_model.training import CheckpointFolder, FineTuning, Training
from tiny_models import make_tiny_classifier, make_tiny_datasets

ROOT = Path(__file__).parents[3]
SCRIPTS = ROOT / "workflow" / "scripts"
ENVIRONMENT = {
    **{k: v for k, v in os.environ.items() if not k.startswith("SLURM")},
    "PYTHONPATH": os.pathsep.join([str(SCRIPTS), str(ROOT / "tests" / "builders")]),
    "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    "OMP_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "",
}

RANKS = """
import json, sys
import numpy as np
import torch
from error_sequence_model.settings import TrainingSettings
from error_sequence_model.training import CheckpointFolder, FineTuning, Training
from tiny_models import EXACT, make_tiny_classifier, make_tiny_datasets

folder, budget = sys.argv[1], int(sys.argv[2])
train, held = make_tiny_datasets(50, shortest=20, longest=60)
settings = TrainingSettings(
    epochs=2, batch_size=8, precision="fp32", tokens_per_batch=budget
)
task = FineTuning(make_tiny_classifier(**EXACT), train, held, settings)
run = Training(task, CheckpointFolder(None, ""))
accumulate = run.gradients.accumulate
rank, ranks = run.accelerator.process_index, run.accelerator.num_processes

# One large step, as the gradients of all of its passes and ranks.
whole = np.arange(1, 40)
share = run.gradients.make_share(run._share(whole, 0))
accumulate(share, task.sum_weights(whole, share.examples, run.accelerator))
run.gradients.add_over_ranks()
named = task.model.named_parameters()
torch.save({n: p.grad for n, p in named}, f"{folder}/gradients{rank}.pt")

seen = []
def watch(share, weights):
    seen.extend(share.indices.tolist())
    return accumulate(share, weights)
run.gradients.accumulate = watch
history = run.run()
torch.save(task.model.state_dict(), f"{folder}/weights{rank}.pt")
with open(f"{folder}/seen{rank}.json", "w") as file:
    json.dump({"seen": seen, "ranks": ranks, "history": history}, file)
"""


def launch(folder: Path, ranks: int, *, tokens_per_batch: int) -> list[dict]:
    """Start ranks as the rule does.

    `accelerate launch --cpu` starts one process whatever it is asked for. With
    `--multi_gpu` it starts as many as asked, and where no GPU is visible they meet over
    gloo on the CPU.
    """
    folder.mkdir()
    script = folder / "ranks.py"
    script.write_text(RANKS)
    kind = ["--cpu"] if ranks == 1 else ["--multi_gpu"]
    command = [
        *("accelerate", "launch"),
        *("--config_file", str(ROOT / "config" / "accelerate.yaml")),
        *("--num_machines", "1", "--mixed_precision", "no"),
        *("--dynamo_backend", "no", "--main_process_port", "0"),
        *(*kind, "--num_processes", str(ranks)),
        *("--num_cpu_threads_per_process", "1"),
        *(str(script), str(folder), str(tokens_per_batch)),
    ]
    for _ in range(3):
        done = subprocess.run(
            command, env=ENVIRONMENT, timeout=600, capture_output=True, text=True
        )
        # A port is looked for, let go and taken again: others may come between.
        if "address already in use" not in done.stderr.lower():
            break
    assert done.returncode == 0, done.stderr[-6000:]
    return [json.loads((folder / f"seen{r}.json").read_text()) for r in range(ranks)]


@pytest.mark.workflow
def test_two_ranks_in_passes_give_what_one_gives_at_once(tmp_path) -> None:
    (alone,) = launch(tmp_path / "one", 1, tokens_per_batch=1_000_000)
    first, second = launch(tmp_path / "two", 2, tokens_per_batch=128)
    assert (alone["ranks"], first["ranks"], second["ranks"]) == (1, 2, 2)
    together = first["seen"] + second["seen"]
    assert sorted(together) == sorted(alone["seen"]) == sorted([*range(50)] * 2)
    for mine, other in zip(first["history"], alone["history"], strict=True):
        assert mine["train_loss"] == pytest.approx(other["train_loss"], abs=1e-5)
        assert mine["validation_auprc"] == pytest.approx(
            other["validation_auprc"], abs=1e-4
        )
    assert [row["validation_loss"] for row in first["history"]] == [
        row["validation_loss"] for row in second["history"]
    ]
    for name, tolerance in (("gradients", 1e-6), ("weights", 1e-6)):
        expected = torch.load(tmp_path / "one" / f"{name}0.pt")
        for rank in range(2):
            found = torch.load(tmp_path / "two" / f"{name}{rank}.pt")
            assert found.keys() == expected.keys()
            for key, tensor in expected.items():
                assert torch.allclose(found[key], tensor, atol=tolerance), key


# Trains until it is stopped: after the third step, "ready" is there.
STOPPED = """
import sys, time
from pathlib import Path
from error_sequence_model.core import run_step
from error_sequence_model.settings import TrainingSettings
from error_sequence_model.training import CheckpointFolder, FineTuning, Training
from tiny_models import make_tiny_classifier, make_tiny_datasets

def main(folder):
    train, held = make_tiny_datasets(60, shortest=20, longest=60)
    settings = TrainingSettings(epochs=3, batch_size=8, precision="fp32", mask_share=.1)
    run = Training(FineTuning(make_tiny_classifier(), train, held, settings),
                   CheckpointFolder(folder, "abc"))
    take, validate = Training._take_step, run.validate
    def take_slowly(self, *steps):
        result = take(self, *steps)
        if where == "step" and self.state.step >= 3:
            (folder / "ready").touch()
            time.sleep(0.2)
        return result
    def validate_slowly():
        if where == "validation":
            (folder / "ready").touch()
            for _ in range(6000):
                time.sleep(0.01)
        return validate()
    Training._take_step, run.validate = take_slowly, validate_slowly
    run.run()

where = sys.argv[2]
run_step(main, Path(sys.argv[1]))
"""


def make_stopped(folder: Path, seed: int = 1) -> Training:
    train, held = make_tiny_datasets(60, shortest=20, longest=60)
    settings = TrainingSettings(
        epochs=3, batch_size=8, precision="fp32", mask_share=0.1
    )
    task = FineTuning(make_tiny_classifier(seed=seed), train, held, settings)
    return Training(task, CheckpointFolder(folder, "abc"))


def stop(command: list[str], folder: Path) -> tuple[int, str]:
    """Send SIGTERM once training is under way; give exit code and log."""
    (folder / "train.py").write_text(STOPPED)
    process = subprocess.Popen(
        command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 300
    while not (folder / "ready").exists():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    log = process.communicate(timeout=300)[1]
    return process.returncode, log


def check_resumed(folder: Path, state: dict) -> None:
    threads = torch.get_num_threads()
    # As in the other process: the order of sums must be the same.
    torch.set_num_threads(1)
    try:
        whole, resumed = make_stopped(folder / "other"), make_stopped(folder, seed=9)
        assert vars(resumed.state)["step"] == state["step"]
        whole.run()
        resumed.run()
    finally:
        torch.set_num_threads(threads)
    mine, theirs = resumed.task.model.state_dict(), whole.task.model.state_dict()
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize("where", ["step", "validation"])
def test_sigterm_saves_and_the_next_run_goes_on_to_the_same_weights(
    tmp_path, where
) -> None:
    script = tmp_path / "train.py"
    code, log = stop([sys.executable, str(script), str(tmp_path), where], tmp_path)
    assert code == os.EX_TEMPFAIL == 75, log
    assert "stopped by SIGTERM at epoch 1, after step" in log
    assert "Traceback" not in log
    state = CheckpointFolder(tmp_path, "abc").load()["state"]
    assert (state["epoch"], state["history"]) == (0, [])
    assert state["step"] == 8 if where == "validation" else 4 <= state["step"] < 8
    check_resumed(tmp_path, state)


@pytest.mark.workflow
@pytest.mark.parametrize("ranks", [1, 2])
def test_the_launcher_passes_a_stop_on(tmp_path, ranks) -> None:
    kind = ["--cpu"] if ranks == 1 else ["--multi_gpu"]
    code, log = stop(
        [
            *(sys.executable, str(SCRIPTS / "launch.py"), "--gpus", "0", "--"),
            *("accelerate", "launch"),
            *("--config_file", str(ROOT / "config" / "accelerate.yaml")),
            *("--num_machines", "1", "--mixed_precision", "no"),
            *("--dynamo_backend", "no", "--main_process_port", "0"),
            *(*kind, "--num_processes", str(ranks)),
            *("--num_cpu_threads_per_process", "1"),
            *(str(tmp_path / "train.py"), str(tmp_path), "step"),
        ],
        tmp_path,
    )
    assert code == os.EX_TEMPFAIL, log
    state = CheckpointFolder(tmp_path, "abc").load()["state"]
    assert state["epoch"] == 0
    assert state["step"] >= 4
    if ranks == 1:
        check_resumed(tmp_path, state)
