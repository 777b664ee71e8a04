from __future__ import annotations

import pytest
import torch

from error_sequence_model.core import InputError, choose_precision, devices, get_device
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
