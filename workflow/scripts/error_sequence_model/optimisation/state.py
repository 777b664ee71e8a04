"""Where a training run stands, and what it checks before it starts."""

from __future__ import annotations

import resource
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from error_sequence_model.datasets import SequenceDataset
from error_sequence_model.errors import InputError
from error_sequence_model.files import write_tsv

FAILED_BATCH = "failed_batch.tsv"


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


def write_failed_batch(
    dataset: SequenceDataset, step: np.ndarray, folder: Path | None
) -> str:
    """Save which sites were in a step that failed, and say where.

    Args:
        dataset: The training sequences.
        step: Their indices, int64 (n,).
        folder: Gets ``failed_batch.tsv`` with site_id, class, tokens; None: the sites
            are told in the message.
    """
    site_ids = dataset.site_ids[step]
    if folder is None:
        return f"site_ids of the step: {site_ids.tolist()}"
    path = folder / FAILED_BATCH
    names = np.array(dataset.classes)[dataset.labels[step]]
    table = {"site_id": site_ids, "class": names, "tokens": dataset.lengths[step]}
    write_tsv(path, pd.DataFrame(table))
    return f"the {len(step)} sites of the step are in {path}"


def get_peak_memory_mb() -> float:
    """Peak memory so far in MiB: of the GPU where one is used, else of this process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
