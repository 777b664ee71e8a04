"""From a predictor's scores and an annotation to TP, FP, FN and TN."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .arrangement import FEWEST, check_arrangement
    from .decoys import draw_decoys, read_regions
    from .files import call_files
    from .matching import (
        CHANNEL_SWAP_DISTANCE,
        assign_regions,
        call_sites,
        find_threshold,
        match_calls,
        pair_sites,
    )
    from .scores import read_scores

__all__ = [
    "CHANNEL_SWAP_DISTANCE",
    "FEWEST",
    "assign_regions",
    "call_files",
    "call_sites",
    "check_arrangement",
    "draw_decoys",
    "find_threshold",
    "match_calls",
    "pair_sites",
    "read_regions",
    "read_scores",
]

__getattr__ = open_face(__name__, __file__)
