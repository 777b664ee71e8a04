"""Probabilities are put right, and what is wrong with them is told from chance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, log_expit, log_softmax

from error_sequence_model.statistics import (
    balance_weights,
    calibrate_about_prior,
    check_calibration,
    compute_ece,
    cut_by_mass,
    fit_scaling,
    fit_temperature,
    restore_prior,
)

EVEN = np.log([0.5, 0.5])


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
    evidence = np.stack([log_expit(-odds), log_expit(odds)], axis=1)
    assert fit_temperature(np.exp(evidence), labels) < 0.1
    assert 0.3 < fit_scaling(evidence, labels, EVEN).temperature < 1


def draw_sites(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Log odds of a perfect model, a third of errors, and what happened."""
    odds = rng.normal(-1, 2, count)
    return odds, rng.random(count) < expit(odds)


def test_a_level_and_a_scale_that_are_off_are_found() -> None:
    rng = np.random.default_rng(3)
    odds, is_error = draw_sites(20_000, rng)
    prior = np.log([0.7, 0.3])
    off = 2 * (odds - prior[1] + prior[0] - 0.8)
    evidence = np.stack([log_expit(-off), log_expit(off)], axis=1)
    temperature, offsets = fit_scaling(evidence, is_error.astype(int), prior)
    assert temperature == pytest.approx(2, rel=0.05)
    assert np.diff(offsets - prior) == pytest.approx(0.8, abs=0.1)
    logs = evidence / temperature + offsets
    assert compute_ece(is_error, expit(logs[:, 1] - logs[:, 0])) < 0.012


def test_levels_of_three_classes_are_found() -> None:
    rng = np.random.default_rng(4)
    logits = rng.normal(0, 1.5, (30_000, 3))
    shares = np.exp(log_softmax(logits, axis=1)).cumsum(axis=1)
    labels = (rng.random((30_000, 1)) > shares).sum(axis=1)
    wrong = log_softmax(logits + np.array([0.0, 1.0, -1.0]), axis=1)
    temperature, offsets = fit_scaling(wrong, labels, np.zeros(3))
    assert temperature == pytest.approx(1, abs=0.05)
    np.testing.assert_allclose(offsets, [0, -1, 1], atol=0.06)


def test_few_sites_hold_the_level_near_the_prior() -> None:
    one = np.zeros((8, 2))
    labels = np.array([1] * 7 + [0])
    _, offsets = fit_scaling(one, labels, EVEN)
    assert 0.2 < np.diff(offsets) < np.log(7) / 2
    nothing = fit_scaling(one, np.ones(8, dtype=int), EVEN)
    assert nothing.temperature == 1 and (nothing.offsets == EVEN).all()


def test_a_perfect_model_on_few_sites_is_not_blamed() -> None:
    """Of 330 sites its plain error is 0.06, and all of that is chance."""
    rng = np.random.default_rng(0)
    plain, checks = [], []
    for _ in range(60):
        odds, is_error = draw_sites(330, rng)
        plain.append(compute_ece(is_error, expit(odds)))
        checks.append(check_calibration(is_error, expit(odds)))
    by_chance, p_values, beyond = np.array(checks).T
    assert np.mean(plain) > 0.05
    assert by_chance.mean() == pytest.approx(np.mean(plain), abs=0.004)
    assert np.mean(beyond) <= 0.02 and np.median(beyond) < 0.01
    # As often as it should: three in sixty; eight are one in a hundred such tests.
    assert (p_values < 0.05).sum() < 8
    assert 0.3 < p_values.mean() < 0.7


@pytest.mark.parametrize(("scale", "shift"), [(2.5, 0.0), (1.0, 1.2), (0.4, 0.0)])
def test_a_model_that_is_off_is_seen_on_few_sites(scale: float, shift: float) -> None:
    rng = np.random.default_rng(1)
    beyond, true, p_values = [], [], []
    for _ in range(20):
        odds, is_error = draw_sites(330, rng)
        said = expit(scale * odds + shift)
        check = check_calibration(is_error, said)
        beyond.append(check.beyond_chance**2)
        true.append(np.mean((said - expit(odds)) ** 2))
        p_values.append(check.p_value)
    assert np.mean(beyond) == pytest.approx(np.mean(true), rel=0.25)
    assert np.mean(np.array(p_values) < 0.05) >= 0.9


def test_no_sites_have_no_calibration() -> None:
    assert np.isnan(check_calibration(np.zeros(0, bool), np.zeros(0))).all()


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
    np.testing.assert_allclose(found[-1], prior, atol=0.02)
    sound = 1 / (1 + np.exp(-evidence - np.log(prior[1] / prior[0])))
    assert np.abs(found[2000:-1, 1] - sound[2000:]).mean() < 0.02


def test_what_is_tied_lies_in_one_bin_whatever_its_order() -> None:
    """A model that knows nothing is right: half of what it says has a half."""
    is_error, half = np.repeat([True, False], 50), np.full(100, 0.5)
    assert compute_ece(is_error, half) == 0
    check = check_calibration(is_error, half)
    assert check.beyond_chance == 0 and check.p_value > 0.9
    said = np.repeat([0.2, 0.7, 0.9], [30, 50, 20])
    is_error = np.concatenate(
        [np.arange(k) < n for k, n in ((30, 9), (50, 25), (20, 18))]
    )
    expected = (30 * 0.1 + 50 * 0.2 + 20 * 0.0) / 100
    order = np.random.default_rng(0).permutation(100)
    for rows in (np.arange(100), order):
        assert compute_ece(is_error[rows], said[rows]) == pytest.approx(expected)
    assert [len(part) for part in cut_by_mass(said, 15)] == [30, 50, 20]
    assert [len(part) for part in cut_by_mass(np.arange(10.0), 3)] == [4, 3, 3]
