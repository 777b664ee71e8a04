"""What balanced weights do to probabilities is undone; a temperature stays sane."""

from __future__ import annotations

import numpy as np
import pytest

from error_sequence_model.statistics import (
    PENALTY,
    balance_weights,
    fit_temperature,
    restore_prior,
)


def test_balanced_class_weights_have_mean_one() -> None:
    labels = np.array([0] * 9 + [1] * 3)
    weights = balance_weights(labels, 2)
    assert weights.tolist() == pytest.approx([2 / 3, 2.0])
    assert weights[labels].mean() == pytest.approx(1.0)
    assert weights.dtype == np.float32


def test_the_prior_is_put_back() -> None:
    labels = np.array([0] * 9 + [1])
    # What knows nothing under balanced weights says a half; the truth is a tenth.
    found = restore_prior(np.array([[0.5, 0.5], [0.1, 0.9]]), labels)
    np.testing.assert_allclose(found, [[0.9, 0.1], [0.5, 0.5]])
    # A class that training lacked stays impossible.
    found = restore_prior(np.array([[0.5, 0.5, 0.0]]), labels)
    np.testing.assert_allclose(found, [[0.9, 0.1, 0.0]])


def test_few_sites_without_a_slip_do_not_make_a_model_endlessly_sure() -> None:
    labels = np.array([0, 1] * 10)
    odds = np.where(labels == 1, 1.0, -1.0)
    parted = np.stack([1 / (1 + np.exp(odds)), 1 / (1 + np.exp(-odds))], axis=1)
    assert fit_temperature(parted, labels) < 0.1
    assert 0.3 < fit_temperature(parted, labels, penalty=PENALTY) < 1
