"""Fine-tuning of a classifier: one loop, its steps, budget, checkpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .checkpoints import CheckpointFolder
    from .finetuning import fine_tune, train_error_sequence_model
    from .gradients import GradientSteps
    from .groups import (
        compute_class_weights,
        get_rate_factor,
        make_optimizer,
        set_learning_rate,
    )
    from .loop import Training
    from .run import train_run
    from .state import TrainingState, get_peak_memory_mb, make_accelerator
    from .steps import OptimiserSteps
    from .throughput import (
        PEAKS,
        FlopCounter,
        estimate_pass_cost,
        find_peak,
        get_peak_flops,
    )
    from .token_budget import (
        CPU_TOKENS,
        find_token_budget,
        get_memory_limit,
        measure_saved_bytes,
    )

__all__ = [
    "CPU_TOKENS",
    "PEAKS",
    "CheckpointFolder",
    "FlopCounter",
    "GradientSteps",
    "OptimiserSteps",
    "Training",
    "TrainingState",
    "compute_class_weights",
    "estimate_pass_cost",
    "find_peak",
    "find_token_budget",
    "fine_tune",
    "get_memory_limit",
    "get_peak_flops",
    "get_peak_memory_mb",
    "get_rate_factor",
    "make_accelerator",
    "make_optimizer",
    "measure_saved_bytes",
    "set_learning_rate",
    "train_error_sequence_model",
    "train_run",
]

__getattr__ = open_face(__name__, __file__)
