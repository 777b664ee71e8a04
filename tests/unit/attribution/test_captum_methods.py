from __future__ import annotations

import numpy as np
import pytest
import torch

from error_sequence_model.attribution import attribute, integration
from error_sequence_model.attribution.captum_methods import RULES
from error_sequence_model.core import InputError
from error_sequence_model.settings import CAPTUM_METHODS
from linear_model import make_linear
from tiny_models import EXACT, make_tiny_classifier, make_tiny_datasets

LENGTH = 48


@pytest.fixture(scope="module")
def linear():
    model, dataset = make_linear()
    return model, dataset.select([0, 1, 2])


def compute_expected(linear) -> np.ndarray:
    """Closed form against the mask token: (embedding - mask) · weights, per base."""
    model, dataset = linear
    table, maps = model.embed.weight.detach(), np.zeros((3, LENGTH), dtype=np.float32)
    for row in range(3):
        ids = torch.tensor(dataset[row]["input_ids"]).long()
        product = (table[ids] - table[6]) * model.weights[: len(ids)]
        maps[row, : len(ids)] = product.sum(dim=-1).detach()
    return maps


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [
        ("IntegratedGradients", 1e-4),
        ("DeepLift", 1e-4),
        ("DeepLiftShap", 1e-4),
        ("GradientShap", 1e-4),
        ("Occlusion", 1e-4),
        ("FeatureAblation", 1e-4),
        ("ShapleyValueSampling", 1e-4),
        ("KernelShap", 1e-2),
    ],
)
def test_closed_form_on_a_linear_model(linear, name, tolerance) -> None:
    model, dataset = linear
    found = attribute(
        model, dataset, f"captum.{name}", window_length=LENGTH, baseline="mask"
    )
    assert found.baseline == "mask"
    assert np.allclose(found.attributions, compute_expected(linear), atol=tolerance)
    if RULES[name].has_sum:
        assert found.completeness_error.max() < 10 * tolerance
        change = found.target - found.baseline_target
        assert np.allclose(found.attributions.sum(axis=1), change, atol=1e-2)
    else:
        assert np.isnan(found.completeness_error).all()


def test_lime_orders_the_bases_of_a_linear_model(linear) -> None:
    model, dataset = linear
    found = attribute(
        model, dataset, "captum.Lime", window_length=LENGTH, baseline="mask"
    )
    expected = compute_expected(linear)
    for row in range(3):
        assert np.corrcoef(found.attributions[row], expected[row])[0, 1] > 0.95


def test_gradient_methods_equal_ours(monkeypatch) -> None:
    # Ours as exact as captum's many nodes, for a model that explains next to nothing.
    monkeypatch.setattr(integration, "FINE", integration.Accuracy(48, 48, 0.1, 0.01))
    model = make_tiny_classifier(**EXACT).eval()
    _, dataset = make_tiny_datasets(8, shortest=20, longest=30)
    for theirs, ours in (
        ("InputXGradient", "input_x_gradient"),
        ("IntegratedGradients", "integrated_gradients"),
    ):
        options = {"window_length": 30, "baseline": "mask"}
        found = attribute(model, dataset, f"captum.{theirs}", **options)
        expected = attribute(model, dataset, ours, **options)
        assert np.allclose(found.attributions, expected.attributions, atol=1e-3)
        assert np.allclose(found.target, expected.target, atol=1e-5)
    saliency = attribute(model, dataset, "captum.Saliency", window_length=30)
    assert (saliency.attributions >= 0).all()
    assert saliency.attributions.any()
    assert saliency.baseline == "none"


def test_what_does_not_suit_is_refused_with_what_is_allowed() -> None:
    model = make_tiny_classifier().eval()
    _, dataset = make_tiny_datasets(8)
    for name in ("LRP", "LayerIntegratedGradients", "NoiseTunnel", "Nonsense"):
        with pytest.raises(
            InputError, match=rf"captum\.{name}: .*captum\.GradientShap"
        ):
            attribute(model, dataset, f"captum.{name}")
    with pytest.raises(InputError, match="'zero' is unknown"):
        attribute(model, dataset, "captum.DeepLift", baseline="zero")
    assert tuple(RULES) == CAPTUM_METHODS


def test_deep_lift_without_rules_says_so(caplog, monkeypatch) -> None:
    monkeypatch.setattr(
        "error_sequence_model.attribution.captum_methods.logger.parent.propagate", 1
    )
    model = make_tiny_classifier(**EXACT).eval()
    _, dataset = make_tiny_datasets(8)
    found = attribute(model, dataset, "captum.DeepLift", baseline="mask")
    assert "no DeepLIFT rule for GELU" in caplog.text
    assert np.isfinite(found.completeness_error).all()


def test_chance_is_seeded_and_the_global_generators_are_left_alone() -> None:
    model = make_tiny_classifier(**EXACT).eval()
    _, dataset = make_tiny_datasets(8)
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002 - the state that must not change
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first, again, other = (
        attribute(model, dataset, "captum.GradientShap", seed=seed).attributions
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002
