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
