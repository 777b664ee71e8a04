"""What predictions are worth: assessment, comparison, strata, ensembles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .assessment import assess_models, read_strata_features
    from .comparison import compare_models, read_all_predictions, read_run_predictions
    from .ensemble import fit_stack, stack_models
    from .operating_points import compute_precision_at, compute_recall_at, compute_top_k
    from .predictions import (
        evaluate_error_sequence_model,
        evaluate_sites,
        predict_sites,
    )
    from .reranking import find_wanted, rerank_calls
    from .run import evaluate_run
    from .strata import cut_values, make_strata, score_strata

__all__ = [
    "assess_models",
    "compare_models",
    "compute_precision_at",
    "compute_recall_at",
    "compute_top_k",
    "cut_values",
    "evaluate_error_sequence_model",
    "evaluate_run",
    "evaluate_sites",
    "find_wanted",
    "fit_stack",
    "make_strata",
    "predict_sites",
    "read_all_predictions",
    "read_run_predictions",
    "read_strata_features",
    "rerank_calls",
    "score_strata",
    "stack_models",
]

__getattr__ = open_face(__name__, __file__)
