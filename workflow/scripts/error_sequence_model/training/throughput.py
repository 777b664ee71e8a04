"""How well the hardware is used: floating-point operations of a model, and MFU.

Model FLOPs utilisation is what the real tokens need, divided by what the device could
have done in the time. A parameter of the backbone (embeddings left out) takes 2
operations per token in the forward pass, 2 for the gradient of its input, and 2 for its
own gradient if it learns. Attention takes 4 · hidden size · length² per layer and
sequence forwards and twice that backwards. The FFTs of Hyena, the head and what
gradient checkpointing repeats are not counted. Formula: Chowdhery et al. 2022 (PaLM,
arXiv:2204.02311, appendix B).
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from error_sequence_model.core import has_amx

WITHOUT_ATTENTION = ("hyenadna",)
# Dense bf16 (before Ampere: fp16) with float32 sums, TFLOP/s, from the data sheets; the
# first name that occurs as a word in the device's counts.
PEAKS = {
    "B200": 2250,
    "GH200": 990,
    "H200": 990,
    "H100 PCIe": 756,
    "H100 NVL": 835,
    "H100": 990,
    "H20": 148,
    "A100": 312,
    "A800": 312,
    "A40": 150,
    "A30": 165,
    "A10": 125,
    "L40S": 362,
    "L40": 181,
    "L4": 121,
    "V100": 125,
    "T4": 65,
    "RTX 6000 Ada": 364,
    "RTX A6000": 155,
    "RTX 4090": 165,
    "RTX 3090": 71,
}


class Speed(NamedTuple):
    """Roughly, what a pass, a token, and a second are worth."""

    pass_seconds: float
    token_seconds: float
    flops: float


# CPU: measured on one core with AVX-512, and in bf16 with AMX, where most of what a
# pass costs is to make the kernels of its shape. GPU: starting those of twelve layers.
SPEEDS = {
    "cpu": Speed(8e-3, 7e-6, 5e10),
    "amx": Speed(50e-3, 4e-5, 2.5e11),
    "cuda": Speed(15e-3, 0.0, 3e14),
}


def get_peak_flops(device: torch.device) -> float | None:
    """Operations per second the device could do; None on a CPU or an unknown GPU."""
    if device.type != "cuda":
        return None
    return find_peak(torch.cuda.get_device_name(device))


def find_peak(name: str) -> float | None:
    """Look a device name up in the table; operations per second."""
    for part, peak in PEAKS.items():
        if re.search(rf"\b{re.escape(part)}\b", name):
            return peak * 1e12
    return None


def estimate_pass_cost(
    device: torch.device, flops_per_token: float, *, precision: str = "fp32"
) -> float:
    """Estimate what a pass takes beside its tokens, in tokens.

    A constant of the model and the kind of device, not a measurement: what is planned
    with it is the same on every run.
    """
    kind = "amx" if precision == "bf16" and has_amx(device) else device.type
    speed = SPEEDS.get(kind, SPEEDS["cpu"])
    seconds_per_token = speed.token_seconds + flops_per_token / speed.flops
    return speed.pass_seconds / seconds_per_token


class FlopCounter:
    """Counts the operations of training a model with a ``backbone``.

    Attributes:
        per_token: Operations of one token, attention left out.
        per_pair: Operations of one pair of tokens that attend to each other.
    """

    def __init__(self, model: nn.Module) -> None:
        backbone = model.backbone
        embeddings = {
            id(parameter)
            for module in backbone.modules()
            if isinstance(module, nn.Embedding)
            for parameter in module.parameters()
        }
        self.per_token, has_backward = 1.0, False
        # In the order of the forward pass: below the first weight that learns, nothing
        # goes backwards.
        for parameter in backbone.parameters():
            has_backward = has_backward or parameter.requires_grad
            if id(parameter) not in embeddings:
                passes = 1 + has_backward + parameter.requires_grad
                self.per_token += 2.0 * passes * parameter.numel()
        has_attention = backbone.config.model_type not in WITHOUT_ATTENTION
        size = backbone.config.num_hidden_layers * backbone.config.hidden_size
        self.per_pair = 4.0 * size * (1 + 2 * has_backward) * has_attention

    def count(self, lengths: np.ndarray) -> float:
        """Operations of training on sequences of these lengths, int (n,)."""
        lengths = lengths.astype(np.float64)
        return float(
            self.per_token * lengths.sum() + self.per_pair * (lengths**2).sum()
        )
