"""The steps that explain a run: maps, attention, and the checks on both."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch

from error_sequence_model.attention import extract_attention
from error_sequence_model.attribution import attribute
from error_sequence_model.calibration import calibrate_backbone
from error_sequence_model.errors import InputError
from error_sequence_model.explanations import (
    read_maps,
    write_attention,
    write_attribution,
)
from error_sequence_model.faithfulness import (
    check_completeness,
    check_deletion,
    check_planted,
    check_randomisation,
    judge,
    mark_planted,
    randomise,
)
from error_sequence_model.files import write_json
from error_sequence_model.prediction import predict_logits
from error_sequence_model.runs import ExplainedRun
from error_sequence_model.simulation import read_truth
from error_sequence_model.targets import compute_target, find_errors

logger = logging.getLogger(__name__)

UNSIGNED = ("saliency", "attention")
SITES_RANDOMISED = 30


def attribute_run(
    run: ExplainedRun, method: str, *, baseline: str, seed: int, output: Path
) -> None:
    """Write the maps of one method for the explained sites of a run."""
    maps = _attribute(run, method, baseline, seed)
    attributes = {"method": method, "signed": method not in UNSIGNED}
    write_attribution(
        output, run.dataset.site_ids, maps, {**run.attributes, **attributes}
    )
    logger.info("%s: %d sites, baseline %s", method, len(run.dataset), maps.baseline)


def _attribute(run: ExplainedRun, method: str, baseline: str, seed: int) -> Any:
    return attribute(
        run.model,
        run.dataset,
        method,
        sequences=run.sequences,
        window_length=run.upstream + run.downstream,
        baseline=baseline,
        seed=seed,
    )


def attend_run(run: ExplainedRun, *, output: Path) -> None:
    """Write the attention of the explained sites of a run."""
    views = extract_attention(
        run.model, run.dataset, window_length=run.upstream + run.downstream
    )
    write_attention(output, run.dataset.site_ids, views, run.attributes)
    logger.info("%s of %d sites", views.view, len(run.dataset))


def check_run(
    run: ExplainedRun,
    maps: dict[str, Path],
    attention: Path,
    *,
    truth: Path | None,
    baseline: str,
    seed: int,
    output: Path,
) -> None:
    """Check every map of a run and its attention; write faithfulness.json.

    Args:
        run: The model with its explained sites.
        maps: HDF5 file of each attribution method.
        attention: HDF5 file of the attention.
        truth: BED of planted causes, for simulated data.
        baseline: Baseline of integrated gradients, as for the maps.
        seed: Seed of everything random.
        output: The JSON file.
    """
    causes, decoys = None, None
    if truth is not None:
        causes, decoys = mark_planted(
            read_truth(truth),
            run.sites,
            upstream=run.upstream,
            downstream=run.downstream,
        )
    values = {
        name: _read_run_maps(run, path, "attributions") for name, path in maps.items()
    }
    values["attention"] = _read_run_maps(run, attention, "mean")
    confident = _find_confident(run)
    fresh = randomise(run.model, seed=seed)
    calibrate_backbone(fresh, run.dataset, seed=seed)
    fresh = fresh.to(next(run.model.parameters()).device)
    part = np.random.default_rng(seed).permutation(len(run.dataset))[:SITES_RANDOMISED]
    part = np.sort(part)
    methods = {}
    small = replace(
        run,
        model=fresh,
        dataset=run.dataset.select(part),
        sites=run.sites.iloc[part],
        sequences=[run.sequences[index] for index in part],
    )
    for name, scores in values.items():
        logger.info("checking %s", name)
        checks = {
            "completeness": check_completeness(_read_errors(maps.get(name))),
            "deletion": check_deletion(
                run.model,
                run.dataset,
                run.sequences,
                scores,
                is_signed=name not in UNSIGNED,
                device=next(run.model.parameters()).device,
                seed=seed,
            ),
            "randomisation": check_randomisation(
                scores[part], _map_random(small, name, baseline, seed)
            ),
            "planted": None,
        }
        if causes is not None:
            checks["planted"] = check_planted(scores, causes, confident)
            checks["decoys"] = check_planted(scores, decoys, confident)
        methods[name] = judge(checks)
    write_json(output, {"methods": methods, "n_sites": len(run.dataset)})


def _map_random(run: ExplainedRun, name: str, baseline: str, seed: int) -> np.ndarray:
    """Make the maps of a network with random weights: float32 (n, length)."""
    if name == "attention":
        length = run.upstream + run.downstream
        return extract_attention(run.model, run.dataset, window_length=length).mean
    return _attribute(run, name, baseline, seed).attributions


def _read_run_maps(run: ExplainedRun, path: Path, dataset: str) -> np.ndarray:
    """Read maps of exactly the explained sites: float32 (n, length)."""
    maps = read_maps(path, dataset)
    if not np.array_equal(maps.index, run.dataset.site_ids):
        raise InputError(
            f"{path}: holds maps of other sites than the run explains now; remove it "
            "and make it again"
        )
    return maps.to_numpy()


def _read_errors(path: Path | None) -> np.ndarray | None:
    if path is None:
        return None
    with h5py.File(path, "r") as file:
        return file["completeness_error"][:] if "completeness_error" in file else None


def _find_confident(run: ExplainedRun) -> np.ndarray:
    """Mark the errors that the model rightly calls errors: bool (n,)."""
    device = next(run.model.parameters()).device
    logits = predict_logits(run.model, run.dataset, device=device)
    target = compute_target(torch.from_numpy(logits), run.dataset.classes).numpy()
    return (target > 0) & is_error(run.dataset.labels, run.dataset.classes)


def is_error(labels: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Mark the labels of error classes: bool (n,)."""
    return np.isin(labels, find_errors(classes))
