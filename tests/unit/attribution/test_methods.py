from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients

from error_sequence_model.attribution import (
    MapRequest,
    attribute,
    compute_target,
    find_errors,
    integration,
    run_embedded,
)
from error_sequence_model.attribution.integration import Accuracy, choose_baseline
from error_sequence_model.attribution.paths import PathIntegral
from error_sequence_model.classifier import ErrorClassifier, create_classifier
from error_sequence_model.core import InputError
from error_sequence_model.datasets import SequenceDataset, collate
from error_sequence_model.tokenizers import (
    KmerTokenizer,
    NucleotideTokenizer,
    TokenStore,
)
from error_sequence_model.training import train_error_sequence_model
from linear_model import make_linear
from tiny_models import EXACT, make_frame, make_tiny_classifier, make_tiny_datasets


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[ErrorClassifier, SequenceDataset]:
    train, held = make_tiny_datasets(160, shortest=30, longest=60)
    model, _ = train_error_sequence_model(
        train,
        held,
        output_dir=tmp_path_factory.mktemp("run"),
        learning_rate=3e-3,
        num_epochs=6,
        batch_size=16,
        backbone_options=EXACT,
    )
    return model, held.select(np.arange(24))


def test_integrated_gradients_equal_captum(trained) -> None:
    model, dataset = trained
    batch = collate([dataset[i] for i in range(6)], pad_token_id=5)
    end = model.get_input_embeddings()(batch["input_ids"]).detach()
    start = torch.randn_like(end)
    keys = ("attention_mask", "junction")

    def forward(embedded: torch.Tensor, mask, junction) -> torch.Tensor:
        inputs = {"attention_mask": mask, "junction": junction}
        return run_embedded(model, inputs, embedded)

    expected = IntegratedGradients(forward).attribute(
        end,
        baselines=start,
        additional_forward_args=tuple(batch[key] for key in keys),
        n_steps=20,
        method="riemann_middle",
    )
    starts = torch.stack([torch.zeros_like(start), start])
    integral = PathIntegral(
        lambda points, rows: run_embedded(model, batch, points, rows),
        starts,
        end,
        points_per_pass=7,
    )
    cells = integral.cut(20)
    mine = cells.scores[cells.paths[:, 1] == 1].view(6, 20, -1).mean(dim=1)
    assert torch.allclose(mine, expected.sum(dim=-1), atol=1e-5)
    # The same in any order and with other paths between.
    order = torch.randperm(len(cells.paths), generator=torch.Generator().manual_seed(1))
    again = integral.differentiate(cells.paths[order], cells.centres[order])
    assert torch.allclose(again, cells.scores[order], atol=1e-5)


@pytest.mark.parametrize("baseline", ["shuffle", "mask"])
def test_little_of_a_map_lies_at_wrong_bases(trained, baseline, monkeypatch) -> None:
    model, dataset = trained
    options = {"window_length": 60, "baseline": baseline}
    found = attribute(model, dataset, "integrated_gradients", **options).attributions
    monkeypatch.setattr(integration, "FINE", Accuracy(150, 60, 1.0, 1.0))
    exact = attribute(model, dataset, "integrated_gradients", **options).attributions
    misplaced = np.abs(found - exact).sum(axis=1) / np.abs(exact).sum(axis=1)
    assert np.quantile(misplaced, 0.95) < 0.12


@pytest.mark.parametrize("baseline", ["mean", "mask", "shuffle"])
def test_closed_form_on_a_linear_model(baseline) -> None:
    model, dataset = make_linear()
    found = attribute(
        model, dataset, "integrated_gradients", window_length=48, baseline=baseline
    )
    assert found.baseline == baseline
    assert found.completeness_error.max() < 1e-4
    if baseline == "shuffle":
        return
    table = model.embed.weight.detach()
    point = table[6] if baseline == "mask" else table[:4].mean(dim=0)
    for index in range(len(dataset)):
        ids = torch.tensor(dataset[index]["input_ids"]).long()
        expected = ((table[ids] - point) * model.weights[: len(ids)]).sum(dim=-1)
        row = found.attributions[index]
        assert np.allclose(row[: len(ids)], expected.detach(), atol=1e-5)
        assert not row[len(ids) :].any()


