"""The HDF5 file that keeps the attention views of a run.

Every map is float32 (n, window_length) on the base axis; index i is offset
``i - upstream`` from the junction.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from error_sequence_model.attention.views import AttentionViews
from error_sequence_model.core import atomic_path


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
