"""Curves along given orders."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from additive_model import AdditiveModel
from error_sequence_model.faithfulness.perturbation import SHARES, measure_curves
from error_sequence_model.notebook import prepare_datasets_for_training
from tiny_models import draw_sequences

LENGTH = 41


def measure(values: dict[int, float], orders: dict[str, list[int]]):
    """Curves of one site whose own bases carry ``values``; any other base, nothing."""
    text, other = draw_sequences(np.random.default_rng(0), 2, LENGTH, LENGTH)
    frames = [pd.DataFrame({"sequence": [t], "label": [0]}) for t in (text, other)]
    dataset, _ = prepare_datasets_for_training(*frames)
    table = np.zeros((LENGTH, 4))
    for place, value in values.items():
        table[place, "ACGT".index(text[place])] = value
    rest = {
        name: [p for p in range(LENGTH) if p not in o] for name, o in orders.items()
    }
    return measure_curves(
        AdditiveModel(table).eval(),
        dataset,
        [text],
        {0: {name: np.array(orders[name] + rest[name]) for name in orders}},
        np.array([sum(values.values())]),
        device=torch.device("cpu"),
        seed=1,
    )


def test_curves_of_a_known_model_are_exact() -> None:
    values = {5: 4.0, 18: 2.0, 19: 1.0, 30: -3.0}
    orders = {"best": [5, 18, 19], "worst": [30]}
    found = measure(values, orders)
    assert list(SHARES) == ["deletion", "insertion"]
    # 2 %, 5 % and 10 % of 41 bases are 1, 2 and 4 bases; the fourth costs nothing.
    assert found["deletion"]["best"][0] == pytest.approx([4, 6, 7])
    # 5 %, 10 % and 20 % are 2, 4 and 8 bases, put back into a sequence worth nothing.
    assert found["insertion"]["best"][0] == pytest.approx([6, 7, 7])
    # The others follow by place: 5 is the sixth base.
    assert found["deletion"]["worst"][0] == pytest.approx([-3, -3, -3])
    assert found["insertion"]["worst"][0] == pytest.approx([-3, -3, 1])


def test_the_predicted_side_is_what_is_supported() -> None:
    found = measure({5: 2.0, 18: -4.0, 30: -1.0}, {"negative": [18, 30]})
    assert found["deletion"]["negative"][0] == pytest.approx([4, 5, 5])
    assert found["insertion"]["negative"][0] == pytest.approx([5, 5, 3])


def test_nothing_is_inserted_where_a_blank_sequence_looks_alike() -> None:
    found = measure({5: 0.05, 6: -0.01}, {"any": [5]})
    assert found["insertion"] == {}
    assert set(found["deletion"]) == {"any"}
