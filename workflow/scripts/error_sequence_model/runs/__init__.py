"""One run's inputs: its sites, tokens, model and settings, opened for a step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .explained import (
        ExplainedRun,
        choose_sites,
        open_explained_run,
        read_explained_run,
    )
    from .inputs import RunInputs, read_run_inputs

__all__, __getattr__ = open_face(__name__, __file__)
