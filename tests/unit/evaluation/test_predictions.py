from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
import torch

from error_sequence_model import evaluate_error_sequence_model
from error_sequence_model.classifier import compute_probabilities, predict_logits
from error_sequence_model.core import InputError
from error_sequence_model.evaluation import evaluate_sites, predict_sites
from error_sequence_model.notebook import prepare_datasets_for_training
from error_sequence_model.statistics import compute_metrics
from tiny_models import make_tiny_classifier, make_tiny_datasets


def draw(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    error = 1 / (1 + np.exp(-(labels + rng.standard_normal(count))))
    return labels, np.stack([1 - error, error], axis=1)


def test_intervals_hold_the_point_and_shrink_with_more_genes() -> None:
    widths = []
    for count in (60, 600):
        labels, probabilities = draw(count)
        found = compute_metrics(
            labels,
            probabilities,
            threshold=0.5,
            groups=np.arange(count) // 3,
            draws=300,
        )
        for name, (low, high) in found["intervals"].items():
            assert low <= found[name] <= high, name
        widths.append(np.diff(found["intervals"]["auprc"])[0])
        assert found["n_genes"] == count // 3
        assert found["prevalence"] == 0.5
        assert np.sum(found["confusion"]) == count
    assert widths[1] < 0.7 * widths[0]


def test_a_single_gene_has_no_interval() -> None:
    labels, probabilities = draw(20)
    found = compute_metrics(
        labels, probabilities, threshold=0.5, groups=np.array(["g"] * 20), draws=50
    )
    assert found["n_genes"] == 1
    assert set(found["intervals"].values()) == {None}
    assert found["auprc"] > 0


def test_a_single_class_leaves_ranking_metrics_undefined() -> None:
    _, probabilities = draw(20)
    found = compute_metrics(
        np.zeros(20, dtype=int), probabilities, threshold=0.5, draws=50
    )
    assert found["auprc"] is None
    assert found["intervals"]["auroc"] is None
    assert found["prevalence"] == 0.0
    json.dumps(found, allow_nan=False)


def test_threshold_decides_and_more_classes_take_the_most_probable() -> None:
    probabilities = np.array([[0.7, 0.3], [0.4, 0.6]])
    labels = np.array([0, 1])
    low = compute_metrics(labels, probabilities, threshold=0.2, draws=5)
    assert low["confusion"] == [[0, 1], [0, 1]]
    four = np.eye(4)[[0, 1, 2, 2]] * 0.6 + 0.1
    found = compute_metrics(np.arange(4), four, threshold=0.5, draws=5)
    assert found["confusion"][3] == [0, 0, 1, 0]
    assert found["threshold"] is None
    assert found["prevalence"] is None


def make_predictions() -> tuple[pd.DataFrame, pd.Series]:
    labels, probabilities = draw(40)
    predictions = pd.DataFrame(
        {
            "site_id": np.arange(40) * 2,
            "part": np.where(np.arange(40) < 25, "test", "validation"),
            "label": labels,
            "probability_correct": probabilities[:, 0],
            "probability_error": probabilities[:, 1],
        }
    )
    genes = pd.Series([f"g{i // 4}" for i in range(40)], index=np.arange(40) * 2)
    return predictions, genes


def test_metrics_of_both_parts_and_no_nan_anywhere() -> None:
    predictions, genes = make_predictions()
    found = evaluate_sites(predictions, genes, threshold=0.4, draws=50)
    assert found["part"] == "test"
    assert found["n_sites"] == 25
    assert found["validation"]["n_sites"] == 15
    assert found["n_genes"] == 7
    assert found["classes"] == ["correct", "error"]
    json.dumps(found, allow_nan=False)
    assert evaluate_sites(predictions, genes, threshold=0.4, draws=50) == found


def test_an_empty_test_part_is_refused() -> None:
    predictions, genes = make_predictions()
    held = predictions[predictions["part"] == "validation"]
    with pytest.raises(InputError, match="test part has no sites"):
        evaluate_sites(held, genes, threshold=0.5, draws=10)


def test_files_of_a_notebook_evaluation(tmp_path) -> None:
    model = make_tiny_classifier()
    _, dataset = make_tiny_datasets()
    model.train()
    found = evaluate_error_sequence_model(
        model=model, test_dataset=dataset, output_dir=tmp_path, draws=50
    )
    assert model.training, "the mode is restored"
    written = json.loads((tmp_path / "metrics.json").read_text())
    assert written == found
    for name in ("accuracy", "f1", "auprc", "auroc", "mcc", "balanced_accuracy"):
        assert math.isfinite(found[name])
    predictions = pd.read_parquet(tmp_path / "predictions.parquet")
    assert len(predictions) == len(dataset)
    total = predictions["probability_correct"] + predictions["probability_error"]
    assert np.allclose(total, 1, atol=1e-6)
    sigmoid = 1 / (1 + np.exp(-predictions["logit"].to_numpy(dtype=float)))
    assert np.allclose(sigmoid, predictions["probability_error"], atol=1e-6)
    assert predictions["label"].dtype == "int8"


def test_other_classes_are_refused() -> None:
    _, dataset = make_tiny_datasets()
    with pytest.raises(InputError, match="classes"):
        evaluate_error_sequence_model(
            make_tiny_classifier(classes=("TP", "FP")), dataset, draws=10
        )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": "runs/model"}, "model is a str; give what .*load_model"),
        ({"test_dataset": pd.DataFrame()}, "test_dataset is a DataFrame"),
        ({"test_dataset": ()}, "test_dataset is a tuple"),
        ({"draws": 0}, "draws 0: allowed: whole number ≥ 1"),
        ({"seed": -1}, "seed -1: allowed: whole number ≥ 0"),
    ],
)
def test_what_cannot_be_evaluated(changes, words) -> None:
    sound = {"model": make_tiny_classifier(), "test_dataset": make_tiny_datasets()[1]}
    with pytest.raises(InputError, match=words):
        evaluate_error_sequence_model(**{**sound, **changes})


