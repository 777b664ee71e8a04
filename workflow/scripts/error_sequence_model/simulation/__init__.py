"""A genome, genes and a predictor whose errors have planted, known causes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .files import ERROR_COLUMNS
    from .genes import COMPOSITION, EXON, INTRON, sample_background
    from .predictor import DECOY, DECOY_CAUSE, DECOY_ZONES, G_RUN, PTBP1_MOTIF, SILENCER
    from .run import SimulationPaths, simulate
    from .settings import SimulationSettings
    from .truth import TRUTH_COLUMNS, read_truth

__all__ = [
    "COMPOSITION",
    "DECOY",
    "DECOY_CAUSE",
    "DECOY_ZONES",
    "ERROR_COLUMNS",
    "EXON",
    "G_RUN",
    "INTRON",
    "PTBP1_MOTIF",
    "SILENCER",
    "TRUTH_COLUMNS",
    "SimulationPaths",
    "SimulationSettings",
    "read_truth",
    "sample_background",
    "simulate",
]

__getattr__ = open_face(__name__, __file__)
