"""Maps and predictions on the genome: bigWig and BED files for browsers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .write import Source, write_tracks

__all__, __getattr__ = open_face(__name__, __file__)
