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
from error_sequence_model.faithfulness.cascade import iterate_stages
from error_sequence_model.faithfulness.control import check_control
from error_sequence_model.faithfulness.gate import RankedMaps, check_gate
from error_sequence_model.faithfulness.threads import map_in_threads
from error_sequence_model.faithfulness.verdicts import (
    RandomMaps,
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

# What is dear is checked on some of the explained sites only. Networks differ more than
# sites do: every random network is asked about a few sites of its own.
SITES_OF_NETWORK, SITES_OF_VIEWS = 4, 16
# Methods that leave the network alone: they may share it.
SIDE_BY_SIDE = (
    *("integrated_gradients", "substitution", "in_silico_mutagenesis"),
    *("saliency", "input_x_gradient"),
)
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
    device = next(run.model.parameters()).device
    logits = predict_logits(run.model, run.dataset, device=device)
    target = compute_target(torch.from_numpy(logits), run.dataset.classes).numpy()
    logger.info("deletion and insertion: %s", ", ".join([*methods, *views]))
    compared = check_gate(
        run.model,
        run.dataset,
        run.sequences,
        methods | views,
        target,
        run.sites,
        device=device,
        seed=seed,
        most_sites=dict.fromkeys(views, SITES_OF_VIEWS),
    )
    stages = _map_stages(run, list(maps), baseline, seed)
    marked = _mark_truth(run, truth, target)
    checked = {}
    for name, ranked in (methods | views).items():
        checks: dict[str, Any] = {
            "completeness": check_completeness(_read_errors(maps.get(name))),
            **compared[name],
            "randomisation": check_randomisation(
                ranked.scores,
                {
                    stage: [RandomMaps(rows, made[name]) for rows, made in networks]
                    for stage, networks in stages.items()
                },
            ),
            "planted": None,
        }
        for key, (mask, is_confident) in marked.items():
            checks[key] = check_planted(
                ranked.scores, mask, is_confident, upstream=run.upstream
            )
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
    run: ExplainedRun, methods: list[str], baseline: str, seed: int
) -> dict[str, list[tuple[np.ndarray, dict[str, np.ndarray]]]]:
    """Map ever more random networks by the methods that are judged.

    Returns:
        By stage and network: which sites, int (n,), and their maps, float (n, length)
        by name.
    """
    found: dict[str, list[tuple[np.ndarray, dict[str, np.ndarray]]]] = {}
    shuffled = np.random.default_rng(seed).permutation(len(run.dataset))
    for stage, network in iterate_stages(run.model, run.dataset, seed=seed):
        logger.info("random weights: %s", stage)
        start = SITES_OF_NETWORK * len(found.get(stage, ()))
        places = np.arange(start, start + SITES_OF_NETWORK) % len(shuffled)
        chosen = np.unique(shuffled[places])
        small = replace(
            run,
            model=network,
            dataset=run.dataset.select(chosen),
            sites=run.sites.iloc[chosen],
            sequences=[run.sequences[index] for index in chosen],
        )
        maps = _map_roughly(small, methods, baseline, seed)
        length = run.upstream + run.downstream
        views = extract_attention(network, small.dataset, window_length=length).maps
        named = {**maps, **views, "attention": views["mean"]}
        found.setdefault(stage, []).append((chosen, named))
    return found


def _map_roughly(
    run: ExplainedRun, methods: list[str], baseline: str, seed: int
) -> dict[str, np.ndarray]:
    """Map the sites of a run by several methods: float (n, length) by name."""

    def make(name: str) -> np.ndarray:
        found = attribute_sites(run, name, baseline, seed, is_rough=True)
        return found.attributions

    # Others draw from global generators, or hang hooks on the network.
    own = [name for name in methods if name in SIDE_BY_SIDE]
    device = next(run.model.parameters()).device
    maps = dict(zip(own, map_in_threads(make, own, device=device), strict=True))
    return {name: maps[name] if name in maps else make(name) for name in methods}


def _mark_truth(
    run: ExplainedRun, truth: Path | None, target: np.ndarray
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Masks of planted causes and decoys, and the sites to score, where known."""
    if truth is None:
        return {}
    causes, decoys = mark_planted(
        read_truth(truth), run.sites, upstream=run.upstream, downstream=run.downstream
    )
    # Errors that the model rightly calls errors; the others have no reason to show.
    confident = (target > 0) & is_error(run.dataset.labels, run.dataset.classes)
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


def is_error(labels: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Mark the labels of error classes: bool (n,)."""
    return np.isin(labels, find_errors(classes))
