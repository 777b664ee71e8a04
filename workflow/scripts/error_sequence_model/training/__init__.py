"""One training loop, its steps, budget and checkpoints; fine-tuning is its task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .checkpoints import CheckpointFolder
    from .finetuning import FineTuning
    from .groups import get_rate_factor, make_optimizer
    from .loop import Training
    from .rate_finder import find_rates, plot_rates
    from .run import (
        create_run_model,
        fine_tune,
        train_error_sequence_model,
        train_run,
    )
    from .state import TrainingState
    from .task import Task

__all__, __getattr__ = open_face(__name__, __file__)
