"""The models a language model is held against, and those joined with features."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .baselines import (
        AWARE_GROUPS,
        BASELINES,
        COLUMNS_AT_ONCE,
        ELSEWHERE,
        Baseline,
        fit_baselines,
        get_baseline,
        make_predictions,
        make_rows,
        read_matrix,
    )
    from .cnn import DilatedCnn, fit_cnn
    from .hybrid import align_held_out, fit_hybrids
    from .models import (
        BINS,
        NEIGHBOURS,
        Rows,
        code_column,
        fit_boosting,
        fit_constant,
        fit_logistic,
        fit_neighbours,
        scale_features,
        screen_features,
    )
    from .neural import fit_cnn_baseline, fit_embedding_baseline

__all__ = [
    "AWARE_GROUPS",
    "BASELINES",
    "BINS",
    "COLUMNS_AT_ONCE",
    "ELSEWHERE",
    "NEIGHBOURS",
    "Baseline",
    "DilatedCnn",
    "Rows",
    "align_held_out",
    "code_column",
    "fit_baselines",
    "fit_boosting",
    "fit_cnn",
    "fit_cnn_baseline",
    "fit_constant",
    "fit_embedding_baseline",
    "fit_hybrids",
    "fit_logistic",
    "fit_neighbours",
    "get_baseline",
    "make_predictions",
    "make_rows",
    "read_matrix",
    "scale_features",
    "screen_features",
]

__getattr__ = open_face(__name__, __file__)
