from __future__ import annotations

import numpy as np
import pytest
import torch

from error_sequence_model.attribution import attribute, compute_target
from error_sequence_model.attribution.deep_lift import HookedClassifier, _encode
from error_sequence_model.classifier import create_classifier
from error_sequence_model.core import InputError
from tiny_models import EXACT, make_tiny_classifier, make_tiny_datasets


def make_model(pooling: str | None = None, **options: object):
    model = create_classifier(
        "nucleotide_encoder", pooling=pooling, options={**EXACT, **options}, seed=2
    ).eval()
    generator = torch.Generator().manual_seed(0)
    # Large weights: every nonlinearity is far from its linear part.
    for name, weight in model.named_parameters():
        if weight.ndim > 1 and "embeddings" not in name:
            weight.data *= 1.5 + torch.rand(1, generator=generator)
    return model


@pytest.mark.parametrize(
    ("pooling", "options"),
    [
        (None, {}),
        ("mean+first+last", {"final_norm": True}),
        ("max", {"stem_dilations": [], "layers": 2}),
        ("peak", {"stem_dilations": [1], "layers": 1}),
        ("junction", {"layers": 0, "stem_dilations": [1, 2]}),
    ],
)
def test_the_network_of_modules_is_the_classifier(pooling, options) -> None:
    model = make_model(pooling, **options)
    _, dataset = make_tiny_datasets(12)
    for index in range(4):
        item = dataset[index]
        ids = torch.tensor(item["input_ids"]).long().unsqueeze(0)
        junction = torch.tensor([item["junction"]])
        with torch.no_grad():
            output = model(input_ids=ids, junction=junction)
            hooked = HookedClassifier(model, ids.shape[1], item["junction"])
            found = hooked(_encode(ids))[:, 0]
        expected = compute_target(output.logits, model.config.classes)
        assert torch.allclose(found, expected, atol=1e-4)


def test_the_scores_sum_to_the_change_they_explain() -> None:
    _, dataset = make_tiny_datasets(16, shortest=30, longest=40)
    for options in ({}, {"layers": 2, "final_norm": True}):
        model = make_model(**options)
        found = attribute(model, dataset, "deep_lift_shap", window_length=40)
        assert found.completeness_error.max() < 1e-3
        assert np.ptp(found.target - found.baseline_target) > 0.1
        change = found.target - found.baseline_target
        assert np.allclose(found.attributions.sum(axis=1), change, atol=1e-3)
        assert found.baseline == "20 dinucleotide shuffles"
        plain = attribute(
            model, dataset, "captum.DeepLift", baseline="shuffle", window_length=40
        )
        # What it would be with rules that attach to nothing.
        assert np.median(plain.completeness_error) > 0.05


def test_no_hook_stays_behind_and_chance_is_seeded() -> None:
    model = make_model()
    _, dataset = make_tiny_datasets(8)
    model.train()
    first, again, other = (
        attribute(model, dataset, "deep_lift_shap", seed=seed).attributions
        for seed in (1, 1, 2)
    )
    assert model.training
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)
    for module in model.modules():
        assert not module._forward_hooks
        assert not module._backward_hooks
        assert not hasattr(module, "_NON_LINEAR_OPS")
    assert all(weight.grad is None for weight in model.parameters())


def test_other_networks_and_targets_are_refused() -> None:
    kmers = create_classifier(
        "nucleotide_transformer",
        options={"layers": 1, "hidden_size": 16, "heads": 2},
        seed=1,
    )
    _, dataset = make_tiny_datasets(8)
    with pytest.raises(InputError, match="not for nucleotide_transformer"):
        attribute(kmers, dataset, "deep_lift_shap")
    four = make_tiny_classifier(classes=("TP", "FP", "FN", "TN"))
    with pytest.raises(InputError, match="two classes, not TP, FP, FN, TN"):
        attribute(four, dataset, "deep_lift_shap")
