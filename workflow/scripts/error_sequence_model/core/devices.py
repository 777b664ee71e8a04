"""Device and precision, decided once and in one place."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch

from error_sequence_model.core.errors import InputError

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
# From which width on bf16 is worth its rounding on a CPU. Measured, it trains faster
# than fp32 by a factor of 1.1 at width 32, 1.3 at 64 and 96, 1.5 at 128 and 1.7 at 384
# with AVX512-BF16 alone; of 1.2 at 32, 1.3 at 64, 1.8 at 128 and 2.5 at 256 with AMX.
CPU_BF16_HIDDEN_SIZE = 64


def get_device(name: str | None = None) -> torch.device:
    """Choose the device: the named one, else the first GPU, else the CPU.

    Under ``accelerate launch --cpu`` it is the CPU.
    """
    if name is not None:
        return torch.device(name)
    on_cpu = os.environ.get("ACCELERATE_USE_CPU", "").lower() in ("true", "1")
    has_gpu = torch.cuda.is_available() and not on_cpu
    return torch.device("cuda" if has_gpu else "cpu")


def has_fast_bf16(device: torch.device) -> bool:
    """Tell whether the device multiplies bfloat16 matrices in hardware.

    On a CPU this needs AVX512-BF16 or AMX: without them bfloat16 is emulated and slower
    than float32.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        return "AVX512" in torch.backends.cpu.get_cpu_capability() and (
            torch.cpu._is_avx512_bf16_supported() or has_amx(device)
        )
    return False


def has_amx(device: torch.device) -> bool:
    """Tell whether the device is a CPU that multiplies tiles of bfloat16 (AMX)."""
    return device.type == "cpu" and torch.cpu._is_amx_tile_supported()


def choose_precision(
    request: str, device: torch.device, *, hidden_size: int | None = None
) -> str:
    """Turn "auto" into the precision that is fastest on the device.

    A rule and not a measurement: reruns on one machine choose the same.

    Args:
        request: "auto", "fp32", "bf16" or "fp16".
        device: Where the model runs.
        hidden_size: Width of the model; None: wide. Narrow ones gain nothing from bf16
            on a CPU.

    Returns:
        "bf16" where the hardware has it, "fp16" on older GPUs, else "fp32".

    Raises:
        InputError: fp16 was asked for on a CPU.
    """
    if request == "auto":
        is_narrow = hidden_size is not None and hidden_size < CPU_BF16_HIDDEN_SIZE
        if has_fast_bf16(device) and not (device.type == "cpu" and is_narrow):
            return "bf16"
        return "fp16" if device.type == "cuda" else "fp32"
    if request == "fp16" and device.type == "cpu":
        raise InputError(
            "precision fp16 needs a GPU; on a CPU set `training.precision` to auto, "
            "bf16 or fp32"
        )
    return request


def autocast(precision: str, device: torch.device) -> AbstractContextManager:
    """Give the autocast context of a precision; for fp32, that of none at all."""
    if precision == "fp32":
        return torch.autocast(device.type, enabled=False)
    return torch.autocast(device.type, dtype=_DTYPES[precision])


@contextmanager
def multiplying(mode: str) -> Iterator[None]:
    """Choose for a while how GPUs multiply float32 matrices and convolve.

    Args:
        mode: "ieee": exactly, as maps and scores are computed. "tf32": with 10 bits of
            the mantissa and several times faster from Ampere on, as models are trained;
            torch's own choice for convolutions, wherever they are.
    """
    parts = (torch.backends.cuda.matmul, torch.backends.cudnn.conv)
    before = [part.fp32_precision for part in parts]
    try:
        for part in parts:
            part.fp32_precision = mode
        yield
    finally:
        for part, usual in zip(parts, before, strict=True):
            part.fp32_precision = usual


def describe_float32(device: torch.device) -> str:
    """Say how float32 is multiplied on a device while a model is trained."""
    is_fast = device.type == "cuda" and has_fast_bf16(device)
    return "tf32 in training, exact in maps and scores" if is_fast else "exact"


@contextmanager
def evaluating(model: torch.nn.Module) -> Iterator[None]:
    """Put a model into eval mode for a while, in which float32 is exact."""
    was_training = model.training
    model.eval()
    try:
        with multiplying("ieee"):
            yield
    finally:
        model.train(was_training)
