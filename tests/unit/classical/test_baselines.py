"""Classical baselines: learnt on training, chosen on validation, one format for all."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.classical import (
    BASELINES,
    Rows,
    code_column,
    fit_baselines,
    fit_boosting,
    fit_logistic,
    fit_neighbours,
    make_rows,
    read_matrix,
)
from error_sequence_model.classical import baselines as classical
from error_sequence_model.classical.models import (
    BINS,
    NEIGHBOURS,
    scale_features,
    screen_features,
)
from error_sequence_model.core import InputError
from error_sequence_model.evaluation import compare_models, read_run_predictions
from error_sequence_model.features import learn_matrix, load_features, score_matrix
from feature_cases import make_case, write_case


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A case, its features, and the predictions of every baseline."""
    case = make_case(n_share=0.02)
    case[0].loc[3, "part"] = "excluded"
    path = write_case(tmp_path_factory.mktemp("features"), case)
    return case, path, fit_baselines(case[0], case[1], path, seed=1)


def test_every_held_out_site_is_predicted_by_every_baseline(fitted) -> None:
    (split, _, _), _, found = fitted
    assert found["model"].unique().tolist() == list(BASELINES)
    held = split.loc[split["part"].isin(["validation", "test"]), "site_id"]
    for model, rows in found.groupby("model"):
        assert sorted(rows["site_id"]) == sorted(held), model
        total = rows["probability_0"] + rows["probability_1"]
        assert np.allclose(total, 1), model
    kinds = found.drop_duplicates("model").set_index("model")["kind"].to_dict()
    references = [name for name, kind in kinds.items() if kind == "reference"]
    assert references == ["prevalence", "score"]


@pytest.mark.parametrize("model", ["kmers", "logistic", "boosting"])
def test_the_planted_cause_is_learnt(fitted, model) -> None:
    *_, found = fitted
    test = found[(found["part"] == "test") & (found["model"] == model)]
    right = (test["probability_1"] > 0.5) == test["label"]
    assert right.mean() > 0.7


def test_two_fits_are_equal_and_see_nothing_of_the_test_labels(fitted) -> None:
    (split, sites, _), path, found = fitted
    turned = split.copy()
    is_test = turned["part"] == "test"
    turned.loc[is_test, "label"] = 1 - turned.loc[is_test, "label"]
    again = fit_baselines(turned, sites, path, seed=1)
    columns = ["model", "site_id", "probability_1"]
    pd.testing.assert_frame_equal(found[columns], again[columns])


def test_sites_without_a_score_have_no_score_baseline(fitted) -> None:
    (split, sites, _), path, _ = fitted
    sites = sites.assign(score=sites["score"].where(sites["site_id"] != 5))
    found = fit_baselines(split, sites, path, models=["prevalence", "score", "cnn"])
    assert set(found["model"]) == {"prevalence"}
    with pytest.raises(InputError, match=r"'forest'.*boosting"):
        fit_baselines(split, sites, path, models=["forest"])


def test_score_aware_models_are_named_so_and_are_no_rivals(tmp_path) -> None:
    split, sites, windows = make_case()
    sites["score"] = split["label"] * 0.5 + sites["score"] * 0.1
    path = write_case(tmp_path, (split, sites, windows), score_aware=True)
    models = ["logistic", "strength"]
    found = fit_baselines(split, sites, path, models=models, score_aware=True)
    kinds = found.drop_duplicates("model").set_index("model")["kind"].to_dict()
    assert kinds == {"logistic score-aware": "reference", "strength": "baseline"}


def test_four_classes(tmp_path) -> None:
    split, sites, windows = make_case()
    split["label"] = (np.arange(240) % 4).astype("int8")
    path = write_case(tmp_path, (split, sites, windows))
    found = fit_baselines(split, sites, path, seed=1)
    columns = [f"probability_{k}" for k in range(4)]
    assert np.allclose(found[columns].sum(axis=1), 1)


def test_a_matrix_has_the_rows_asked_for(fitted) -> None:
    _, path, _ = fitted
    ids = np.array([7, 2, 200])
    gc = read_matrix(path, ids, fold=0, groups=["gc"])
    frame = pd.read_parquet(path).set_index("site_id")
    expected = frame.loc[ids, [c for c in frame if c.startswith("gc:")]]
    assert np.array_equal(gc, expected.to_numpy())
    coded = read_matrix(path, ids, fold=0, groups=["gc"], train=np.arange(3))
    assert coded.dtype == np.uint8
    with pytest.raises(InputError, match="some sites of the split are missing"):
        read_matrix(path, np.array([2, 999]), fold=0)


