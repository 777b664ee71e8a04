"""From a predictor's scores and an annotation to TP, FP, FN and TN."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .decoys import read_regions
    from .files import call_files
    from .matching import assign_regions, call_sites, find_threshold, match_calls
    from .scores import read_scores

__all__, __getattr__ = open_face(__name__, __file__)
