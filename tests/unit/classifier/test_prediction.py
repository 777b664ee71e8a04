"""Predictions of nothing, and of one sequence."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from error_sequence_model.classifier import predict_logits
from tiny_models import make_tiny_classifier, make_tiny_datasets


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
