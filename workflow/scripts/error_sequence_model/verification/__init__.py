"""Features and motifs edited in sequence: does the model answer to them?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .effects import COLUMNS, SMALLEST_EFFECT
    from .run import verify_run

__all__, __getattr__ = open_face(__name__, __file__)
