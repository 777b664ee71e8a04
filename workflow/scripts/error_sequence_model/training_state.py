"""Where a training run stands, and what it checks before it starts."""

from __future__ import annotations

import resource
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from error_sequence_model.datasets import SequenceDataset
from error_sequence_model.errors import InputError


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
    history: list[dict[str, Any]] = field(default_factory=list)


def check_classes(dataset: SequenceDataset, part: str) -> None:
    """Refuse a part in which a class has no sites.

    Raises:
        InputError: Names the part, the class and what to change.
    """
    if len(dataset.classes) < 2:
        raise InputError(
            f"the {part} part has the one class {', '.join(dataset.classes)}; two are "
            "needed to tell apart"
        )
    counts = np.bincount(dataset.labels, minlength=len(dataset.classes))
    for name, count in zip(dataset.classes, counts, strict=True):
        if count == 0:
            raise InputError(
                f"the {part} part has {len(dataset)} sites and none of class {name!r}; "
                "give it other chromosomes or genes (`splits` in the config)"
            )


def get_peak_memory_mb() -> float:
    """Peak memory so far in MiB: of the GPU where one is used, else of this process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
