"""The small CNN: what it learns, what it may see, and that it repeats itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from error_sequence_model.classical import fit_cnn_baseline
from error_sequence_model.classical.cnn import DilatedCnn, fit_cnn
from error_sequence_model.core import InputError
from error_sequence_model.settings import CnnSettings
from error_sequence_model.statistics import compute_macro_auprc
from feature_cases import UPSTREAM, make_case

SMALL = CnnSettings(channels=8, kernel=5, dilations=(1, 2), epochs=6, batch_size=32)


def make_arrays(count: int = 360):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 5, (count, 60)).astype(np.int8)
    labels = np.arange(count) % 2
    codes[labels == 1, 20:28] = 3
    parts = np.resize(np.repeat(["train", "validation", "test"], [8, 2, 2]), count)
    return codes, np.zeros(count, dtype=bool), labels, parts


def test_it_has_the_size_it_is_known_for() -> None:
    model = DilatedCnn(CnnSettings(), upstream=200, classes=2)
    assert 95_000 < sum(p.numel() for p in model.parameters()) < 102_000


def test_it_sees_the_whole_window_through_the_junction() -> None:
    """With the pooled vectors cut off, a base 200 nt away still moves the logits."""
    torch.manual_seed(0)
    model = DilatedCnn(CnnSettings(), upstream=200, classes=2).eval()
    windows = torch.zeros(1, 5, 400)
    windows[0, 0] = 1.0
    changed = windows.clone()
    changed[0, :4, 0] = torch.tensor([0.0, 0.0, 0.0, 5.0])
    hidden = model.blocks(model.stem(torch.cat([windows, changed])))
    assert not torch.equal(hidden[0, :, 200], hidden[1, :, 200])


def test_a_planted_motif_is_learnt_and_the_fit_repeats() -> None:
    data = make_arrays()
    found, history = fit_cnn(*data, SMALL, upstream=30, seed=1)
    is_test = data[3] == "test"
    assert ((found[is_test, 1] > 0.5) == data[2][is_test]).mean() > 0.95
    assert np.allclose(found.sum(axis=1), 1)
    again, _ = fit_cnn(*data, SMALL, upstream=30, seed=1)
    assert np.array_equal(found, again)
    other, _ = fit_cnn(*data, SMALL, upstream=30, seed=2)
    assert not np.array_equal(found, other)
    assert len(history) <= SMALL.epochs


def test_the_best_epoch_is_kept_and_patience_ends_it() -> None:
    codes, is_donor, labels, parts = make_arrays(240)
    labels = np.random.default_rng(1).permutation(labels)
    settings = CnnSettings(
        channels=4, kernel=3, dilations=(1,), epochs=40, patience=2, batch_size=64
    )
    found, history = fit_cnn(
        codes, is_donor, labels, parts, settings, upstream=30, seed=1
    )
    values = [row["validation_auprc"] for row in history]
    best = len(values) - 1 - int(np.argmax(values[::-1]))  # the last of equals
    assert len(history) == best + 1 + settings.patience
    held = parts == "validation"
    assert compute_macro_auprc(labels[held], found[held]) == pytest.approx(max(values))
    assert values[-1] < max(values)


def test_test_labels_and_test_windows_teach_nothing() -> None:
    codes, is_donor, labels, parts = make_arrays(240)
    found, _ = fit_cnn(codes, is_donor, labels, parts, SMALL, upstream=30, seed=1)
    is_test = parts == "test"
    turned = np.where(is_test, 1 - labels, labels)
    again, _ = fit_cnn(codes, is_donor, turned, parts, SMALL, upstream=30, seed=1)
    assert np.array_equal(found, again)
    changed = np.where(is_test[:, None], 0, codes).astype(np.int8)
    third, _ = fit_cnn(changed, is_donor, labels, parts, SMALL, upstream=30, seed=1)
    assert np.array_equal(found[~is_test], third[~is_test])


def test_donors_and_acceptors_are_told_apart() -> None:
    """The same windows, labelled by their splice type: only the extra channel helps."""
    codes, _, labels, parts = make_arrays(240)
    codes[:, 20:28] = 4
    longer = replace(SMALL, epochs=12)  # so few sites make few steps of an epoch
    found, _ = fit_cnn(codes, labels == 1, labels, parts, longer, upstream=30, seed=1)
    assert ((found[:, 1] > 0.5) == labels).mean() > 0.95


def test_its_predictions_are_those_of_a_baseline() -> None:
    split, sites, windows = make_case()
    split.loc[3, "part"] = "excluded"
    found = fit_cnn_baseline(split, sites, windows, SMALL, seed=1)
    held = split.loc[split["part"].isin(["validation", "test"]), "site_id"]
    assert sorted(found["site_id"]) == sorted(held)
    assert set(found["model"]) == {"cnn"} and set(found["kind"]) == {"baseline"}
    assert windows.upstream == UPSTREAM


def test_an_even_kernel_is_refused() -> None:
    with pytest.raises(InputError, match="must be odd"):
        CnnSettings(kernel=8)
    with pytest.raises(InputError, match="unknown key layers"):
        CnnSettings.from_mapping({"layers": 3})
