"""Classical models where features say nothing."""

from __future__ import annotations

import numpy as np
import pytest

from error_sequence_model.classical import (
    Rows,
    code_column,
    fit_boosting,
    fit_constant,
    fit_logistic,
    fit_neighbours,
)
from error_sequence_model.statistics import compute_ece


def fit_coded_boosting(features: np.ndarray, rows: Rows) -> np.ndarray:
    """As the workflow does: binned by the training rows."""
    coded = [code_column(column, rows.train) for column in features.T]
    return fit_boosting(np.stack(coded, axis=1), rows)


@pytest.mark.parametrize("prevalence", [0.04, 0.13, 0.33])
@pytest.mark.parametrize("name", ["logistic", "boosting"])
def test_probabilities_are_at_the_prevalence(name: str, prevalence: float) -> None:
    """Balanced class weights alone would say one half where nothing is known."""
    rng = np.random.default_rng(2)
    count = 24_000
    known = rng.normal(size=count)
    odds = 1.5 * known + np.log(prevalence / (1 - prevalence)) - 0.5
    labels = (rng.random(count) < 1 / (1 + np.exp(-odds))).astype(int)
    train, validation, test = np.split(np.arange(count), [4_000, 8_000])
    rows = Rows(labels, train, validation, np.concatenate([validation, test]), seed=1)
    fit = {"logistic": fit_logistic, "boosting": fit_coded_boosting}[name]
    found = fit(known[:, None].astype(np.float32), rows)
    said, truth = found[len(validation) :, 1], labels[test] == 1
    assert said.mean() == pytest.approx(truth.mean(), abs=0.015)
    # Trees of one feature are no perfect model; a line in the odds is.
    if name == "logistic":
        assert compute_ece(truth, said) <= 0.02


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
