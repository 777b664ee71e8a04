"""Device and precision, decided once and in one place."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from error_sequence_model.errors import InputError

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def get_device(name: str | None = None) -> torch.device:
    """Choose the device: the named one, else the first GPU, else the CPU."""
    if name is not None:
        return torch.device(name)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def has_fast_bf16(device: torch.device) -> bool:
    """Tell whether the device multiplies bfloat16 matrices in hardware.

    On a CPU this needs AVX512-BF16 or AMX: without them bfloat16 is emulated and slower
    than float32.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        capabilities = torch.backends.cpu.get_cpu_capability(), torch.cpu
        return bool(
            "AVX512" in capabilities[0]
            and (
                torch.cpu._is_avx512_bf16_supported()
                or torch.cpu._is_amx_tile_supported()
            )
        )
    return False


def choose_precision(request: str, device: torch.device) -> str:
    """Turn "auto" into the precision that suits the device.

    Args:
        request: "auto", "fp32", "bf16" or "fp16".
        device: Where the model runs.

    Returns:
        "bf16" where the hardware has it, "fp16" on older GPUs, else "fp32".

    Raises:
        InputError: fp16 was asked for on a CPU.
    """
    if request == "auto":
        if has_fast_bf16(device):
            return "bf16"
        return "fp16" if device.type == "cuda" else "fp32"
    if request == "fp16" and device.type == "cpu":
        raise InputError(
            "precision fp16 needs a GPU; on a CPU set `training.precision` to auto, "
            "bf16 or fp32"
        )
    return request


def autocast(precision: str, device: torch.device) -> AbstractContextManager:
    """Give the autocast context of a precision; none for fp32."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, dtype=_DTYPES[precision])