def test_tokens_of_another_model_are_refused() -> None:
    frames = [
        pd.DataFrame({"sequence": [text], "label": [0]}) for text in ("ACGT", "TTTT")
    ]
    data, _ = prepare_datasets_for_training(*frames, tokenizer="hyenadna")
    with pytest.raises(InputError, match="tokenized with hyenadna"):
        evaluate_error_sequence_model(make_tiny_classifier(), data)


def test_predictions_do_not_depend_on_order_or_batches() -> None:
    model = make_tiny_classifier()
    dataset, held = make_tiny_datasets(shortest=30, longest=70)
    device = torch.device("cpu")
    whole = predict_logits(model, dataset, device=device)
    small = predict_logits(model, dataset, device=device, tokens_per_batch=100)
    assert np.allclose(whole, small, atol=1e-5)
    chosen = np.array([7, 2, 30])
    some = predict_logits(model, dataset, device=device, indices=chosen)
    assert np.allclose(some, whole[chosen], atol=1e-5)
    calls = []
    model.backbone.register_forward_hook(lambda *_: calls.append(1))
    frame, vectors = predict_sites(model, {"validation": dataset, "test": held})
    assert len(calls) == 2, "the backbone runs once over each part"
    assert np.allclose(frame["logit"][:48], whole[:, 1] - whole[:, 0], atol=1e-5)
    assert vectors["site_id"].equals(frame["site_id"])
    assert frame["part"].tolist() == ["validation"] * 48 + ["test"] * 24


def test_probabilities_of_huge_logits_stay_finite() -> None:
    found = compute_probabilities(np.array([[1e4, -1e4], [-3e38, 0.0]]))
    assert np.allclose(found, [[1, 0], [0, 1]])


def test_what_is_always_right_or_rare_is_not_sure() -> None:
    labels = np.tile([0, 1], 10)
    right = np.stack([1.0 - labels, labels], axis=1)
    found = compute_metrics(labels, right, threshold=0.5, draws=50)
    assert found["accuracy"] == found["f1"] == 1
    assert found["intervals"]["accuracy"] is None and found["intervals"]["f1"] is None
    assert found["intervals"]["auroc"][0] < 1
    rare = (np.arange(20) < 2).astype(int)
    found = compute_metrics(rare, draw(20)[1], threshold=0.5, draws=50)
    assert found["intervals"]["mcc"] is None
    assert found["intervals"]["accuracy"] is not None
