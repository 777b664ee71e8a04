"""Device, ranks and loss scale of a training run."""

from __future__ import annotations

import logging

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState


def make_accelerator(device: torch.device, precision: str) -> Accelerator:
    """Make the accelerator of a run; of several processes only the first one logs.

    Args:
        device: From `devices.get_device`.
        precision: "fp32", "bf16" or "fp16".
    """
    # A notebook may train twice; accelerate keeps the first run's precision.
    AcceleratorState._reset_state()
    accelerator = Accelerator(
        # Of accelerate's mixed precision only the loss scale of fp16 is used.
        mixed_precision="fp16" if precision == "fp16" else "no",
        cpu=device.type == "cpu",
    )
    if not accelerator.is_main_process:
        # One process talks for all.
        logging.getLogger("error_sequence_model").setLevel(logging.WARNING)
    return accelerator
