from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from error_sequence_model.classifier import ErrorClassifier, create_classifier
from error_sequence_model.settings import LoraSettings
from error_sequence_model.training.throughput import (
    PEAKS,
    FlopCounter,
    estimate_pass_cost,
    find_peak,
    get_peak_flops,
)


def make_model(architecture: str, **more: object) -> ErrorClassifier:
    options = {"layers": 2, "hidden_size": 64, "heads": 2}
    return create_classifier(architecture, options=options, seed=1, **more)


def count_really(model: ErrorClassifier, length: int) -> int:
    ids = torch.randint(0, 4, (2, length))
    with FlopCounterMode(display=False) as counter:
        # Torch does not count the fused attention of a CPU.
        model(input_ids=ids, output_attentions=True).logits.sum().backward()
    return counter.get_total_flops()


@pytest.mark.parametrize("length", [64, 512])
@pytest.mark.parametrize(
    ("architecture", "more"),
    [
        ("nucleotide_encoder", {}),
        ("splicebert", {}),
        ("nucleotide_encoder", {"tuning": "frozen"}),
        ("nucleotide_encoder", {"tuning": "lora", "lora": LoraSettings()}),
    ],
)
def test_operations_are_those_that_torch_counts(architecture, more, length) -> None:
    model = make_model(architecture, **more)
    counted = FlopCounter(model).count(np.array([length, length]))
    assert counted == pytest.approx(count_really(model, length), rel=0.05)


def test_hyena_has_no_attention_to_count() -> None:
    counter = FlopCounter(make_model_of_hyena())
    assert counter.count(np.array([100])) * 2 == counter.count(np.array([200]))


def make_model_of_hyena() -> ErrorClassifier:
    return create_classifier("hyenadna", options={"layers": 1}, seed=1)


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA H200", 990),
        ("NVIDIA H100 80GB HBM3", 990),
        ("NVIDIA H100 PCIe", 756),
        ("NVIDIA A100-SXM4-80GB", 312),
        ("NVIDIA A10", 125),
        ("Tesla T4", 65),
        ("NVIDIA H20", 148),
        ("NVIDIA RTX A4000", None),
        ("NVIDIA GeForce GTX 1080", None),
    ],
)
def test_peaks_are_found_by_name(name, peak) -> None:
    assert find_peak(name) == (None if peak is None else peak * 1e12)


def test_a_cpu_has_no_peak() -> None:
    assert get_peak_flops(torch.device("cpu")) is None
    assert all(peak > 0 for peak in PEAKS.values())


def test_a_pass_costs_less_beside_its_tokens_in_a_large_model() -> None:
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    assert estimate_pass_cost(cpu, 3e5) > estimate_pass_cost(cpu, 7e6)
    assert estimate_pass_cost(gpu, 7e6) > 1e5 > estimate_pass_cost(gpu, 7e8)


@pytest.mark.parametrize("has_tiles", [True, False])
def test_a_pass_in_tiles_costs_more_tokens(monkeypatch, has_tiles) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: has_tiles)
    cpu = torch.device("cpu")
    wide = estimate_pass_cost(cpu, 7e6, precision="bf16")
    assert (wide > 5 * estimate_pass_cost(cpu, 7e6)) == has_tiles
