"""One run's inputs: its sites, tokens, model and settings, opened for a step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .arguments import make_run_parser, read_run_inputs
    from .explained import (
        ExplainedRun,
        choose_sites,
        make_explain_parser,
        open_explained_run,
        read_explained_run,
    )
    from .inputs import RunInputs

__all__ = [
    "ExplainedRun",
    "RunInputs",
    "choose_sites",
    "make_explain_parser",
    "make_run_parser",
    "open_explained_run",
    "read_explained_run",
    "read_run_inputs",
]

__getattr__ = open_face(__name__, __file__)
