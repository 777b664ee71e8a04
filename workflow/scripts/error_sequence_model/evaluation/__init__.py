"""What predictions are worth: assessment, comparison, strata, ensembles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .assessment import assess_models, read_strata_features
    from .comparison import compare_models, read_all_predictions, read_run_predictions
    from .ensemble import stack_models
    from .predictions import (
        evaluate_error_sequence_model,
        evaluate_sites,
        predict_sites,
    )
    from .run import evaluate_run

__all__, __getattr__ = open_face(__name__, __file__)
