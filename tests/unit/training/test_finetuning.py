"""A trained classifier's probabilities mean what they say, however it was weighted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import expit
from torch import nn

from error_sequence_model.classifier import ErrorClassifier
from error_sequence_model.settings import TrainingSettings
from error_sequence_model.statistics import compute_ece
from error_sequence_model.training import FineTuning, finetuning


class KnownModel(nn.Module):
    """Its logits are what it is given; its last layer changes nothing yet."""

    scale_logits = ErrorClassifier.scale_logits

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Sequential(nn.Linear(2, 2))
        self.head[0].weight.data = torch.eye(2)
        self.head[0].bias.data.zero_()
        self.config = SimpleNamespace(decision_threshold=0.5)

    @torch.no_grad()
    def predict(self, odds: np.ndarray) -> np.ndarray:
        logits = np.stack([-odds / 2, odds / 2], axis=1).astype(np.float32)
        return self.head(torch.from_numpy(logits)).numpy()


def draw_odds(count: int, prevalence: float, seed: int) -> tuple[np.ndarray, Any]:
    """Log odds of a perfect model that errors have this prevalence for, and labels."""
    rng = np.random.default_rng(seed)
    evidence = rng.normal(0, 2, count)
    offsets = np.linspace(-12, 4, 1601)
    means = expit(evidence[:2000, None] + offsets).mean(axis=0)
    odds = evidence + offsets[np.abs(means - prevalence).argmin()]
    return odds, (rng.random(count) < expit(odds)).astype(np.int64)


def make_dataset(labels: np.ndarray) -> SimpleNamespace:
    lengths = np.full(len(labels), 10)
    return SimpleNamespace(
        labels=labels,
        classes=("correct", "error"),
        lengths=lengths,
        bucket_boundaries=None,
    )


@pytest.mark.parametrize("prevalence", [0.04, 0.13, 0.33])
@pytest.mark.parametrize(
    ("settings", "sharpness", "level"),
    [
        ({"class_weights": "balanced"}, 1.0, 0.0),
        ({"class_weights": "none", "sampling": "balanced"}, 1.0, 0.0),
        ({"class_weights": "none"}, 1.0, 0.0),
        ({"class_weights": "balanced"}, 3.0, 0.0),
        # It leans to one class, as the best epoch of a demo's unit did.
        ({"class_weights": "balanced"}, 1.5, -1.0),
    ],
)
def test_probabilities_are_right_at_every_prevalence(
    prevalence: float,
    settings: dict[str, str],
    sharpness: float,
    level: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train, (held, labels), (odds, truth) = (
        draw_odds(count, prevalence, seed)
        for seed, count in enumerate([20_000, 6_000, 20_000])
    )
    prior = np.log(train[1].mean() / (1 - train[1].mean()))
    is_balanced = "balanced" in settings.values()

    def learn(true: np.ndarray) -> np.ndarray:
        """What a perfect model learns; one that is too sure of itself overdoes it."""
        shown = 0 if is_balanced else prior
        return sharpness * (true - prior) + level + shown

    def predict(model: Any, dataset: Any, accelerator: Any, precision: str) -> Any:
        assert precision == "fp32", "scores are computed exactly"
        return model.predict(learn(held))

    monkeypatch.setattr(finetuning, "predict_on_ranks", predict)
    model = KnownModel()
    task = FineTuning(
        model,
        make_dataset(train[1]),
        make_dataset(labels),
        TrainingSettings(**settings),
    )
    scaling = task.set_probabilities(None)
    assert scaling["temperature"] == pytest.approx(sharpness, rel=0.15)
    assert np.diff(scaling["prior_shift"]) == pytest.approx(-level / sharpness, abs=0.2)
    found = model.predict(learn(odds))
    probabilities = expit(found[:, 1] - found[:, 0])
    assert compute_ece(truth == 1, probabilities) <= 0.02
    # Nobody is called an error for being as rare as errors are.
    called = (probabilities >= model.config.decision_threshold).mean()
    assert 0.2 * prevalence < called < 2.5 * prevalence
