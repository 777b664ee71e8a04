"""Inputs of one run, opened for a step; and what a run of all of them will take."""

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
    from .plan import (
        Job,
        Sizes,
        Step,
        describe_plan,
        measure_input,
        plan_steps,
        read_history,
        read_jobs,
        read_rates,
        weigh_backbone,
    )

__all__, __getattr__ = open_face(__name__, __file__)
