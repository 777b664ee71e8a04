"""Where a training run stands, on which devices, and what it writes of each epoch.

``history.tsv``, one row per epoch:

| column | what |
|---|---|
| epoch, step | from 1; optimiser steps since the start |
| train_loss | mean over the epoch's steps, of the weighted loss |
| validation_loss, validation_auprc, validation_auroc | fine-tuning: validation part |
| learning_rate | highest of the parameter groups, at the epoch's last step |
| gradient_norm | mean over the steps, before clipping |
| skipped_steps | steps left out because fp16 overflowed |
| tokens_per_second | real tokens on all ranks |
| padding_share | of the tokens in the passes |
| mfu | model FLOPs utilisation (see `throughput`); empty on CPUs and unknown GPUs |
| seconds | training alone, without validation and checkpoints |
| peak_memory_mb | of the GPU (the fullest one) since the start, else of the process |
| tokens_per_batch | padded tokens allowed in a pass; less if memory ran out |
| is_best | fine-tuning: whether this epoch's weights are the ones that are kept |
| held_out_sequence_loss, held_out_annotation_loss | pretraining: nats per token |

Pretraining has a row of epoch 0 as well: what was measured before.

TensorBoard, where it is asked for, gets as ``step/`` the loss, learning rate and
gradient norm of each optimiser step, and as ``epoch/`` these columns and
windows_per_second.
"""

from __future__ import annotations

import logging
import resource
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from error_sequence_model.core import InputError
from error_sequence_model.training.throughput import get_peak_flops


@dataclass
class TrainingState:
    """Where a run stands; everything a checkpoint needs beside weights and optimiser.

    Attributes:
        epoch: Epoch under way, from 0.
        step: Optimiser steps done in this epoch.
        best_score: Highest validation AUPRC so far.
        best_epoch: Its epoch; -1 before the first.
        losses: Sum of the losses of this epoch's steps.
        gradient_norms: Sum of their gradient norms before clipping.
        seconds: Training time of this epoch.
        tokens: Real and padded tokens of this epoch on this rank.
        flops: Floating-point operations that its real tokens needed on this rank.
        skipped_steps: Steps of this epoch that were left out because fp16 overflowed.
        history: One row per finished epoch.
    """

    epoch: int = 0
    step: int = 0
    best_score: float = -1.0
    best_epoch: int = -1
    losses: float = 0.0
    gradient_norms: float = 0.0
    seconds: float = 0.0
    tokens: list[int] = field(default_factory=lambda: [0, 0])
    flops: float = 0.0
    skipped_steps: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)

    def start_epoch(self) -> None:
        """Go to the next epoch: what is summed over one starts at zero."""
        self.epoch, self.step = self.epoch + 1, 0
        self.losses = self.gradient_norms = self.seconds = self.flops = 0.0
        self.tokens, self.skipped_steps = [0, 0], 0


class EventLog:
    """Writes event files; without a folder, nothing.

    Args:
        folder: Gets them, one per try; None: no event is written.
        step: Optimiser steps done. What an interrupted try wrote beyond is hidden.

    Raises:
        InputError: The package tensorboard is not there.
    """

    def __init__(self, folder: Path | None, *, step: int) -> None:
        self.writer = None
        if folder is None:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise InputError(
                "training.tensorboard needs the package tensorboard, which is not "
                f"installed ({error}); `pip install tensorboard`, or set "
                "`training.tensorboard: false`"
            ) from error
        self.writer = SummaryWriter(str(folder), purge_step=step + 1)

    def add(self, group: str, step: int, values: dict[str, Any]) -> None:
        """Note numbers at an optimiser step (from 1); what is None is left out."""
        if self.writer is None:
            return
        for name, value in values.items():
            if value is not None:
                self.writer.add_scalar(f"{group}/{name}", value, step)

    def close(self) -> None:
        """Write what is pending."""
        if self.writer is not None:
            self.writer.close()


def get_peak_memory_mb() -> float:
    """Peak memory so far in MiB: of the GPU where one is used, else of this process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def describe_device(device: torch.device) -> str:
    """Name a device for people: "cpu", or the kind of card."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def make_accelerator(device: torch.device, precision: str) -> Accelerator:
    """Make the accelerator of a run; of several processes only the first one logs.

    Args:
        device: From `core.get_device`.
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


def make_row(
    state: TrainingState,
    accelerator: Accelerator,
    *,
    steps_per_epoch: int,
    learning_rate: float,
    tokens_per_batch: int,
    scores: dict[str, Any],
) -> dict[str, Any]:
    """Make the row of the epoch under way; every rank must call this.

    Args:
        state: Where the run stands.
        accelerator: Adds up what the ranks did.
        steps_per_epoch: Optimiser steps of an epoch.
        learning_rate: See the module.
        tokens_per_batch: This rank's budget; the smallest one is told.
        scores: The task's own columns.
    """
    mine = [*map(float, state.tokens), state.flops, get_peak_memory_mb()]
    ranks = accelerator.gather(
        torch.tensor(
            [[*mine, tokens_per_batch]], dtype=torch.float64, device=accelerator.device
        )
    ).cpu()
    real, padded, flops = ranks[:, :3].sum(dim=0).tolist()
    seconds = max(state.seconds, 1e-9)
    peak = get_peak_flops(accelerator.device)
    return {
        "epoch": state.epoch + 1,
        "step": (state.epoch + 1) * steps_per_epoch,
        "train_loss": state.losses / steps_per_epoch,
        **scores,
        "learning_rate": learning_rate,
        "gradient_norm": state.gradient_norms / steps_per_epoch,
        "skipped_steps": state.skipped_steps,
        "tokens_per_second": real / seconds,
        "padding_share": 1 - real / max(padded, 1),
        "mfu": None if peak is None else flops / seconds / peak / len(ranks),
        "seconds": state.seconds,
        "peak_memory_mb": float(ranks[:, 3].max()),
        "tokens_per_batch": int(ranks[:, 4].min()),
    }
