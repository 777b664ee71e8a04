"""``history.tsv``: one row per epoch, what was learnt and how fast.

| column | what |
|---|---|
| epoch, step | from 1; optimiser steps since the start |
| train_loss | mean over the epoch's steps, of the weighted loss |
| validation_loss, validation_auprc, validation_auroc | on the validation part |
| learning_rate | highest of the parameter groups, at the epoch's last step |
| gradient_norm | mean over the steps, before clipping |
| skipped_steps | steps left out because fp16 overflowed |
| tokens_per_second | real tokens on all ranks |
| padding_share | of the tokens in the passes |
| mfu | model FLOPs utilisation (see `throughput`); empty on CPUs and unknown GPUs |
| seconds | training alone, without validation and checkpoints |
| peak_memory_mb | of the GPU (the fullest one) since the start, else of the process |
| tokens_per_batch | padded tokens allowed in a pass; less if memory ran out |
| is_best | whether this epoch's weights are the ones that are kept |
"""

from __future__ import annotations

from typing import Any

import torch
from accelerate import Accelerator

from error_sequence_model.optimisation.state import TrainingState, get_peak_memory_mb
from error_sequence_model.optimisation.throughput import get_peak_flops


def make_row(
    state: TrainingState,
    accelerator: Accelerator,
    *,
    steps_per_epoch: int,
    learning_rate: float,
    tokens_per_batch: int,
    scores: dict[str, float],
) -> dict[str, Any]:
    """Make the row of the epoch under way; every rank must call this.

    Args:
        state: Where the run stands.
        accelerator: Adds up what the ranks did.
        steps_per_epoch: Optimiser steps of an epoch.
        learning_rate: See the module.
        tokens_per_batch: This rank's budget; the smallest one is told.
        scores: validation_loss, validation_auprc, validation_auroc.
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
        "is_best": False,
    }
