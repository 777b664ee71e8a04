"""The files of a run folder, as reports read them.

A run folder is ``results/{predictor}/{contrast}/{splice_type}/{backbone}/seed{seed}/
fold{fold}``. Maps are on the base axis: column ``index`` is offset ``index - upstream``
from the junction.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from error_sequence_model.core import InputError, hash_file, open_hdf5


@dataclass(frozen=True)
class Maps:
    """Per-base values of some sites.

    Attributes:
        site_id: int64 (n_sites,).
        scores: float32 (n_sites, length).
        upstream: Bases of the window 5' of the junction.
        attributes: The file's attributes (method, target, baseline, view …).
        extra: Further arrays of the file, by name.
    """

    site_id: np.ndarray
    scores: np.ndarray
    upstream: int
    attributes: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def offsets(self) -> np.ndarray:
        """Offset of each column from the junction, int (length,)."""
        return np.arange(self.scores.shape[1]) - self.upstream

    def pick(self, site_ids: Iterable[int]) -> dict[int, np.ndarray]:
        """Scores of some sites by site_id, of those that have any."""
        places = {int(site): place for place, site in enumerate(self.site_id)}
        known = [int(site) for site in site_ids if int(site) in places]
        return {site: self.scores[places[site]] for site in known}


def parse_run_path(path: Path) -> dict[str, Any]:
    """Take predictor, contrast, splice type, backbone, seed and fold from a path.

    Raises:
        InputError: The path ends differently.
    """
    parts = Path(path).parts[-6:]
    seed = re.fullmatch(r"seed(\d+)", parts[-2]) if len(parts) == 6 else None
    fold = re.fullmatch(r"fold(\d+)", parts[-1]) if len(parts) == 6 else None
    if not (seed and fold):
        raise InputError(
            f"{path}: not a run folder; give "
            "results/{predictor}/{contrast}/{splice_type}/{backbone}/seedS/foldF"
        )
    return {
        "predictor": parts[0],
        "contrast": parts[1],
        "splice_type": parts[2],
        "backbone": parts[3],
        "seed": int(seed[1]),
        "folds": (int(fold[1]),),
    }


def concatenate_maps(maps: Sequence[Maps]) -> Maps:
    """Put maps of one window length together; head means are averaged."""
    fitting = [m for m in maps if m.scores.shape[1] == maps[0].scores.shape[1]]
    extra = {
        name: np.concatenate([m.extra[name] for m in fitting])
        for name in fitting[0].extra
        if name != "head_mean" and all(name in m.extra for m in fitting)
    }
    if all("head_mean" in m.extra for m in fitting):
        extra["head_mean"] = np.mean([m.extra["head_mean"] for m in fitting], axis=0)
    return Maps(
        np.concatenate([m.site_id for m in fitting]),
        np.concatenate([m.scores for m in fitting]),
        fitting[0].upstream,
        fitting[0].attributes,
        extra,
    )


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object."""
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError("not a JSON object")
    return content


def read_history(path: Path) -> pd.DataFrame:
    """Read ``history.tsv``."""
    history = pd.read_csv(path, sep="\t")
    if "epoch" not in history:
        raise ValueError("no column epoch")
    return history


def _read_maps(path: Path, main: str) -> Maps:
    with h5py.File(path, "r") as file:
        arrays = {name: data[()] for name, data in file.items() if data.shape != ()}
        attributes = {
            name: value.item() if isinstance(value, np.generic) else value
            for name, value in file.attrs.items()
        }
    site_id, values = arrays.pop("site_id"), arrays.pop(main)
    upstream = int(attributes.get("upstream", values.shape[1] // 2))
    return Maps(site_id, values.astype(np.float32), upstream, attributes, arrays)


def read_attributions(path: Path) -> Maps:
    """Read ``attributions/{method}.h5``."""
    return _read_maps(path, "attributions")


def read_attention(path: Path) -> Maps:
    """Read ``attention.h5``; ``values`` is the mean attention received per base."""
    return _read_maps(path, "mean")


def find_setting(settings: Any, key: str) -> Any:
    """First value under a key at any depth of nested settings, or None."""
    if isinstance(settings, dict):
        if key in settings:
            return settings[key]
        for value in settings.values():
            found = find_setting(value, key)
            if found is not None:
                return found
    return None


def find_hash(settings: dict[str, Any], path: Path) -> str:
    """Twelve digits of the weights' hash from run.json, else from the file."""
    value = settings.get("model_sha256")
    if isinstance(value, str) and value:
        return value[:12]
    weights = path / "model" / "model.safetensors"
    if weights.is_file():
        return hash_file(weights)[:12]
    return "not recorded"


def read_maps(path: str | Path, dataset: str = "attributions") -> pd.DataFrame:
    """Read maps as a frame: index site_id, one column per base of the window.

    Raises:
        InputError: The file is missing or has no such data set.
    """
    with open_hdf5(path) as file:
        if dataset not in file:
            raise InputError(f"{path}: no maps {dataset!r} to read")
        return pd.DataFrame(file[dataset][:], index=file["site_id"][:])
