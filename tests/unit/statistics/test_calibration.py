"""What balanced weights do to probabilities is undone; a temperature stays sane."""

from __future__ import annotations

import numpy as np
import pytest

from error_sequence_model.statistics import (
    PENALTY,
    balance_weights,
    calibrate_about_prior,
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


@pytest.mark.parametrize("sureness", [0.3, 1.0, 3.0])
def test_without_evidence_a_probability_is_the_prior(sureness: float) -> None:
    rng = np.random.default_rng(0)
    prior = np.array([0.9, 0.1])
    labels = (rng.random(4000) < prior[1]).astype(int)
    # Log-odds of an error beyond the prior's: evidence of known worth, held too surely.
    evidence = rng.normal(np.where(labels == 1, 1.0, -1.0), np.sqrt(2.0))
    logits = sureness * evidence + np.log(prior[1] / prior[0])
    odd = np.array([[0.9, 0.1]])
    given = 1 / (1 + np.exp(-logits))
    given = np.vstack([np.column_stack([1 - given, given]), odd])
    held = np.arange(2000)
    found = calibrate_about_prior(given, np.append(labels, 0), held, prior)
    np.testing.assert_allclose(found[-1], prior, atol=1e-9)
    sound = 1 / (1 + np.exp(-evidence - np.log(prior[1] / prior[0])))
    assert np.abs(found[2000:-1, 1] - sound[2000:]).mean() < 0.02
