"""Features and motifs edited in sequence: does the model answer to them?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .changes import Editor, make_editors
    from .edits import Pair, Site, draw_control, protect_site
    from .effects import (
        COLUMNS,
        SMALLEST_EFFECT,
        Effect,
        HeldOut,
        find_starts,
        judge,
        list_testable,
        summarise_change,
        verify_features,
    )
    from .motifs import MapMotif, judge_motif, verify_motifs
    from .named_model import NamedModel, fit_named_model
    from .run import verify_run

__all__ = [
    "COLUMNS",
    "SMALLEST_EFFECT",
    "Editor",
    "Effect",
    "HeldOut",
    "MapMotif",
    "NamedModel",
    "Pair",
    "Site",
    "draw_control",
    "find_starts",
    "fit_named_model",
    "judge",
    "judge_motif",
    "list_testable",
    "make_editors",
    "protect_site",
    "summarise_change",
    "verify_features",
    "verify_motifs",
    "verify_run",
]

__getattr__ = open_face(__name__, __file__)
