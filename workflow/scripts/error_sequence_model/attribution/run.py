"""One run's maps: its sites attributed by a method and written, what is there kept."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from error_sequence_model.attribution.files import stream_maps
from error_sequence_model.attribution.methods import Attribution, attribute, plan_maps
from error_sequence_model.attribution.mutagenesis import LETTERS, find_core
from error_sequence_model.runs import ExplainedRun
from error_sequence_model.settings import UNSIGNED

logger = logging.getLogger(__name__)


def attribute_run(
    run: ExplainedRun, method: str, *, baseline: str, seed: int, output: Path
) -> None:
    """Write the maps of one method for the explained sites of a run.

    They are written as they are made: a killed step goes on where it was.
    """
    plan = plan_maps(
        run.model, run.dataset, method, **_get_options(run, baseline, seed)
    )
    attributes = {
        **run.attributes,
        "method": plan.name,
        "signed": plan.name not in UNSIGNED,
        "baseline": plan.request.baseline,
    }
    if plan.name == "in_silico_mutagenesis":
        first, end = find_core(plan.request, 0, plan.request.length)
        attributes |= {"first": first, "last": end - 1, "letters": LETTERS}
    stream_maps(output, run.dataset.site_ids, plan, attributes)
    logger.info(
        "%s: %d sites, baseline %s",
        *(plan.name, len(run.dataset), plan.request.baseline),
    )


def attribute_sites(
    run: ExplainedRun, method: str, baseline: str, seed: int, *, is_rough: bool = False
) -> Attribution:
    """Make the maps of one method for the explained sites of a run."""
    options = _get_options(run, baseline, seed)
    return attribute(run.model, run.dataset, method, is_rough=is_rough, **options)


def _get_options(run: ExplainedRun, baseline: str, seed: int) -> dict[str, Any]:
    return {
        "sequences": run.sequences,
        "window_length": run.upstream + run.downstream,
        "baseline": baseline,
        "core": run.core,
        "seed": seed,
    }