def _load(path, site_ids, *, fold: int) -> pd.DataFrame:
    return load_features(path, fold=fold)


def test_a_damaged_file_is_told_and_a_defect_is_no_damage(
    fitted, tmp_path, monkeypatch
) -> None:
    content = fitted[1].read_bytes()
    damaged = tmp_path / "features.parquet"
    for kept in (b"", content[:1000], content[:-1000], content[: len(content) // 2]):
        damaged.write_bytes(kept)
        for read in (read_matrix, _load):
            with pytest.raises(InputError, match="remove it and run again"):
                read(damaged, np.array([1, 2]), fold=0)

    def fail(values: np.ndarray, train: np.ndarray) -> np.ndarray:
        raise TypeError("a defect")

    monkeypatch.setattr(classical, "code_column", fail)
    with pytest.raises(TypeError, match="a defect"):
        read_matrix(fitted[1], np.array([1, 2]), fold=0, train=np.arange(2))


def test_codes_keep_the_order_and_know_what_is_missing() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=1000)
    values[::50] = np.nan
    train = np.arange(500)
    codes = code_column(values, train)
    known = np.isfinite(values)
    assert (codes[~known] == BINS - 1).all()
    order = np.argsort(values[known])
    assert (np.diff(codes[known][order].astype(int)) >= 0).all()
    counts = np.bincount(codes[train][np.isfinite(values[train])])
    assert len(counts) <= BINS - 1
    assert counts.max() < 20
    few = code_column(np.array([3.0, 1.0, 2.0, 2.4, 9.0, -1.0]), np.arange(3))
    assert few.tolist() == [2, 0, 1, 1, 2, 0]


def test_features_are_scaled_by_the_training_rows() -> None:
    values = np.array([[1.0, 5, np.nan], [3, 5, 2], [np.nan, 7, 4], [50, 9, 0]])
    scale_features(values, np.array([0, 1, 2]))
    # Median 2 stands in for the missing one: 1, 3, 2 with mean 2.
    assert values[:3, 0] == pytest.approx(np.array([-1, 1, 0]) / np.sqrt(2 / 3))
    assert values[3, 0] == pytest.approx(48 / np.sqrt(2 / 3))
    assert values[:3, 1].mean() == pytest.approx(0)
    assert np.isfinite(values).all()


def make_noise_rows(count: int, columns: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    features = rng.normal(size=(count, columns)).astype(np.float32)
    third = count // 3
    rows = Rows(
        labels,
        train=np.arange(third),
        validation=np.arange(third, 2 * third),
        held_out=np.arange(third, count),
    )
    return features, rows


def test_boosting_screens_many_features_by_the_training_rows() -> None:
    features, rows = make_noise_rows(300, 900)
    features[:, 17] += 3 * rows.labels
    chosen = screen_features(features, rows)
    assert len(chosen) == 400
    assert 17 in chosen
    assert (np.diff(chosen) > 0).all()
    turned = Rows(1 - rows.labels, rows.train, rows.validation, rows.held_out)
    turned.labels[rows.train] = rows.labels[rows.train]
    assert np.array_equal(chosen, screen_features(features, turned))
    assert len(screen_features(features[:, :50], rows)) == 50


@pytest.mark.parametrize("fit", [fit_logistic, fit_boosting])
def test_a_single_strong_feature_is_enough(fit) -> None:
    features, rows = make_noise_rows(300, 20)
    features[:, 3] += 4 * rows.labels
    found = fit(features, rows)
    assert ((found[:, 1] > 0.5) == rows.labels[rows.held_out]).mean() > 0.9


def test_validation_without_a_class_still_gives_a_model() -> None:
    features, rows = make_noise_rows(90, 5)
    rows.labels[rows.validation] = 0
    assert fit_logistic(features.copy(), rows).shape == (60, 2)
    assert fit_boosting(features.copy(), rows).shape == (60, 2)


def test_neighbours_vote_by_likeness() -> None:
    rng = np.random.default_rng(0)
    profiles = rng.integers(0, 8, (2, 40)).astype(np.float32)
    labels = np.arange(120) % 2
    features = profiles[labels] + rng.integers(0, 2, (120, 40)).astype(np.float32)
    rows = Rows(labels, np.arange(60), np.arange(60, 90), np.arange(60, 120))
    found = fit_neighbours(features.copy(), rows)
    assert ((found[:, 1] > 0.5) == labels[60:]).all()
    assert np.allclose(found.sum(axis=1), 1)
    small = Rows(labels[:8], np.arange(4), np.arange(4, 6), np.arange(4, 8))
    assert fit_neighbours(features[:8].copy(), small).shape == (4, 2)
    assert max(NEIGHBOURS) > 4


def test_rows_are_named_by_their_part() -> None:
    part = pd.DataFrame({"label": [0, 1, 1, 0]})
    part["part"] = ["test", "train", "validation", "train"]
    rows = make_rows(part, seed=3)
    assert rows.train.tolist() == [1, 3]
    assert rows.held_out.tolist() == [0, 2]
    assert rows.validation.tolist() == [2]


def test_weight_matrix_by_hand() -> None:
    aligned = np.array([[0, 2], [0, 3], [0, 4]])
    background = np.array([0, 1, 2, 3] * 5)
    weights = learn_matrix(aligned, background)
    assert weights[0, 0] == pytest.approx(np.log2((4 / 7) / 0.25))
    assert weights[1, 2] == pytest.approx(np.log2((2 / 6) / 0.25))
    assert weights[:, 4].tolist() == [0.0, 0.0]
    scores = score_matrix(aligned, weights)
    assert scores[2] == pytest.approx(weights[0, 0]), "an N says nothing"


def make_predictions(names: dict[str, str], same: bool = True) -> pd.DataFrame:
    """Predictions of models {name: kind} on the same 120 sites."""
    frames = []
    for seed, (name, kind) in enumerate(names.items()):
        rng = np.random.default_rng(0 if same else seed)
        labels = np.arange(120) % 2
        error = 1 / (1 + np.exp(-(labels * (1 + seed) + rng.standard_normal(120))))
        if same:
            error = 1 / (1 + np.exp(-(labels + rng.standard_normal(120))))
        frames.append(
            pd.DataFrame(
                {
                    "model": name,
                    "kind": kind,
                    "seed": 1 if kind == "backbone" else np.nan,
                    "fold": 0,
                    "site_id": np.arange(120),
                    "part": np.where(np.arange(120) < 80, "test", "validation"),
                    "label": labels,
                    "probability_0": 1 - error,
                    "probability_1": error,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


GENES = pd.Series([f"g{i // 2}" for i in range(120)], index=range(120))


def test_identical_predictions_differ_by_exactly_nothing() -> None:
    predictions = make_predictions({"kmers": "baseline", "encoder": "backbone"})
    table = compare_models(predictions, GENES, draws=100).set_index("model")
    row = table.loc["encoder"]
    assert (row["delta_auprc"], row["delta_low"], row["delta_high"]) == (0.0, 0.0, 0.0)
    assert row["against"] == "kmers"
    assert pd.isna(table.loc["kmers", "delta_auprc"])
    assert row["auprc_low"] <= row["auprc"] <= row["auprc_high"]
    assert row["n_sites"] == 80
    assert row["n_genes"] == 40


def test_the_rival_is_chosen_on_the_validation_part() -> None:
    names = {"weak": "baseline", "strong": "baseline", "x": "backbone"}
    predictions = make_predictions({**names, "score": "reference"}, same=False)
    is_strong = predictions["model"] == "strong"
    is_test = predictions["part"] == "test"
    # On the test part it would lose, and may not be passed over for that.
    spoilt = predictions.copy()
    spoilt.loc[is_strong & is_test, "probability_1"] = 0.5
    table = compare_models(spoilt, GENES, draws=50).set_index("model")
    assert table.loc["x", "against"] == "strong"
    better = compare_models(predictions, GENES, draws=100).set_index("model").loc["x"]
    assert better["delta_low"] <= better["delta_auprc"] <= better["delta_high"]
    assert better["delta_auprc"] > 0


def test_models_tested_on_different_sites_are_refused() -> None:
    predictions = make_predictions({"kmers": "baseline", "encoder": "backbone"})
    shorter = predictions.drop(index=predictions.index[-100])
    with pytest.raises(InputError, match="tested on different sites"):
        compare_models(shorter, GENES, draws=10)


def test_runs_are_named_by_their_path(tmp_path) -> None:
    run = tmp_path / "encoder" / "seed3" / "fold2"
    run.mkdir(parents=True)
    frame = pd.DataFrame({"site_id": [1], "part": "test", "label": 1, "logit": 0.5})
    frame = frame.assign(probability_correct=0.4, probability_error=0.6)
    frame.to_parquet(run / "predictions.parquet")
    (row,) = read_run_predictions([run]).to_dict("records")
    assert row == {
        "site_id": 1,
        "part": "test",
        "label": 1,
        "probability_0": 0.4,
        "probability_1": 0.6,
        "model": "encoder",
        "kind": "backbone",
        "seed": 3,
        "fold": 2,
    }
