"""Why does a splice-site predictor get these sites wrong?

The public functions are loaded when they are first used, so that importing the package
(as the workflow does to read its config) needs neither torch nor transformers.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from error_sequence_model.classifier import load_model
    from error_sequence_model.evaluation import evaluate_error_sequence_model
    from error_sequence_model.finetuning import train_error_sequence_model
    from error_sequence_model.frames import prepare_datasets_for_training
    from error_sequence_model.visualization import visualize_attention_regions

__version__ = "0.1.0"

__all__ = [
    "evaluate_error_sequence_model",
    "load_model",
    "prepare_datasets_for_training",
    "train_error_sequence_model",
    "visualize_attention_regions",
]

_PLACES = {
    "evaluate_error_sequence_model": "evaluation",
    "load_model": "classifier",
    "prepare_datasets_for_training": "frames",
    "train_error_sequence_model": "finetuning",
    "visualize_attention_regions": "visualization",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
