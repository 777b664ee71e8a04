from __future__ import annotations

import numpy as np
import pytest

from error_sequence_model.statistics import combine_p_values


def test_a_combined_p_value_is_small_where_most_are() -> None:
    assert combine_p_values([0.03]) == 0.03
    assert combine_p_values([0.03, 0.2]) == 0.2
    assert combine_p_values([0.9, 0.01, 0.02]) == pytest.approx(0.03)
    assert combine_p_values([0.001, 0.8, 0.9]) == 1.0


@pytest.mark.parametrize("weight", [0.0, 0.9, 1.0])
def test_it_holds_its_level_however_the_p_values_depend(weight: float) -> None:
    rng = np.random.default_rng(0)
    shared, own = rng.random((4000, 1)), rng.random((4000, 3))
    p_values = np.where(rng.random((4000, 3)) < weight, shared, own)
    found = np.array([combine_p_values(row) for row in p_values])
    assert (found < 0.05).mean() <= 0.06
