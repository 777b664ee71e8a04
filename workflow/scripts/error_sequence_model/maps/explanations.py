"""Which sites are explained, and the HDF5 files that keep their maps.

Every map is float32 (n, window_length) on the base axis; index i is offset
``i - upstream`` from the junction.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from error_sequence_model.attention import AttentionViews
from error_sequence_model.attribution import Attribution
from error_sequence_model.errors import InputError
from error_sequence_model.files import atomic_path
from error_sequence_model.maps.files import DATASETS, write_map_file
from error_sequence_model.saved_files import open_hdf5


def choose_sites(test: pd.DataFrame, *, per_class: int, seed: int) -> np.ndarray:
    """Choose the held-out sites to explain: a random sample of every class.

    Args:
        test: site_id and label of the test part.
        per_class: Sites per class; all where there are fewer.
        seed: Seed of the sample.

    Returns:
        site_id, int64 (n,), rising.
    """
    rng = np.random.default_rng(seed)
    chosen = []
    for _, rows in test.sort_values("site_id").groupby("label", sort=True):
        site_ids = rows["site_id"].to_numpy()
        chosen.append(rng.permutation(site_ids)[:per_class])
    return np.sort(np.concatenate(chosen))


def write_attribution(
    path: str | Path,
    site_ids: np.ndarray,
    maps: Attribution,
    attributes: dict[str, Any],
) -> None:
    """Write the maps of one method that were made in one go.

    Args:
        path: The HDF5 file.
        site_ids: int64 (n,).
        maps: From `attribution.attribute`.
        attributes: Written as attributes of the file (method, target, upstream …).
    """
    if not np.isfinite(maps.attributions).all():
        raise ValueError("attributions hold NaN or infinity; nothing was written")
    arrays = {
        DATASETS[field]: values
        for field, values in maps._asdict().items()
        if field in DATASETS and values is not None
    }
    write_map_file(path, site_ids, arrays, {"baseline": maps.baseline, **attributes})


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


def read_maps(path: str | Path, dataset: str = "attributions") -> pd.DataFrame:
    """Read maps as a frame: index site_id, one column per base of the window.

    Raises:
        InputError: The file is missing or has no such data set.
    """
    with open_hdf5(path) as file:
        if dataset not in file:
            raise InputError(f"{path}: no maps {dataset!r} to read")
        return pd.DataFrame(file[dataset][:], index=file["site_id"][:])
