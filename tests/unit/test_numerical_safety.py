"""Where numbers break: overflow of fp16, nothing, one of something, ties, constants."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from accelerate.optimizer import AcceleratedOptimizer

from error_sequence_model.classical import (
    Rows,
    code_column,
    fit_boosting,
    fit_constant,
    fit_logistic,
    fit_neighbours,
)
from error_sequence_model.classifier import predict_logits
from error_sequence_model.settings import TrainingSettings
from error_sequence_model.statistics import (
    choose_threshold,
    compute_auprc,
    compute_auroc,
)
from error_sequence_model.training import CheckpointFolder, Training
from tiny_models import make_tiny_classifier, make_tiny_datasets


def make_training(**settings: object) -> Training:
    train, held = make_tiny_datasets(24)
    settings = {"epochs": 1, "batch_size": 8, "precision": "fp32", **settings}
    none = CheckpointFolder(None, "")
    model = make_tiny_classifier()
    return Training(model, train, held, TrainingSettings(**settings), none)


def test_an_overflow_of_fp16_leaves_a_step_out_and_lowers_the_scale(monkeypatch):
    """The loss scale of a GPU, on the CPU: one gradient in three overflows."""
    run = make_training()
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    monkeypatch.setattr(run.accelerator, "scaler", scaler)
    monkeypatch.setattr(run.accelerator, "native_amp", True)
    monkeypatch.setattr(type(run.accelerator), "mixed_precision", "fp16")
    AcceleratedOptimizer.__init__(run.optimizer, run.optimizer.optimizer, scaler=scaler)
    weight = run.classifier.head[-1].weight
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
    assert all(torch.isfinite(p).all() for p in run.classifier.parameters())


def test_predictions_of_nothing_and_of_one_sequence():
    model = make_tiny_classifier()
    dataset, _ = make_tiny_datasets(8)
    cpu = torch.device("cpu")
    everything = predict_logits(model, dataset, device=cpu)
    for rows in ([], [5]):
        found = predict_logits(model, dataset, device=cpu, indices=np.array(rows, int))
        assert found.shape == (len(rows), 2)
        assert found == pytest.approx(everything[rows], abs=1e-6)
    nothing = dataset.select(np.zeros(0, dtype=int))
    assert predict_logits(model, nothing, device=cpu).shape == (0, 2)


def test_steps_of_one_sequence_train():
    run = make_training(batch_size=1, tokens_per_batch=64)
    (row,) = run.run()
    assert np.isfinite(row["train_loss"])


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_scores_that_are_all_equal_rank_nothing(value):
    labels, scores = np.array([1, 0, 0, 1, 0]), np.full(5, value)
    assert compute_auroc(labels, scores) == 0.5
    assert compute_auprc(labels, scores) == pytest.approx(0.4)
    assert choose_threshold(labels, scores) == 0.5
    # The order of the sites is no rank.
    assert compute_auprc(labels[::-1], scores) == pytest.approx(0.4)


def fit_coded_boosting(features: np.ndarray, rows: Rows) -> np.ndarray:
    """As the workflow does: binned by the training rows."""
    coded = [code_column(column, rows.train) for column in features.T]
    return fit_boosting(np.stack(coded, axis=1), rows)


FITS = [fit_constant, fit_logistic, fit_coded_boosting, fit_neighbours]


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("value", [0.0, 1e30, np.nan])
def test_features_that_are_constant_or_missing_say_nothing(fit, value):
    if fit is fit_neighbours:
        value = 4.0  # it is given bases, which are never missing
    labels = np.arange(90) % 3 == 0
    rows = Rows(labels.astype(int), *np.split(np.arange(90), 3), seed=1)
    features = np.full((90, 4), value, dtype=np.float32)
    features[:, 0] = 7
    found = fit(features, rows)
    assert np.isfinite(found).all()
    assert found.sum(axis=1) == pytest.approx(np.ones(len(found)), abs=1e-5)
    assert np.ptp(found[:, 1]) == pytest.approx(0, abs=1e-6)
