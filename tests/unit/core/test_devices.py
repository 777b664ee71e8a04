from __future__ import annotations

import pytest
import torch

from error_sequence_model.core import (
    InputError,
    choose_precision,
    describe_float32,
    devices,
    evaluating,
    get_device,
    multiplying,
)
from error_sequence_model.core.devices import CPU_BF16_HIDDEN_SIZE

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("device", "has_bf16", "hidden_size", "expected"),
    [
        (CPU, True, CPU_BF16_HIDDEN_SIZE, "bf16"),
        (CPU, True, CPU_BF16_HIDDEN_SIZE - 1, "fp32"),
        (CPU, True, None, "bf16"),
        (CPU, False, 768, "fp32"),
        (GPU, True, 16, "bf16"),
        (GPU, False, 768, "fp16"),
    ],
)
def test_auto_takes_what_is_fast(
    monkeypatch, device, has_bf16, hidden_size, expected
) -> None:
    monkeypatch.setattr(devices, "has_fast_bf16", lambda _: has_bf16)
    assert choose_precision("auto", device, hidden_size=hidden_size) == expected
    assert choose_precision("fp32", device, hidden_size=hidden_size) == "fp32"


def test_fp16_needs_a_gpu() -> None:
    with pytest.raises(InputError, match="fp16 needs a GPU"):
        choose_precision("fp16", CPU)


def test_a_gpu_is_left_alone_where_the_launcher_says_cpu(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.delenv("ACCELERATE_USE_CPU", raising=False)
    assert get_device().type == "cuda"
    monkeypatch.setenv("ACCELERATE_USE_CPU", "False")
    assert get_device().type == "cuda"
    monkeypatch.setenv("ACCELERATE_USE_CPU", "True")
    assert get_device().type == "cpu"


def read_modes() -> set[str]:
    parts = (torch.backends.cuda.matmul, torch.backends.cudnn.conv)
    return {part.fp32_precision for part in parts}


def test_float32_is_exact_where_maps_and_scores_are_made() -> None:
    model = torch.nn.Linear(2, 2)
    before = read_modes()
    with multiplying("tf32"):
        assert read_modes() == {"tf32"}
        with evaluating(model):
            assert read_modes() == {"ieee"} and not model.training
        assert read_modes() == {"tf32"} and model.training
    assert read_modes() == before


def test_how_float32_was_multiplied_is_told(monkeypatch) -> None:
    assert describe_float32(CPU) == "exact"
    monkeypatch.setattr(devices, "has_fast_bf16", lambda _: True)
    assert describe_float32(GPU) == "tf32 in training, exact in maps and scores"
    monkeypatch.setattr(devices, "has_fast_bf16", lambda _: False)
    assert describe_float32(GPU) == "exact"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_convolution_is_exact_in_eval_mode_on_a_gpu() -> None:
    torch.manual_seed(0)
    model = torch.nn.Conv1d(64, 64, 11)
    states = torch.randn(8, 64, 200)
    expected = model.double()(states.double())
    model.float().cuda()
    with evaluating(model), torch.no_grad():
        found = model(states.cuda()).cpu().double()
    assert (found - expected).abs().max() < 1e-5
