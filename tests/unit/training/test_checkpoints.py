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
from rank_runs import ENVIRONMENT, SCRIPTS, launch, make_command
from tiny_models import make_tiny_classifier, make_tiny_datasets

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


@pytest.mark.workflow
def test_two_launchers_train_as_one(tmp_path) -> None:
    """As on two machines: each launcher knows its rank and where the first one is."""
    script = tmp_path / "ranks.py"
    script.write_text(RANKS)
    (tmp_path / "two").mkdir()
    command = [
        *(sys.executable, str(SCRIPTS / "launch.py"), "--machines", "2", "--gpus", "2"),
        *("--", "accelerate", "launch", "--multi_gpu", "--num_processes", "2"),
        *("--config_file", str(SCRIPTS.parents[1] / "config" / "accelerate.yaml")),
        *(str(script), str(tmp_path / "two"), "1000"),
    ]
    launchers = []
    for rank in range(2):
        slurm = {
            "SLURM_JOB_ID": str(os.getpid()),
            "SLURM_STEP_NUM_NODES": "2",
            "SLURM_STEP_NODELIST": "127.0.0.1",
            "SLURM_NODEID": str(rank),
        }
        launchers.append(
            subprocess.Popen(
                command, env={**ENVIRONMENT, **slurm}, stderr=subprocess.PIPE, text=True
            )
        )
    for launcher in launchers:
        _, log = launcher.communicate(timeout=600)
        assert launcher.returncode == 0, log[-3000:]
    one = run_ranks(tmp_path / "one", 2, tokens_per_batch=1000)
    seen = [
        json.loads((tmp_path / "two" / f"seen{r}.json").read_text()) for r in (0, 1)
    ]
    assert [run["seen"] for run in seen] == [run["seen"] for run in one]
    alone, apart = (
        torch.load(tmp_path / name / "weights0.pt") for name in ("one", "two")
    )
    assert all(torch.equal(alone[name], apart[name]) for name in alone)


def run_ranks(folder: Path, ranks: int, *, tokens_per_batch: int) -> list[dict]:
    launch(folder, RANKS, ranks, str(tokens_per_batch))
    return [json.loads((folder / f"seen{r}.json").read_text()) for r in range(ranks)]


@pytest.mark.workflow
def test_two_ranks_in_passes_give_what_one_gives_at_once(tmp_path) -> None:
    (alone,) = run_ranks(tmp_path / "one", 1, tokens_per_batch=1_000_000)
    first, second = run_ranks(tmp_path / "two", 2, tokens_per_batch=128)
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
    script = str(tmp_path / "train.py")
    code, log = stop(
        [
            *(sys.executable, str(SCRIPTS / "launch.py"), "--gpus", "0", "--"),
            *make_command(ranks, script, str(tmp_path), "step"),
        ],
        tmp_path,
    )
    assert code == os.EX_TEMPFAIL, log
    state = CheckpointFolder(tmp_path, "abc").load()["state"]
    assert state["epoch"] == 0
    assert state["step"] >= 4
    if ranks == 1:
        check_resumed(tmp_path, state)


# Each rank is stopped in its fourth step; the first one takes its time to save.
STOPPED_RANKS = """
import json, signal, sys, time
from pathlib import Path
from error_sequence_model.core import StoppedError
from error_sequence_model.settings import TrainingSettings
from error_sequence_model.training import CheckpointFolder, FineTuning, Training
from tiny_models import make_tiny_classifier, make_tiny_datasets

folder = Path(sys.argv[1])
train, held = make_tiny_datasets(60, shortest=20, longest=60)
settings = TrainingSettings(epochs=2, batch_size=8, precision="fp32")
checkpoints = CheckpointFolder(folder, "abc")
run = Training(FineTuning(make_tiny_classifier(), train, held, settings), checkpoints)
take, save = Training._take_step, checkpoints.save
def take_and_stop(self, *steps):
    if self.state.step == 3:
        signal.raise_signal(signal.SIGTERM)
    return take(self, *steps)
def save_slowly(state):
    time.sleep(3)
    save(state)
Training._take_step, checkpoints.save = take_and_stop, save_slowly
try:
    run.run()
except StoppedError:
    rank = run.accelerator.process_index
    is_saved = (folder / "abc" / "state.pt").exists()
    (folder / f"stopped{rank}.json").write_text(json.dumps(is_saved))
"""


@pytest.mark.workflow
def test_all_ranks_wait_for_the_checkpoint_of_a_stop(tmp_path) -> None:
    launch(tmp_path, STOPPED_RANKS, 2)
    for rank in range(2):
        assert json.loads((tmp_path / f"stopped{rank}.json").read_text()), rank


def test_a_run_that_began_on_another_card_goes_on(tmp_path, caplog, monkeypatch):
    """What a V100 leaves in fp16, with its loss scale and its budget, on a CPU."""
    monkeypatch.setattr(
        "error_sequence_model.training.loop.logger.parent.propagate", True
    )
    run = make_stopped(tmp_path)
    run._save()
    saved = run.checkpoints.load()
    scaler = torch.amp.GradScaler("cpu", enabled=True).state_dict()
    run.checkpoints.save(
        {**saved, "scaler": scaler, "device": "Tesla V100", "tokens_per_batch": 7}
    )
    resumed = make_stopped(tmp_path)
    assert "the run began on Tesla V100 and goes on on cpu in fp32" in caplog.text
    assert resumed.gradients.tokens_per_batch == run.gradients.tokens_per_batch != 7
    resumed.run()
