"""TensorBoard gets every step and epoch once, also of a run that was interrupted."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from error_sequence_model.core import InputError
from error_sequence_model.settings import TrainingSettings
from error_sequence_model.training import CheckpointFolder, FineTuning, Training
from tiny_models import make_tiny_classifier, make_tiny_datasets

SCORES = {"epoch/train_loss", "epoch/validation_auprc", "epoch/windows_per_second"}


class FakeWriter:
    """What TensorBoard's writer is told."""

    tries: list[FakeWriter] = []  # noqa: RUF012

    def __init__(self, folder: str, purge_step: int) -> None:
        self.folder, self.purge_step = folder, purge_step
        self.seen: list[tuple[str, int, Any]] = []
        self.is_closed = False
        self.tries.append(self)

    def add_scalar(self, tag: str, value: float, step: int) -> None:
        self.seen.append((tag, step, float(value)))

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def tries(monkeypatch: pytest.MonkeyPatch) -> list[FakeWriter]:
    monkeypatch.setattr(FakeWriter, "tries", [])
    module = SimpleNamespace(SummaryWriter=FakeWriter)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    return FakeWriter.tries


def make_training(folder: Path, **more: Any) -> Training:
    settings = TrainingSettings.from_mapping(
        {"epochs": 2, "batch_size": 8, "precision": "fp32", "tensorboard": True} | more
    )
    task = FineTuning(make_tiny_classifier(), *make_tiny_datasets(24), settings)
    checkpoints = CheckpointFolder(folder / "state", "abc")
    return Training(task, checkpoints, events=folder / "tensorboard")


def test_steps_and_epochs_are_told(tries, tmp_path) -> None:
    history = make_training(tmp_path).run()
    (writer,) = tries
    assert (writer.folder, writer.purge_step) == (str(tmp_path / "tensorboard"), 1)
    assert writer.is_closed
    losses = {step: value for tag, step, value in writer.seen if tag == "step/loss"}
    assert sorted(losses) == [1, 2, 3, 4, 5, 6]
    for epoch, row in enumerate(history):
        mean = sum(losses[3 * epoch + k] for k in (1, 2, 3)) / 3
        assert mean == pytest.approx(row["train_loss"])
    tags = {tag for tag, *_ in writer.seen}
    assert SCORES | {"step/learning_rate", "epoch/peak_memory_mb"} <= tags
    assert "epoch/mfu" not in tags, "unknown on a CPU"
    speeds = [value for tag, _, value in writer.seen if tag.endswith("dows_per_second")]
    assert speeds == [pytest.approx(24 / row["seconds"]) for row in history]


def test_a_second_try_hides_what_it_does_again(tries, tmp_path, monkeypatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    run = make_training(tmp_path)
    with monkeypatch.context() as patch:
        save = run._save
        patch.setattr(run, "_save", lambda: (save(), stop()))
        with pytest.raises(KeyboardInterrupt):
            run.run()
    make_training(tmp_path).run()
    first, second = tries
    assert first.is_closed and second.purge_step == 4
    steps = [step for tag, step, _ in second.seen if tag == "step/loss"]
    assert steps == [4, 5, 6]


def test_without_the_key_nothing_is_written(tries, tmp_path) -> None:
    make_training(tmp_path, tensorboard=False).run()
    assert not tries


def test_without_the_package_it_is_said_before_work(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(InputError, match="pip install tensorboard"):
        make_training(tmp_path)
