"""From a predictor's scores and an annotation to TP, FP, FN and TN."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .files import call_files
    from .findings import ODD, UNDERSTOOD, WRONG, Finding
    from .matching import call_sites, find_threshold
    from .pairing import match_calls
    from .scan_regions import read_regions
    from .scores import read_scores
    from .user_files import check_files

__all__, __getattr__ = open_face(__name__, __file__)
