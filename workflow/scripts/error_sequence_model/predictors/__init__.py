"""SpliceAI, OpenSpliceAI and Pangolin, run here: scores of sequences and genomes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .family import Family
    from .genome_scores import score_genome
    from .known_families import FAMILIES, plan_scores
    from .splice_predictor import SplicePredictor, load_predictor
    from .stretches import Stretch, join_stretches, read_stretches

__all__, __getattr__ = open_face(__name__, __file__)
