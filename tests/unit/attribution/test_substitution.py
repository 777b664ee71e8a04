"""Substitution of windows, on models whose answer is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from additive_model import AdditiveModel
from error_sequence_model.attribution import (
    attribute,
    attribute_by_substitution,
    predict_targets,
    replace_windows,
)
from error_sequence_model.core import InputError
from error_sequence_model.datasets import SequenceDataset
from error_sequence_model.notebook import prepare_datasets_for_training
from tiny_models import draw_sequences, make_tiny_classifier

CPU = torch.device("cpu")


LENGTH = 41


def make_dataset(count: int = 12) -> tuple[SequenceDataset, list[str]]:
    sequences = draw_sequences(np.random.default_rng(0), count + 1, LENGTH, LENGTH)
    frame = pd.DataFrame({"sequence": sequences, "label": np.arange(count + 1) % 2})
    dataset, _ = prepare_datasets_for_training(frame[:count], frame[count:])
    return dataset, sequences[:count]


def test_substitution_on_an_additive_model_is_the_smoothed_effect() -> None:
    dataset, sequences = make_dataset(1)
    text = sequences[0]
    values = np.zeros((LENGTH, 4))
    for place, effect in ((10, 3.0), (25, -2.0), (LENGTH - 1, 5.0)):
        values[place, "ACGT".index(text[place])] = effect
    model = AdditiveModel(values).eval()
    maps, target = attribute_by_substitution(
        model, dataset, sequences, device=CPU, seed=1, draws=2
    )
    assert target[0] == pytest.approx(6.0)
    # Any other base loses the whole effect: no chance is left in the result.
    starts = [*range(0, LENGTH - 3, 2), LENGTH - 4]
    expected, covered = np.zeros(LENGTH), np.zeros(LENGTH)
    effects = values.sum(axis=1)
    for start in starts:
        window = slice(start, start + 4)
        expected[window] += effects[window].sum() / 4
        covered[window] += 1
    assert covered.min() >= 1, "also the last base is tested"
    assert np.allclose(maps[0], expected / covered, atol=1e-5)
    assert maps[0, LENGTH - 1] > 0


def test_one_base_at_a_time_gives_the_effects_themselves() -> None:
    dataset, sequences = make_dataset(3)
    rng = np.random.default_rng(2)
    effects = rng.standard_normal((3, LENGTH))
    for site, text in enumerate(sequences):
        values = np.zeros((LENGTH, 4))
        for place, base in enumerate(text):
            values[place, "ACGT".index(base)] = effects[site, place]
        maps, _ = attribute_by_substitution(
            AdditiveModel(values).eval(),
            dataset.select([site]),
            [text],
            device=CPU,
            seed=1,
            width=1,
            stride=1,
            draws=1,
        )
        assert np.allclose(maps[0], effects[site], atol=1e-4)


def test_replaced_windows_differ_there_and_nowhere_else() -> None:
    text = "ACGTNACGTACGT"
    starts = np.array([0, 3, 9])
    found = replace_windows(text, starts, 4, 2, np.random.default_rng(0))
    assert len(found) == 6
    for index, changed in enumerate(found):
        start = starts[index // 2]
        differs = [a != b for a, b in zip(text, changed, strict=True)]
        assert all(differs[start : start + 4])
        assert sum(differs) == 4


def test_substitution_needs_equal_lengths_and_repeats_with_its_seed() -> None:
    dataset, sequences = make_dataset(2)
    model = make_tiny_classifier().eval()
    with pytest.raises(InputError, match="one length"):
        attribute_by_substitution(
            model, dataset, [sequences[0], "ACGT"], device=CPU, seed=1
        )
    first, second = (
        attribute(model, dataset, "occlusion", sequences=sequences, seed=4)
        for _ in range(2)
    )
    assert np.array_equal(first.attributions, second.attributions)
    targets = predict_targets(model, dataset, sequences, dataset.junctions, device=CPU)
    assert np.allclose(first.target, targets, atol=1e-6)
