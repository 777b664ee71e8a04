"""A run's attention: extracted, and kept in an HDF5 file.

Every map is float32 (n, window_length) on the base axis; index i is offset
``i - upstream`` from the junction.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from error_sequence_model.attention.views import AttentionViews, extract_attention
from error_sequence_model.core import atomic_path
from error_sequence_model.runs import ExplainedRun

logger = logging.getLogger(__name__)


def write_attention(
    path: str | Path,
    site_ids: np.ndarray,
    views: AttentionViews,
    attributes: dict[str, Any],
) -> None:
    """Write the attention views of a run; see `AttentionViews`.

    Views that the model does not define have no data set: the attribute ``undefined``
    (JSON) says why.
    """
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        file["site_id"] = np.asarray(site_ids, dtype=np.int64)
        for name, values in views.maps.items():
            _write_maps(file, name, values)
        if views.mean_without_special is not None:
            _write_maps(file, "mean_without_special", views.mean_without_special)
        _write_maps(file, "head_mean", views.head_mean)
        for name in ("special_share", "entropy", "sink_share", "head_special_share"):
            file[name] = getattr(views, name)
        file.attrs["view"] = views.view
        file.attrs["rows"] = "sum to 1 over all tokens, special ones included"
        file.attrs["first_token"] = "special" if views.has_class_token else "base"
        file.attrs["undefined"] = json.dumps(views.undefined)
        file.attrs.update(attributes)


def _write_maps(file: h5py.File, name: str, maps: np.ndarray) -> None:
    if not np.isfinite(maps).all():
        raise ValueError(f"{name} holds NaN or infinity; nothing was written")
    file.create_dataset(name, data=maps.astype(np.float32), compression="gzip")


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
