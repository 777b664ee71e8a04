"""Whether a map deserves belief: checks that can say no, and their verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .agreement import compare_methods, compare_seeds, correlate_sites
    from .cascade import find_stages, iterate_stages, randomise
    from .checking import check_run, is_error
    from .control import check_control
    from .perturbation import SHARES, RankedMaps, check_perturbation
    from .verdicts import (
        COMPLETENESS_LIMIT,
        RANK_CORRELATION_LIMIT,
        REQUIRED,
        check_completeness,
        check_planted,
        check_randomisation,
        judge,
        mark_planted,
    )

__all__ = [
    "COMPLETENESS_LIMIT",
    "RANK_CORRELATION_LIMIT",
    "REQUIRED",
    "SHARES",
    "RankedMaps",
    "check_completeness",
    "check_control",
    "check_perturbation",
    "check_planted",
    "check_randomisation",
    "check_run",
    "compare_methods",
    "compare_seeds",
    "correlate_sites",
    "find_stages",
    "is_error",
    "iterate_stages",
    "judge",
    "mark_planted",
    "randomise",
]

__getattr__ = open_face(__name__, __file__)
