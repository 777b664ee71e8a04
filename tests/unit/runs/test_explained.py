"""Which sites are explained."""

from __future__ import annotations

import numpy as np
import pandas as pd

from error_sequence_model.runs import choose_sites


def test_chosen_sites_are_a_fixed_sample_of_each_class() -> None:
    test = pd.DataFrame({"site_id": np.arange(50)[::-1], "label": np.arange(50) % 2})
    chosen = choose_sites(test, per_class=7, seed=1)
    assert (np.diff(chosen) > 0).all()
    assert len(chosen) == 14
    labels = test.set_index("site_id")["label"].loc[chosen]
    assert labels.sum() == 7
    shuffled = test.sample(frac=1, random_state=0)
    assert np.array_equal(choose_sites(shuffled, per_class=7, seed=1), chosen)
    assert not np.array_equal(choose_sites(test, per_class=7, seed=2), chosen)
    assert len(choose_sites(test, per_class=1000, seed=1)) == 50
