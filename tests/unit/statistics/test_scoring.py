"""Scores where numbers break: ties, constants."""

from __future__ import annotations

import numpy as np
import pytest

from error_sequence_model.statistics import (
    choose_threshold,
    compute_auprc,
    compute_auroc,
)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_scores_that_are_all_equal_rank_nothing(value):
    labels, scores = np.array([1, 0, 0, 1, 0]), np.full(5, value)
    assert compute_auroc(labels, scores) == 0.5
    assert compute_auprc(labels, scores) == pytest.approx(0.4)
    assert choose_threshold(labels, scores) == 0.5
    # The order of the sites is no rank.
    assert compute_auprc(labels[::-1], scores) == pytest.approx(0.4)
