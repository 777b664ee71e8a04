"""Where numbers break: overflow of fp16, nothing, one of something, ties, constants."""

from __future__ import annotations

import numpy as np
import torch
from accelerate.optimizer import AcceleratedOptimizer

from error_sequence_model.settings import TrainingSettings
from error_sequence_model.training import CheckpointFolder, FineTuning, Training
from tiny_models import make_tiny_classifier, make_tiny_datasets


def make_training(**settings: object) -> Training:
    train, held = make_tiny_datasets(24)
    settings = {"epochs": 1, "batch_size": 8, "precision": "fp32", **settings}
    task = FineTuning(make_tiny_classifier(), train, held, TrainingSettings(**settings))
    return Training(task, CheckpointFolder(None, ""))


def test_an_overflow_of_fp16_leaves_a_step_out_and_lowers_the_scale(monkeypatch):
    """The loss scale of a GPU, on the CPU: one gradient in three overflows."""
    run = make_training()
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    monkeypatch.setattr(run.accelerator, "scaler", scaler)
    monkeypatch.setattr(run.accelerator, "native_amp", True)
    monkeypatch.setattr(type(run.accelerator), "mixed_precision", "fp16")
    AcceleratedOptimizer.__init__(run.optimizer, run.optimizer.optimizer, scaler=scaler)
    weight = run.task.model.head[-1].weight
    seen: list[torch.Tensor] = []

    def overflow(gradient: torch.Tensor) -> torch.Tensor:
        seen.append(weight.detach().clone())
        return gradient * (float("inf") if len(seen) == 2 else 1.0)

    weight.register_hook(overflow)
    (row,) = run.run()
    assert len(seen) == 3
    assert not torch.equal(seen[0], seen[1]), "the first step is taken"
    assert torch.equal(seen[1], seen[2]), "the second is left out"
    assert not torch.equal(seen[2], weight), "the third is taken"
    assert scaler.get_scale() == 512
    assert row["skipped_steps"] == 1
    assert all(torch.isfinite(p).all() for p in run.task.model.parameters())


def test_steps_of_one_sequence_train():
    run = make_training(batch_size=1, tokens_per_batch=64)
    (row,) = run.run()
    assert np.isfinite(row["train_loss"])
