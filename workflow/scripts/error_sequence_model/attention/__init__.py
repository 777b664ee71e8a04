"""Attention of a model on the base axis: layers, roll-out, entropy, files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .run import attend_run
    from .views import AttentionViews, extract_attention

__all__, __getattr__ = open_face(__name__, __file__)