def test_gradient_methods_on_a_linear_model(caplog, monkeypatch) -> None:
    monkeypatch.setattr(
        "error_sequence_model.attribution.methods.logger.parent.propagate", True
    )
    model, dataset = make_linear()
    saliency = attribute(model, dataset, "saliency", window_length=48)
    assert "no better than chance" not in caplog.text
    product = attribute(model, dataset, "input_x_gradient", window_length=48)
    assert "no better than chance" in caplog.text
    weights, table = model.weights.detach(), model.embed.weight.detach()
    ids = torch.tensor(dataset[3]["input_ids"]).long()
    size = len(ids)
    assert np.allclose(saliency.attributions[3, :size], weights[:size].norm(dim=-1))
    expected = (table[ids] * weights[:size]).sum(dim=-1)
    assert np.allclose(product.attributions[3, :size], expected, atol=1e-5)
    # On a linear function through the origin the products sum to the value itself.
    assert np.allclose(product.attributions.sum(axis=1), product.target, atol=1e-4)
    assert np.isnan(product.completeness_error).all()


@pytest.mark.parametrize("baseline", ["auto", "mask", "mean"])
def test_maps_of_a_trained_model_are_complete(trained, baseline) -> None:
    model, dataset = trained
    found = attribute(
        model, dataset, "integrated_gradients", window_length=60, baseline=baseline
    )
    assert np.median(found.completeness_error) < 0.01
    assert np.quantile(found.completeness_error, 0.95) < 0.05
    change = found.target - found.baseline_target
    missed = np.abs(found.attributions.sum(axis=1) - change)
    assert (
        missed <= found.completeness_error * np.maximum(abs(change), 0.1) + 1e-4
    ).all()
    assert np.ptp(found.target) > 1, "the model has learnt something"


def test_the_decisive_bases_stand_out(trained) -> None:
    model, dataset = trained
    # The size of a gradient says less: a soft maximum gives every base one.
    for method, factor in (("integrated_gradients", 5), ("saliency", 2)):
        maps = np.abs(attribute(model, dataset, method, window_length=60).attributions)
        near, far = [], []
        for row, junction in zip(maps, dataset.junctions, strict=True):
            near.append(row[junction - 1 : junction + 2].mean())
            far.append(row[: junction - 8].mean())
        assert np.mean(near) > factor * np.mean(far), method


@pytest.mark.parametrize("method", ["integrated_gradients", "saliency"])
def test_unequal_lengths_and_padding_do_not_matter(trained, method) -> None:
    model, dataset = trained
    together = attribute(model, dataset, method, window_length=60)
    for index in (0, 5, 11):
        alone = attribute(model, dataset.select([index]), method, window_length=60)
        assert np.allclose(
            alone.attributions[0], together.attributions[index], atol=2e-4
        )
        assert alone.target[0] == pytest.approx(together.target[index], abs=1e-4)


