"""The models a language model is held against, and those joined with features."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .baselines import (
        BASELINES,
        Baseline,
        fit_baselines,
        get_baseline,
        make_predictions,
        make_rows,
        read_matrix,
    )
    from .hybrid import align_held_out, fit_hybrids
    from .models import (
        Rows,
        code_column,
        fit_boosting,
        fit_constant,
        fit_logistic,
        fit_neighbours,
    )
    from .neural import fit_cnn_baseline, fit_embedding_baseline

__all__, __getattr__ = open_face(__name__, __file__)
