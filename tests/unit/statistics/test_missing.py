"""Features that no row has do not stop boosting."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from error_sequence_model.statistics import fill_empty_columns


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_empty_columns_are_constant_and_others_stay(kind) -> None:
    values = np.random.default_rng(1).random((60, 4)).astype(kind)
    values[:, 1] = np.nan
    values[3, 2] = np.nan
    filled = fill_empty_columns(values)
    assert filled.dtype == kind
    assert not filled[:, 1].any()
    np.testing.assert_array_equal(filled[:, [0, 2, 3]], values[:, [0, 2, 3]])
    labels = np.arange(60) % 2
    with pytest.raises(ValueError, match="window shape"):
        HistGradientBoostingClassifier(max_bins=64).fit(values, labels)
    model = HistGradientBoostingClassifier(max_bins=64).fit(filled, labels)
    # Whatever the column holds later, nothing is read from it.
    expected = model.predict_proba(filled)
    np.testing.assert_array_equal(model.predict_proba(values), expected)


def test_full_and_whole_numbers_are_given_back() -> None:
    for values in (np.ones((3, 2)), np.zeros((3, 2), np.uint8), np.ones((0, 2))):
        assert fill_empty_columns(values) is values
