"""Fine-tuning of a classifier: one loop, its steps, budget, checkpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .checkpoints import CheckpointFolder
    from .finetuning import fine_tune, train_error_sequence_model
    from .groups import (
        compute_class_weights,
        get_rate_factor,
        make_optimizer,
        set_learning_rate,
    )
    from .loop import Training
    from .run import train_run
    from .state import TrainingState, get_peak_memory_mb, make_accelerator

__all__ = [
    "CheckpointFolder",
    "Training",
    "TrainingState",
    "compute_class_weights",
    "fine_tune",
    "get_peak_memory_mb",
    "get_rate_factor",
    "make_accelerator",
    "make_optimizer",
    "set_learning_rate",
    "train_error_sequence_model",
    "train_run",
]

__getattr__ = open_face(__name__, __file__)
