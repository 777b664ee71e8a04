"""Statistics of the norms: in batches as in one, on whatever device the model is."""

from __future__ import annotations

import pytest
import torch

from error_sequence_model.classifier import first_pass
from error_sequence_model.classifier.first_pass import calibrate_model
from tiny_models import EXACT, make_tiny_classifier, make_tiny_datasets


def calibrate() -> tuple[dict[str, torch.Tensor], int]:
    """Give the statistics, and the most tokens that the layers saw at once."""
    train, _ = make_tiny_datasets(60, shortest=20, longest=60)
    model = make_tiny_classifier(**EXACT)
    sizes = []
    model.backbone.layers[0].register_forward_pre_hook(
        lambda _, given: sizes.append(given[0].shape[:2].numel())
    )
    calibrate_model(model, train, seed=1)
    state = model.state_dict()
    return {
        name: tensor
        for name, tensor in state.items()
        if name.endswith((".mean", ".deviation"))
    }, max(sizes)


@pytest.mark.parametrize("limit", ["CALIBRATION_TOKENS", "CALIBRATION_PAIRS"])
def test_the_head_is_calibrated_in_batches_under_a_limit(monkeypatch, limit) -> None:
    whole, most = calibrate()
    assert most > 1000
    few = {"CALIBRATION_TOKENS": 300, "CALIBRATION_PAIRS": 300 * 60}
    monkeypatch.setattr(first_pass, limit, few[limit])
    parts, most = calibrate()
    assert most <= 300
    heads = {name for name in whole if name.startswith("head.")}
    assert heads
    for name in whole if limit == "CALIBRATION_PAIRS" else ():
        assert torch.allclose(parts[name], whole[name], atol=1e-5), name


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_model_is_calibrated_on_its_gpu() -> None:
    train, _ = make_tiny_datasets(60, shortest=20, longest=60)
    models = [make_tiny_classifier(**EXACT) for _ in range(2)]
    models[1].cuda()
    for model in models:
        calibrate_model(model, train, seed=1)
    here, there = (model.state_dict() for model in models)
    for name, tensor in here.items():
        assert torch.allclose(there[name].cpu(), tensor, atol=1e-4), name
