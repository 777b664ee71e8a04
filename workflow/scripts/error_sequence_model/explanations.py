"""Which sites are explained, and the HDF5 files that keep their maps.

Every map is float32 (n, window_length) on the base axis; index i is offset
``i - upstream`` from the junction.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from error_sequence_model.attention import AttentionViews
from error_sequence_model.attribution import Attribution
from error_sequence_model.errors import InputError
from error_sequence_model.files import atomic_path


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
    """Write the maps of one method.

    Args:
        path: The HDF5 file.
        site_ids: int64 (n,).
        maps: From `attribution.attribute`.
        attributes: Written as attributes of the file (method, target, upstream …).
    """
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        file["site_id"] = np.asarray(site_ids, dtype=np.int64)
        _write_maps(file, "attributions", maps.attributions)
        file["logit"] = maps.target
        for name, values in (
            ("baseline_logit", maps.baseline_target),
            ("completeness_error", maps.completeness_error),
        ):
            if np.isfinite(values).all():
                file[name] = values
        file.attrs["baseline"] = maps.baseline
        file.attrs.update(attributes)


def write_attention(
    path: str | Path,
    site_ids: np.ndarray,
    views: AttentionViews,
    attributes: dict[str, Any],
) -> None:
    """Write the attention views of a run; see `AttentionViews`."""
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        file["site_id"] = np.asarray(site_ids, dtype=np.int64)
        for name in ("mean", "junction", "rollout", "head_mean"):
            _write_maps(file, name, getattr(views, name))
        file["special_share"] = views.special_share
        file["entropy"] = views.entropy
        file.attrs["view"] = views.view
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
    try:
        with h5py.File(path, "r") as file:
            return pd.DataFrame(file[dataset][:], index=file["site_id"][:])
    except (OSError, KeyError) as error:
        raise InputError(f"{path}: no maps {dataset!r} to read ({error})") from error