def make_kmer_case() -> tuple[ErrorClassifier, SequenceDataset]:
    model = create_classifier(
        "nucleotide_transformer",
        # A mean has no kinks: the path's sum is then exact with few nodes.
        pooling="mean",
        options={"layers": 1, "hidden_size": 16, "heads": 2},
        seed=1,
    ).eval()
    sequences = make_frame(4, seed=1, shortest=31, longest=50)["sequence"].tolist()
    return model, SequenceDataset(
        TokenStore.from_encodings([model.tokenizer.encode(s) for s in sequences]),
        np.arange(4),
        np.arange(4) % 2,
        junctions=np.array([len(s) // 2 for s in sequences]),
        classes=("correct", "error"),
        tokenizer=model.tokenizer,
    )


def test_token_sums_are_conserved_on_the_base_axis() -> None:
    model, dataset = make_kmer_case()
    found = attribute(model, dataset, "integrated_gradients", window_length=50)
    assert found.baseline == "mask"
    change = found.target - found.baseline_target
    # Special tokens keep their embedding: nothing of the sum is theirs.
    assert np.allclose(found.attributions.sum(axis=1), change, atol=1e-3)
    spans = dataset.get_encoding(0).spans
    start, end = spans[1]
    assert end - start == 6
    assert np.ptp(found.attributions[0, start:end]) < 1e-7


def test_baselines_that_do_not_suit_are_refused(monkeypatch) -> None:
    model, dataset = make_kmer_case()
    request = MapRequest(model, dataset, 50, torch.device("cpu"))
    with pytest.raises(InputError, match="to mask or mean"):
        choose_baseline(replace(request, baseline="shuffle"))
    with pytest.raises(InputError, match="'zero' is unknown"):
        attribute(model, dataset, "integrated_gradients", baseline="zero")
    monkeypatch.setattr(dataset.tokenizer, "mask_token_id", None)
    assert choose_baseline(request) == "mean"
    with pytest.raises(InputError, match="has no mask token"):
        choose_baseline(replace(request, baseline="mask"))
    assert isinstance(dataset.tokenizer, KmerTokenizer)


def test_unknown_methods_and_missing_sequences_are_refused(trained) -> None:
    model, dataset = trained
    with pytest.raises(InputError, match="'deeplift' is unknown; allowed"):
        attribute(model, dataset, "deeplift")
    with pytest.raises(InputError, match="give `sequences`"):
        attribute(model, dataset, "substitution")


def test_mode_and_gradients_of_the_model_are_left_alone(trained) -> None:
    model, dataset = trained
    model.train()
    part = dataset.select([0, 1])
    attribute(model, part, "integrated_gradients")
    assert model.training
    assert all(p.grad is None for p in model.parameters())
    model.eval()


def test_maps_repeat_with_their_seed(trained) -> None:
    model, dataset = trained
    part = dataset.select([0, 1, 2])
    first, second, other = (
        attribute(model, part, "integrated_gradients", seed=seed).attributions
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first, second)
    assert not np.allclose(first, other)


def test_the_target_of_two_and_of_more_classes() -> None:
    logits = torch.tensor([[1.0, 3.5]])
    assert compute_target(logits, ("correct", "error")).tolist() == [2.5]
    four = torch.tensor([[0.1, 1.2, 0.7, -0.4]])
    probabilities = four.softmax(dim=1)[0]
    errors = probabilities[1] + probabilities[2]
    expected = torch.log(errors / (1 - errors))
    found = compute_target(four, ("TP", "FP", "FN", "TN"))
    assert torch.allclose(found, expected)
    assert find_errors(("TP", "FP", "FN", "TN")) == [1, 2]
    assert find_errors(("class_0", "class_1", "class_2")) == [2]


def test_maps_of_several_classes_sum_to_the_log_odds_of_an_error() -> None:
    classes = ("TP", "FP", "FN", "TN")
    model = make_tiny_classifier(classes=classes, **EXACT).eval()
    _, dataset = make_tiny_datasets(8)
    dataset.classes = classes
    found = attribute(model, dataset, "integrated_gradients", baseline="mask")
    change = found.target - found.baseline_target
    assert np.allclose(found.attributions.sum(axis=1), change, rtol=0.05)
    assert isinstance(dataset.tokenizer, NucleotideTokenizer)


@pytest.mark.parametrize("method", ["integrated_gradients", "substitution"])
def test_rough_maps_cost_less_and_are_like_the_fine_ones(trained, method) -> None:
    model, dataset = trained
    rows = [dataset.get_encoding(index).input_ids for index in range(len(dataset))]
    texts = ["".join("ACGT"[base] for base in row) for row in rows]
    passed, maps = [0, 0], []
    for is_rough in (False, True):

        def count(module, given, options, output, is_rough=is_rough) -> None:
            passed[is_rough] += len(output.logits)

        hook = model.register_forward_hook(count, with_kwargs=True)
        options = {"sequences": texts, "window_length": 60, "is_rough": is_rough}
        maps.append(attribute(model, dataset, method, **options).attributions)
        hook.remove()
    assert passed[1] < passed[0]
    alike = [np.corrcoef(*pair)[0, 1] for pair in zip(*maps, strict=True)]
    assert np.median(alike) > 0.8
