"""Optimiser groups and learning-rate schedule of a training run."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import torch
from torch import nn

from error_sequence_model.backbones import FAMILIES
from error_sequence_model.settings import TrainingSettings

# Where the settings leave the learning rate to us: of a new network, of a head on a
# backbone that does not learn, and of adapters, which start at nothing.
NEW_RATE, FROZEN_RATE, LORA_RATE = 3.0e-4, 1.0e-3, 3.0e-4
# The norm after the last layer learns as fast as the head.
FINAL_NORM = re.compile(
    r"(^backbone\.norm|\bfinal_norm|\bln_f|\bemb_layer_norm_after)\."
)


def make_optimizer(model: nn.Module, settings: TrainingSettings) -> torch.optim.AdamW:
    """Make AdamW with weight-decay groups and layer-wise learning rates.

    Norms, biases, embeddings of one dimension and what the family names (Hyena filters)
    are not decayed. With ``layer_decay`` d, the parameters k layers below the head
    learn at ``learning_rate * d**k``; the embeddings are below the first layer.

    Args:
        model: What learns; its ``backbone`` is of a known family.
        settings: learning_rate (auto: that of a new network), weight_decay and
            layer_decay are used.

    Returns:
        The optimiser; each group carries its peak rate as ``peak``.
    """
    settings = choose_rate(settings)
    family = FAMILIES[model.backbone.config.model_type]
    layers = model.backbone.config.num_hidden_layers
    groups: dict[tuple[int, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        decays = parameter.ndim > 1 and not any(
            part in name for part in family.no_decay_names
        )
        is_top = name.startswith("head.") or FINAL_NORM.search(name)
        depth = 0 if is_top else layers - _find_layer(name)
        groups.setdefault((depth, decays), []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "lr": settings.learning_rate * settings.layer_decay**depth,
                "peak": settings.learning_rate * settings.layer_decay**depth,
                "weight_decay": settings.weight_decay if decays else 0.0,
            }
            for (depth, decays), parameters in sorted(groups.items())
        ],
        fused=True,
    )


def _find_layer(name: str) -> int:
    """Number the layer of a parameter from 0; -1 for embeddings and stems."""
    match = re.search(r"\blayers?\.(\d+)\.", name)
    return int(match.group(1)) if match else -1


def get_rate_factor(step: int, total_steps: int, settings: TrainingSettings) -> float:
    """Give the share of the peak learning rate at an optimiser step.

    Args:
        step: Optimiser step, from 0.
        total_steps: Optimiser steps of the whole run.
        settings: warmup_steps or warmup_fraction, and schedule.

    Returns:
        Rises linearly to 1 over the warm-up, then falls to 0 at the end of the run
        ("cosine", "linear") or stays ("constant").
    """
    warmup = settings.warmup_steps
    if warmup is None:
        warmup = round(settings.warmup_fraction * total_steps)
    # A warm-up longer than the run would end below the peak: nothing would be learnt.
    warmup = min(warmup, total_steps // 2)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    progress = (step - warmup) / max(total_steps - warmup, 1)
    if settings.schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * progress))
    return 1.0 if settings.schedule == "constant" else 1 - progress


def choose_rate(
    settings: TrainingSettings,
    family: str = "nucleotide_encoder",
    *,
    tuning: str = "full",
    is_new: bool = True,
    override: float | None = None,
) -> TrainingSettings:
    """Put a number in place of a learning rate of "auto".

    Args:
        settings: How to train.
        family: Architecture of the backbone.
        tuning: What of it learns: "full", "frozen" or "lora".
        is_new: Whether its weights are random.
        override: The backbone's own rate, which goes before all others.
    """
    rate = override or settings.learning_rate
    if rate == "auto":
        published = NEW_RATE if is_new else FAMILIES[family].published_rate
        rates = {"full": published, "frozen": FROZEN_RATE, "lora": LORA_RATE}
        rate = rates[tuning]
    return replace(settings, learning_rate=rate)


def get_highest_rate(optimizer: torch.optim.Optimizer) -> float:
    """Give the highest learning rate of the groups."""
    return max(group["lr"] for group in optimizer.param_groups)


def set_learning_rate(optimizer: torch.optim.Optimizer, factor: float) -> float:
    """Set every group to ``factor`` times its peak; give the highest rate."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * factor
    return get_highest_rate(optimizer)
