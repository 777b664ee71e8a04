from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.core import InputError
from error_sequence_model.evaluation import stack_models
from error_sequence_model.evaluation.ensemble import fit_stack
from error_sequence_model.statistics import (
    adjust_holm,
    compare_pairs,
    compute_auprc,
    compute_p_value,
    score_models,
)
from fake_predictions import draw_models, make_predictions


def get_test_auprc(frame: pd.DataFrame) -> float:
    test = frame[frame["part"] == "test"]
    return compute_auprc(test["label"].to_numpy(), test["probability_1"].to_numpy())


def test_independent_models_are_better_together() -> None:
    labels, odds = draw_models(4000, {"a": 0.7, "b": 0.7, "noise": 0.0})
    predictions = make_predictions(odds, labels)
    stacked, weights = stack_models(predictions)
    single = max(
        get_test_auprc(predictions[predictions["model"] == name]) for name in odds
    )
    assert get_test_auprc(stacked) > single + 0.02
    share = weights.set_index("model")["share"]
    assert share.sum() == pytest.approx(1)
    assert share["noise"] < 0.1 < share["a"] and share["b"] > 0.3
    assert (weights["weight"] >= 0).all()
    probabilities = stacked[["probability_0", "probability_1"]].to_numpy()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert set(stacked["kind"]) == {"ensemble"}


def test_stacking_noise_gains_nothing() -> None:
    gains = []
    for seed in range(20):
        labels, odds = draw_models(400, {f"m{k}": 0.0 for k in range(6)}, seed)
        predictions = make_predictions(odds, labels)
        stacked, _ = stack_models(predictions)
        best = predictions[predictions["model"] == "m0"]
        gains.append(get_test_auprc(stacked) - get_test_auprc(best))
    standard_error = np.std(gains, ddof=1) / np.sqrt(len(gains))
    assert abs(np.mean(gains)) < 3 * standard_error


def test_references_and_test_labels_have_no_say() -> None:
    labels, odds = draw_models(600, {"a": 1.0, "b": 0.5})
    models = make_predictions(odds, labels)
    oracle = make_predictions({"score": 20.0 * (2 * labels - 1)}, labels)
    plain, weights = stack_models(models)
    both, _ = stack_models(pd.concat([models, oracle.assign(kind="reference")]))
    pd.testing.assert_frame_equal(plain, both)
    flipped = models.copy()
    is_test = flipped["part"] == "test"
    flipped.loc[is_test, "label"] = 1 - flipped.loc[is_test, "label"]
    _, unchanged = stack_models(flipped)
    pd.testing.assert_frame_equal(weights, unchanged)


def test_seeds_are_averaged_and_folds_stacked_apart() -> None:
    labels, odds = draw_models(300, {"a": 1.0})
    frames = [
        make_predictions(odds, labels, seed=seed, fold=fold)
        for seed in (1, 2)
        for fold in (0, 1)
    ]
    stacked, weights = stack_models(pd.concat(frames))
    assert list(weights["fold"]) == [0, 1]
    assert len(stacked) == 600


def test_one_class_or_no_validation_gives_the_mean() -> None:
    logs = np.log(np.full((2, 5, 2), 0.5))
    for labels in (np.zeros(5, dtype=int), np.zeros(0, dtype=int)):
        stack = fit_stack(logs[:, : len(labels)], labels)
        np.testing.assert_array_equal(stack.weights, [0.5, 0.5])


def test_other_sites_are_refused() -> None:
    labels, odds = draw_models(40, {"a": 1.0, "b": 1.0})
    predictions = make_predictions(odds, labels)
    with pytest.raises(InputError, match="different sites"):
        stack_models(predictions.iloc[:-1])
    with pytest.raises(InputError, match="other sites"):
        score_models(predictions.iloc[:-1], pd.Series(dtype=object), draws=10)


def test_pairs_are_paired_and_adjusted() -> None:
    labels, odds = draw_models(1500, {"good": 1.2, "twin": 1.2, "poor": 0.2})
    odds["twin"] = odds["good"]
    genes = pd.Series([f"g{k // 3}" for k in range(1500)])
    scores = score_models(make_predictions(odds, labels), genes, draws=400)
    pairs = compare_pairs(scores).set_index(["model", "other"])
    twins = pairs.loc[("good", "twin")]
    assert twins["delta_auprc"] == 0 and twins["delta_auprc_high"] == 0
    assert twins["p_holm"] == 1
    better = pairs.loc[("good", "poor")]
    assert better["delta_auprc_low"] > 0.1 and better["delta_auroc_low"] > 0.1
    assert better["p_value"] <= better["p_holm"] < 0.05


def test_a_score_is_the_mean_of_folds_by_their_sites() -> None:
    """Folds whose models have other scales are not ranked against each other."""
    labels = np.tile([0, 1], 150)
    odds = np.where(labels == 1, 1.0, -1.0)
    first = make_predictions({"m": odds}, labels, part=np.full(300, "test"))
    second = make_predictions({"m": odds - 5}, labels, part=np.full(300, "test"))
    second = second.assign(fold=1, site_id=second["site_id"] + 300)
    genes = pd.Series([f"g{k}" for k in range(600)])
    scores = score_models(pd.concat([first, second]), genes, draws=50)
    score = scores[("backbone", "m")]["auprc"]
    assert score.value == 1.0 and len(score.seeds) == 1
    np.testing.assert_array_equal(score.sampled, 1.0)
    pooled = np.concatenate([odds, odds - 5])
    assert compute_auprc(np.tile(labels, 2), pooled) < 1


def test_holm_by_hand() -> None:
    adjusted = adjust_holm(np.array([0.04, 0.01, np.nan, 0.03]))
    np.testing.assert_allclose(adjusted, [0.06, 0.03, np.nan, 0.06])


def test_p_value_of_a_difference() -> None:
    rng = np.random.default_rng(1)
    assert compute_p_value(rng.normal(size=999), 40) > 0.5
    assert compute_p_value(rng.normal(10, 1, size=999), 10**9) == pytest.approx(0.002)
    assert np.isnan(compute_p_value(np.array([np.nan]), 40))
