"""HDF5 files of attribution maps, written batch by batch; a killed run goes on.

Until all maps are there they lie in a file beside the output, ``.{name}.partial``: its
data sets have their full size from the start and are not compressed, so that a killed
process leaves it readable. A batch counts as done only after its maps are on disk.
Batches are the same whenever they are made, so the result does not tell of the stop.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from error_sequence_model.attribution.methods import MapPlan
from error_sequence_model.attribution.requests import MapBatch
from error_sequence_model.core import (
    atomic_path,
    find_sources,
    get_progress,
    get_versions,
    hash_file,
)
from error_sequence_model.settings import compute_run_hash

logger = logging.getLogger(__name__)

# Names in the file of what a method gives; optional ones are left out where a site has
# no finite value.
DATASETS = {
    "attributions": "attributions",
    "target": "logit",
    "baseline_target": "baseline_logit",
    "completeness_error": "completeness_error",
    "substitutions": "substitutions",
}
OPTIONAL = ("baseline_logit", "completeness_error")
COMPRESSED = ("attributions", "substitutions")
ROWS_AT_ONCE = 64


def stream_maps(
    path: str | Path, site_ids: np.ndarray, plan: MapPlan, attributes: dict[str, Any]
) -> None:
    """Make the planned maps and write them; what an earlier call left is kept.

    Args:
        path: The HDF5 file.
        site_ids: int64 (n,).
        plan: From `attribution.plan_maps`.
        attributes: Written as attributes of the file (method, target, upstream …).

    Raises:
        ValueError: A method gave NaN or infinity.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.parent / f".{path.name}.partial"
    key = hash_plan(plan, attributes)
    with _open_partial(partial, key, len(plan.batches)) as file:
        todo = np.flatnonzero(file["done"][:] == 0)
        if len(todo) < len(plan.batches):
            logger.info(
                "%s: going on after %d of %d batches",
                *(plan.name, len(plan.batches) - len(todo), len(plan.batches)),
            )
        for number in get_progress(todo, what=plan.name, unit="batches"):
            maps = plan.make_maps(int(number))
            _refuse_nonfinite(plan.name, maps)
            _keep(file, plan, int(number), maps)
        write_map_file(path, site_ids, file, attributes)
    partial.unlink()


def write_map_file(
    path: str | Path,
    site_ids: np.ndarray,
    maps: Mapping[str, Any],
    attributes: dict[str, Any],
) -> None:
    """Write maps as the final file, a few rows at a time, then rename it.

    Args:
        path: The HDF5 file.
        site_ids: int64 (n,).
        maps: Arrays or HDF5 data sets by their name in the file, rows as ``site_ids``.
        attributes: Written as attributes of the file.

    Raises:
        ValueError: Values that must be finite are not; nothing is written.
    """
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        file["site_id"] = np.asarray(site_ids, dtype=np.int64)
        for name in DATASETS.values():
            if name not in maps:
                continue
            values = maps[name]
            if name in OPTIONAL and not np.isfinite(values[:]).all():
                continue
            options = {"compression": "gzip"} if name in COMPRESSED else {}
            written = file.create_dataset(name, values.shape, np.float32, **options)
            for start in range(0, len(values), ROWS_AT_ONCE):
                rows = slice(start, start + ROWS_AT_ONCE)
                if not np.isfinite(values[rows]).all():
                    raise ValueError(f"{path}: {name} holds NaN or infinity")
                written[rows] = values[rows]
        file.attrs.update(attributes)


def hash_plan(plan: MapPlan, attributes: dict[str, Any]) -> str:
    """Hash everything that defines the maps: settings, weights, sites, code.

    Returns:
        16 hex digits; another value means that partial maps must not be used.
    """
    request, content = plan.request, hashlib.sha256()
    for name, tensor in request.model.state_dict().items():
        content.update(name.encode())
        content.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    for index in range(len(request.dataset)):
        item = request.dataset[index]
        content.update(item["input_ids"].tobytes() + item["spans"].tobytes())
        content.update(repr((item["junction"], item["site_id"])).encode())
    for sequence in request.sequences or ():
        content.update(sequence.encode() + b"\n")
    return compute_run_hash(
        plan.name,
        [request.length, request.baseline, request.core, request.seed],
        request.device.type,
        {name: str(value) for name, value in attributes.items()},
        content.hexdigest(),
        [hash_file(source) for source in find_sources(__file__)],
        get_versions(),
    )


@contextmanager
def _open_partial(path: Path, key: str, n_batches: int) -> Iterator[h5py.File]:
    """Open the partial file; start it anew if it is another's or broken."""
    try:
        with h5py.File(path, "r") as file:
            is_ours = file.attrs.get("key") == key and "done" in file
    except OSError:
        is_ours = False
    if not is_ours:
        if path.exists():
            logger.info("%s is of other settings or broken: starting anew", path)
        with h5py.File(path, "w") as file:
            _allocate(file, "done", (n_batches,), np.dtype(np.int8))
            file.attrs["key"] = key
    with h5py.File(path, "r+") as file:
        yield file


def _keep(file: h5py.File, plan: MapPlan, number: int, maps: MapBatch) -> None:
    n_sites = len(plan.request.dataset)
    # HDF5 wants rising rows; a batch is sorted by length.
    order = np.argsort(plan.batches[number])
    rows = plan.batches[number][order]
    for field, name in DATASETS.items():
        values = getattr(maps, field)
        if values is None:
            continue
        if name not in file:
            shape = (n_sites, *values.shape[1:])
            _allocate(file, name, shape, np.dtype(np.float32))
        file[name][rows] = values[order]
    file.flush()
    file["done"][number] = 1
    file.flush()


def _allocate(
    file: h5py.File, name: str, shape: tuple[int, ...], kind: np.dtype
) -> None:
    """Create a data set with its place on disk: later writes move nothing."""
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    space = h5py.h5s.create_simple(shape)
    kind = h5py.h5t.py_create(kind)
    h5py.h5d.create(file.id, name.encode(), kind, space, properties)
    file.flush()


def _refuse_nonfinite(method: str, maps: MapBatch) -> None:
    for name, values in maps._asdict().items():
        if values is not None and not np.isfinite(values).all():
            raise ValueError(f"{method}: {name} holds NaN or infinity")
