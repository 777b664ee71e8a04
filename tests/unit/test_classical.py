from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.classical import (
    FEATURES,
    count_kmers,
    encode_bases,
    fit_baselines,
    learn_matrix,
    score_matrix,
)
from error_sequence_model.comparison import compare_models, read_run_predictions
from error_sequence_model.errors import InputError

UPSTREAM, LENGTH = 30, 60


class FakeWindows:
    """What `fit_baselines` reads of windows."""

    upstream = UPSTREAM

    def __init__(self, sequences: list[str]) -> None:
        self.matrix = np.array([list(s.encode()) for s in sequences], dtype=np.uint8)

    def get_matrix(self, site_ids: np.ndarray) -> np.ndarray:
        return self.matrix[site_ids]


def make_case(count: int = 240, *, n_share: float = 0.0):
    """Errors have a poly-T upstream; donors and acceptors alternate."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, (count, LENGTH))
    labels = (np.arange(count) // 2) % 2
    codes[:, UPSTREAM : UPSTREAM + 2] = [2, 3]
    codes[labels == 1, 10:16] = 3
    letters = np.array(list("ACGT"))[codes]
    letters[rng.random(letters.shape) < n_share] = "N"
    sites = pd.DataFrame(
        {
            "site_id": np.arange(count),
            "splice_type": np.where(np.arange(count) % 2, "donor", "acceptor"),
            "pred_type": np.where(labels == 1, "FP", "TP"),
            "score": rng.random(count),
            "gene_id": [f"g{i // 3}" for i in range(count)],
        }
    )
    split = sites[["site_id"]].assign(label=labels.astype("int8"), fold=0)
    split["part"] = np.resize(["train"] * 4 + ["validation", "test"], count)
    return split, sites, FakeWindows(["".join(row) for row in letters])


def test_kmers_are_counted_as_by_hand() -> None:
    rng = np.random.default_rng(1)
    sequences = ["".join(rng.choice(list("ACGTN"), 37)) for _ in range(12)]
    matrix = np.array([list(s.encode()) for s in sequences], dtype=np.uint8)
    found = count_kmers(encode_bases(matrix))
    words = ["".join(letters) for letters in product("ACGT", repeat=4)]
    for row, sequence in enumerate(sequences):
        expected = [
            sum(sequence[i : i + 4] == word for i in range(len(sequence) - 3))
            for word in words
        ]
        assert found[row].tolist() == expected
    assert found.dtype == np.float32


def test_weight_matrix_by_hand() -> None:
    aligned = np.array([[0, 2], [0, 3], [0, 4]])
    background = np.array([0, 1, 2, 3] * 5)
    weights = learn_matrix(aligned, background)
    assert weights[0, 0] == pytest.approx(np.log2((4 / 7) / 0.25))
    assert weights[1, 2] == pytest.approx(np.log2((2 / 6) / 0.25))
    assert weights[:, 4].tolist() == [0.0, 0.0]
    scores = score_matrix(aligned, weights)
    assert scores[2] == pytest.approx(weights[0, 0]), "an N says nothing"


def test_strength_is_learnt_from_annotated_training_sites_alone() -> None:
    split, sites, windows = make_case()
    codes = encode_bases(windows.matrix)
    is_train = (split["part"] == "train").to_numpy()
    is_used = is_train & (sites["pred_type"] == "TP").to_numpy()
    before = FEATURES["strength"](sites, codes, UPSTREAM, is_train)
    other = codes.copy()
    other[~is_used] = (other[~is_used] + 1) % 4
    after = FEATURES["strength"](sites, other, UPSTREAM, is_train)
    assert np.array_equal(before[is_used], after[is_used])
    changed = codes.copy()
    changed[is_used] = 0
    assert not np.array_equal(
        before[~is_used],
        FEATURES["strength"](sites, changed, UPSTREAM, is_train)[~is_used],
    )


def test_baselines_see_nothing_of_the_held_out_labels() -> None:
    split, sites, windows = make_case()
    found = fit_baselines(split, sites, windows, seed=1)
    turned = split.copy()
    held = turned["part"] != "train"
    turned.loc[held, "label"] = 1 - turned.loc[held, "label"]
    again = fit_baselines(turned, sites, windows, seed=1)
    columns = ["model", "site_id", "probability_1"]
    pd.testing.assert_frame_equal(found[columns], again[columns])


def test_every_held_out_site_is_predicted_by_every_baseline() -> None:
    split, sites, windows = make_case(n_share=0.02)
    split.loc[3, "part"] = "excluded"
    found = fit_baselines(split, sites, windows, seed=1)
    assert found["model"].unique().tolist() == list(FEATURES)
    held = split.loc[split["part"].isin(["validation", "test"]), "site_id"]
    for model, rows in found.groupby("model"):
        assert sorted(rows["site_id"]) == sorted(held), model
        total = rows["probability_0"] + rows["probability_1"]
        assert np.allclose(total, 1)
    kinds = found.drop_duplicates("model").set_index("model")["kind"].to_dict()
    assert kinds == {
        "prevalence": "reference",
        "score": "reference",
        "strength": "baseline",
        "kmers": "baseline",
    }
    test = found[(found["part"] == "test") & (found["model"] == "kmers")]
    right = (test["probability_1"] > 0.5) == test["label"]
    assert right.mean() > 0.8
    again = fit_baselines(split, sites, windows, seed=1)
    pd.testing.assert_frame_equal(found, again)


def test_sites_without_a_score_have_no_score_baseline() -> None:
    split, sites, windows = make_case(120)
    sites.loc[5, "score"] = np.nan
    found = fit_baselines(split, sites, windows, seed=1)
    assert "score" not in set(found["model"])


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
