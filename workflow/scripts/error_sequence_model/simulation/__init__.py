"""A genome, genes and a predictor whose errors have planted, known causes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .run import SimulationPaths, simulate
    from .settings import SimulationSettings
    from .truth import read_truth

__all__, __getattr__ = open_face(__name__, __file__)
