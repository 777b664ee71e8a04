"""For notebooks: data frames in, one sequence drawn on paper, examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .frames import prepare_datasets_for_training
    from .visualization import visualize_attention_regions

__all__, __getattr__ = open_face(__name__, __file__)
