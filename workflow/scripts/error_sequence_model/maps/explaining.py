"""The steps that explain a run: maps of its sites, and attention."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from error_sequence_model.attention import extract_attention
from error_sequence_model.attribution import Attribution, attribute, plan_maps
from error_sequence_model.maps.explanations import write_attention
from error_sequence_model.maps.files import stream_maps
from error_sequence_model.maps.methods import UNSIGNED
from error_sequence_model.maps.mutagenesis import LETTERS, find_core
from error_sequence_model.runs import ExplainedRun

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
    run: ExplainedRun, method: str, baseline: str, seed: int
) -> Attribution:
    """Make the maps of one method for the explained sites of a run."""
    options = _get_options(run, baseline, seed)
    return attribute(run.model, run.dataset, method, **options)


def _get_options(run: ExplainedRun, baseline: str, seed: int) -> dict[str, Any]:
    return {
        "sequences": run.sequences,
        "window_length": run.upstream + run.downstream,
        "baseline": baseline,
        "core": run.core,
        "seed": seed,
    }


def _is_cut(run: ExplainedRun, index: int) -> bool:
    """Whether a window's tokens are fewer than its bases need."""
    spans = run.dataset.get_encoding(index).spans
    body = spans[spans[:, 1] > spans[:, 0]]
    return body[-1, 1] - body[0, 0] < len(run.sequences[index])


def attend_run(run: ExplainedRun, *, output: Path) -> None:
    """Write the attention of the explained sites of a run."""
    views = extract_attention(
        run.model, run.dataset, window_length=run.upstream + run.downstream
    )
    cut = sum(_is_cut(run, index) for index in range(len(run.dataset)))
    if cut:
        logger.warning(
            "%d windows have more tokens than `training.max_length`: bases beyond "
            "those around the junction have no attention",
            cut,
        )
    attributes = {**run.attributes, "cut_windows": int(cut)}
    write_attention(output, run.dataset.site_ids, views, attributes)
    logger.info("%s of %d sites", views.view, len(run.dataset))
