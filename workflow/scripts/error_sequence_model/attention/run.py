"""The steps that explain a run: maps of its sites, and attention."""

from __future__ import annotations

import logging
from pathlib import Path

from error_sequence_model.attention.files import write_attention
from error_sequence_model.attention.views import extract_attention
from error_sequence_model.runs import ExplainedRun

logger = logging.getLogger(__name__)


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
