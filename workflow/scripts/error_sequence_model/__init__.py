"""Why does a splice-site predictor get these sites wrong?

The public functions are loaded when they are first used, so that importing the package
(as the workflow does to read its config) needs neither torch nor transformers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .classifier import load_model
    from .evaluation import evaluate_error_sequence_model
    from .notebook import prepare_datasets_for_training, visualize_attention_regions
    from .training import train_error_sequence_model

__version__ = "0.1.0"

__all__, __getattr__ = open_face(__name__, __file__)
