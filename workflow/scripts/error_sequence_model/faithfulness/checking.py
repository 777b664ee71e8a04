"""The checks on every map of a run, and on its attention -> faithfulness.json."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from error_sequence_model.attention import extract_attention
from error_sequence_model.attribution import (
    attribute_sites,
    compute_target,
    find_errors,
)
from error_sequence_model.classifier import predict_logits
from error_sequence_model.core import InputError, open_hdf5, write_json
from error_sequence_model.faithfulness.agreement import compare_methods
from error_sequence_model.faithfulness.cascade import LAST_STAGE, iterate_stages
from error_sequence_model.faithfulness.control import check_control
from error_sequence_model.faithfulness.perturbation import (
    RankedMaps,
    check_perturbation,
)
from error_sequence_model.faithfulness.verdicts import (
    check_completeness,
    check_planted,
    check_randomisation,
    judge,
    mark_planted,
)
from error_sequence_model.results import read_maps
from error_sequence_model.runs import ExplainedRun
from error_sequence_model.simulation import read_truth

logger = logging.getLogger(__name__)

# What is dear is checked on some of the explained sites only.
SITES_RANDOMISED, SITES_CASCADE, SITES_OF_VIEWS = 12, 6, 16
# Views of attention beside its mean, and what their values mean.
VIEWS = {
    "junction": "unsigned",
    "first_token": "unsigned",
    "rollout": "unsigned",
    "gradient_weighted": "error",
}


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
    methods = {name: _read_ranked(run, path) for name, path in maps.items()}
    methods["attention"] = RankedMaps(
        _read_run_maps(run, attention, "mean"), "unsigned"
    )
    views, undefined = _read_views(run, attention)
    options = {"device": next(run.model.parameters()).device, "seed": seed}
    shared = (run.model, run.dataset, run.sequences)
    logger.info("deletion and insertion: %s", ", ".join([*methods, *views]))
    moved = check_perturbation(*shared, methods, **options)
    moved |= check_perturbation(*shared, views, most_sites=SITES_OF_VIEWS, **options)
    part = np.random.default_rng(seed).permutation(len(run.dataset))[:SITES_RANDOMISED]
    part = np.sort(part)
    stages = _map_stages(run, part, list(maps), baseline, seed)
    marked = _mark_truth(run, truth)
    checked = {}
    for name, ranked in (methods | views).items():
        checks: dict[str, Any] = {
            "completeness": check_completeness(_read_errors(maps.get(name))),
            **moved[name],
            "randomisation": check_randomisation(
                ranked.scores[part],
                {
                    s: [maps[name] for maps in networks]
                    for s, networks in stages.items()
                },
            ),
            "planted": None,
        }
        for key, (mask, is_confident) in marked.items():
            checks[key] = check_planted(ranked.scores, mask, is_confident)
        checked[name] = judge(checks)
    write_json(
        output,
        {
            "methods": {name: checked[name] for name in methods},
            "attention_views": {
                **{name: checked[name] for name in views},
                **{name: {"undefined": reason} for name, reason in undefined.items()},
            },
            "agreement": _compare(methods | views),
            "control": _check_labels(run, methods, seed) if run.is_control else None,
            "n_sites": len(run.dataset),
        },
    )


def _compare(ranked: dict[str, RankedMaps]) -> dict[str, Any]:
    return compare_methods(
        {name: maps.scores for name, maps in ranked.items()},
        {name: maps.kind == "signed" for name, maps in ranked.items()},
    )


def _check_labels(
    run: ExplainedRun, methods: dict[str, RankedMaps], seed: int
) -> dict[str, Any]:
    """Test whether a model of permuted labels shows a region all the same."""
    return check_control(
        {name: ranked.scores for name, ranked in methods.items()},
        run.sites,
        run.sequences,
        is_error(run.dataset.labels, run.dataset.classes),
        upstream=run.upstream,
        downstream=run.downstream,
        seed=seed,
    )


def _map_stages(
    run: ExplainedRun, part: np.ndarray, methods: list[str], baseline: str, seed: int
) -> dict[str, list[dict[str, np.ndarray]]]:
    """Map ever more random networks: by stage and network, (n, length) by name."""
    found: dict[str, list[dict[str, np.ndarray]]] = {}
    for stage, network in iterate_stages(run.model, run.dataset, seed=seed):
        logger.info("random weights: %s", stage)
        chosen = part if stage == LAST_STAGE else part[:SITES_CASCADE]
        small = replace(
            run,
            model=network,
            dataset=run.dataset.select(chosen),
            sites=run.sites.iloc[chosen],
            sequences=[run.sequences[index] for index in chosen],
        )
        maps = {
            name: attribute_sites(small, name, baseline, seed).attributions
            for name in methods
        }
        length = run.upstream + run.downstream
        views = extract_attention(network, small.dataset, window_length=length).maps
        named = {**maps, **views, "attention": views["mean"]}
        found.setdefault(stage, []).append(named)
    return found


def _mark_truth(
    run: ExplainedRun, truth: Path | None
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Masks of planted causes and decoys, and the sites to score, where known."""
    if truth is None:
        return {}
    causes, decoys = mark_planted(
        read_truth(truth), run.sites, upstream=run.upstream, downstream=run.downstream
    )
    confident = _find_confident(run)
    return {"planted": (causes, confident), "decoys": (decoys, confident)}


def _read_ranked(run: ExplainedRun, path: Path) -> RankedMaps:
    scores = _read_run_maps(run, path, "attributions")
    with open_hdf5(path) as file:
        return RankedMaps(scores, "signed" if file.attrs["signed"] else "unsigned")


def _read_views(
    run: ExplainedRun, path: Path
) -> tuple[dict[str, RankedMaps], dict[str, str]]:
    """Views of attention that are defined, and why the others are not."""
    with open_hdf5(path) as file:
        undefined = json.loads(file.attrs["undefined"])
    views = {
        name: RankedMaps(_read_run_maps(run, path, name), kind)
        for name, kind in VIEWS.items()
        if name not in undefined
    }
    return views, {name: text for name, text in undefined.items() if name in VIEWS}


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
    with open_hdf5(path) as file:
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
