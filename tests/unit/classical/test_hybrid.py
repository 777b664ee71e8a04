from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from error_sequence_model.classical import align_held_out, fit_hybrids
from error_sequence_model.core import InputError
from error_sequence_model.statistics import compute_auprc

SITES = 900


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    """A model that knows half of what makes an error; a feature knows the rest."""
    rng = np.random.default_rng(0)
    ids = np.arange(SITES)
    known, unknown = rng.normal(size=(2, SITES))
    labels = (known + unknown + rng.normal(0, 0.5, SITES) > 0).astype(int)
    part = np.where(ids < 300, "train", np.where(ids < 600, "validation", "test"))
    held_out = ids[300:]
    predictions = pd.DataFrame(
        {
            "site_id": held_out,
            "part": part[300:],
            "label": labels[300:],
            "probability_correct": 1 - expit(known[300:]),
            "probability_error": expit(known[300:]),
        }
    )
    vectors = np.stack([known[300:], *rng.normal(size=(7, 600))], axis=1)
    embeddings = pd.DataFrame(vectors, columns=[f"v{k}" for k in range(8)])
    embeddings.insert(0, "site_id", held_out)
    features = pd.DataFrame(
        rng.normal(size=(SITES, 60)), columns=[f"noise:{k}" for k in range(60)]
    )
    features["element:planted"] = unknown
    return {
        "predictions": predictions,
        "embeddings": embeddings,
        "features": features,
        "genes": pd.Series([f"g{k // 3}" for k in ids], index=ids),
        "training": pd.Series(labels[:300], index=ids[:300]),
    }


def judge(predictions: pd.DataFrame, part: str = "test") -> dict[str, float]:
    rows = predictions[predictions["part"] == part]
    return {
        model: compute_auprc(
            frame["label"].to_numpy(), frame["probability_1"].to_numpy()
        )
        for model, frame in rows.groupby("model")
    }


def judge_alone(predictions: pd.DataFrame) -> float:
    test = predictions[predictions["part"] == "test"]
    return compute_auprc(test["label"].to_numpy(), test["probability_error"].to_numpy())


def test_features_add_what_the_model_does_not_know(tables) -> None:
    hybrid = fit_hybrids(align_held_out(**tables), name="encoder")
    test = tables["predictions"].query("part == 'test'")
    alone = compute_auprc(
        test["label"].to_numpy(), test["probability_error"].to_numpy()
    )
    scores = judge(hybrid.predictions)
    assert set(scores) == {"encoder + features", "encoder + features, trees"}
    assert min(scores.values()) > alone + 0.05
    # Inside the validation part no site is predicted by a fit on itself.
    inside = judge(hybrid.predictions, "validation")
    for model, score in scores.items():
        assert abs(inside[model] - score) < 0.06
    assert set(hybrid.predictions["kind"]) == {"hybrid"}


def test_shap_values_sum_to_the_model_and_find_the_feature(tables) -> None:
    hybrid = fit_hybrids(align_held_out(**tables), name="encoder")
    shap = hybrid.shap.set_index("site_id")
    assert list(hybrid.shap) == list(hybrid.values)
    strength = shap.abs().mean().sort_values(ascending=False)
    assert "element:planted" in strength.index[:3]
    assert any(name.startswith("model:") for name in strength.index[:3])
    trees = hybrid.predictions.query("model.str.endswith('trees') and part == 'test'")
    odds = trees.set_index("site_id")["probability_1"]
    odds = np.log(odds) - np.log1p(-odds)
    constant = odds - shap.sum(axis=1).reindex(odds.index)
    assert constant.std() < 1e-3


def test_noise_features_cost_little(tables) -> None:
    noisy = dict(tables)
    noisy["features"] = tables["features"].drop(columns="element:planted")
    hybrid = fit_hybrids(align_held_out(**noisy), name="encoder")
    test = tables["predictions"].query("part == 'test'")
    alone = compute_auprc(
        test["label"].to_numpy(), test["probability_error"].to_numpy()
    )
    assert all(score < alone + 0.02 for score in judge(hybrid.predictions).values())


def test_few_sites_give_no_hybrid_and_missing_ones_are_refused(tables) -> None:
    few = dict(tables)
    few["predictions"] = tables["predictions"].iloc[280:]
    hybrid = fit_hybrids(align_held_out(**few), name="encoder")
    assert hybrid.predictions.empty and hybrid.shap.empty
    with pytest.raises(InputError, match="embeddings do not hold"):
        align_held_out(**{**tables, "embeddings": tables["embeddings"].iloc[1:]})


def test_test_labels_have_no_say(tables) -> None:
    changed = dict(tables)
    predictions = tables["predictions"].copy()
    is_test = predictions["part"] == "test"
    predictions.loc[is_test, "label"] = 1 - predictions.loc[is_test, "label"]
    changed["predictions"] = predictions
    first = fit_hybrids(align_held_out(**tables), name="encoder")
    second = fit_hybrids(align_held_out(**changed), name="encoder")
    columns = ["probability_0", "probability_1"]
    pd.testing.assert_frame_equal(
        first.predictions[columns], second.predictions[columns]
    )
