"""Attention of a model on the base axis: layers, roll-out, entropy, files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .files import write_attention
    from .flow import (
        compute_entropy,
        drop_specials,
        find_sinks,
        roll_gradients,
        roll_out,
    )
    from .layers import Layers, get_layers
    from .run import attend_run
    from .views import (
        BASES_ONLY,
        CAUSAL,
        CELLS_PER_PASS,
        CELLS_WITH_GRADIENT,
        GATED,
        MOST_CELLS,
        PER_SITE,
        AttentionViews,
        extract_attention,
    )

__all__ = [
    "BASES_ONLY",
    "CAUSAL",
    "CELLS_PER_PASS",
    "CELLS_WITH_GRADIENT",
    "GATED",
    "MOST_CELLS",
    "PER_SITE",
    "AttentionViews",
    "Layers",
    "attend_run",
    "compute_entropy",
    "drop_specials",
    "extract_attention",
    "find_sinks",
    "get_layers",
    "roll_gradients",
    "roll_out",
    "write_attention",
]

__getattr__ = open_face(__name__, __file__)
