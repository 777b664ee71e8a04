"""Whether a map deserves belief: checks that can say no, and their verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .agreement import compare_seeds
    from .cascade import find_stages, iterate_stages, randomise
    from .checking import check_run, is_error
    from .perturbation import RankedMaps, check_perturbation
    from .verdicts import (
        COMPLETENESS_LIMIT,
        check_completeness,
        check_planted,
        check_randomisation,
        judge,
        mark_planted,
    )

__all__, __getattr__ = open_face(__name__, __file__)
