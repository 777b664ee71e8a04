"""Can the gate say no? Own maps beside maps that know nothing of their site.

Run with ``python tests/benchmarks/benchmark_gate.py --results demo/results/demo`` on
what the workflow has made of simulated genomes (the demo, or the ones that
``benchmark_explanations.py --folder`` keeps). In each draw the gate judges a unit's own
maps, the map of another site of the class, the mean of a part of the class, closeness
to the junction, noise, and the maps of a network with random weights. One line per
unit: how many draws pass; ends with code 1 where own maps pass in less than half of the
draws although they find planted bases better than closeness does, or any of the others
in more than 5 % of all draws.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from measured_steps import SCRIPTS

sys.path.insert(0, str(SCRIPTS))

from error_sequence_model.attribution import attribute_sites, compute_target
from error_sequence_model.classifier import predict_logits
from error_sequence_model.core import read_json
from error_sequence_model.faithfulness import (
    REFERENCES,
    RankedMaps,
    check_gate,
    iterate_stages,
)
from error_sequence_model.results import read_maps
from error_sequence_model.runs import ExplainedRun, RunInputs, open_explained_run
from error_sequence_model.settings import ExplanationSettings

UNITS = [(c, s) for c in ("fp_vs_tp", "fn_vs_tp") for s in ("donor", "acceptor")]
METHOD, BASELINE = "integrated_gradients", "mean"
ALLOWED, ENOUGH = 0.05, 0.5
EXPLANATION = ExplanationSettings((METHOD,), 30, BASELINE, None, 1)


def open_run(
    results: Path, contrast: str, splice_type: str
) -> tuple[ExplainedRun, Path]:
    """The model of a unit with its explained sites, and its folder."""
    unit = results / contrast / splice_type
    folder = next(unit.glob("encoder/seed*/fold*"))
    tokens = results / "tokens/nucleotide_encoder.arrow"
    inputs = RunInputs(
        *(results / "sites.parquet", unit / "split.parquet", tokens),
        **{"contrast_name": contrast, "contrast": None, "fold": 0},
    )
    windows = results / "windows.arrow"
    return open_explained_run(inputs, folder / "model", windows, EXPLANATION), folder


def map_random_networks(run: ExplainedRun) -> list[np.ndarray]:
    """Maps of every network with all weights drawn anew, float (n, length)."""
    networks = [net for _, net in iterate_stages(run.model, run.dataset, seed=1)]
    return [
        attribute_sites(
            replace(run, model=network), METHOD, BASELINE, 1, is_rough=True
        ).attributions
        for network in networks[len(networks) - 5 :]
    ]


def draw_maps(
    own: np.ndarray,
    classes: np.ndarray,
    junction: int,
    networks: list[np.ndarray],
    draws: int,
) -> Iterator[dict[str, RankedMaps]]:
    """Own maps and what pretends to be maps, anew each time."""
    n, length = own.shape
    closeness = -np.abs(np.arange(length) + 0.5 - junction)
    for draw in range(draws):
        rng = np.random.default_rng(draw)
        others, means = np.empty_like(own), np.empty_like(own)
        for label in np.unique(classes):
            members = rng.permutation(np.flatnonzero(classes == label))
            others[members] = own[np.roll(members, 1)]
            part = members[: max(len(members) // 2, 1)]
            means[members] = own[part].mean(axis=0)
        yield {
            "own": RankedMaps(own),
            "other_site": RankedMaps(others),
            "class_mean": RankedMaps(means),
            "position": RankedMaps(np.tile(closeness, (n, 1)), "unsigned"),
            "noise": RankedMaps(rng.normal(size=own.shape)),
            "random_network": RankedMaps(networks[draw % len(networks)]),
        }


def judge_unit(run: ExplainedRun, folder: Path, draws: int) -> Counter[str]:
    """How many draws of each kind of map pass the gate."""
    device = next(run.model.parameters()).device
    logits = predict_logits(run.model, run.dataset, device=device)
    target = compute_target(torch.from_numpy(logits), run.dataset.classes).numpy()
    own = read_maps(folder / f"attributions/{METHOD}.h5", "attributions").to_numpy()
    classes = 2 * np.asarray(run.dataset.labels) + (target > 0)
    networks = map_random_networks(run)
    passed: Counter[str] = Counter()
    made = draw_maps(own, classes, run.upstream, networks, draws)
    for seed, maps in enumerate(made):
        found = check_gate(
            *(run.model, run.dataset, run.sequences, maps, target, run.sites),
            **{"device": device, "seed": seed},
        )
        for name, checks in found.items():
            passed[name] += all(checks[key]["passed"] for key in REFERENCES)
    return passed


def main() -> None:
    """Judge, print and sum up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, nargs="+", required=True)
    parser.add_argument("--draws", type=int, default=10)
    given = parser.parse_args()
    total: Counter[str] = Counter()
    n_units, is_bad = 0, False
    for results in given.results:
        for contrast, splice_type in UNITS:
            run, folder = open_run(results, contrast, splice_type)
            passed = judge_unit(run, folder, given.draws)
            stored = read_json(folder / "faithfulness.json")["methods"][METHOD]
            planted = stored["planted"]
            better = planted["auprc"] > planted["position_only"]["auprc"]
            if better:
                is_bad |= passed["own"] < ENOUGH * given.draws
            auprc = f"{planted['auprc']:.2f} ({planted['position_only']['auprc']:.2f})"
            words = [str(results), contrast, splice_type, auprc, str(stored["passed"])]
            words += [f"{name} {count}" for name, count in passed.items()]
            print("\t".join(words), flush=True)
            total, n_units = total + passed, n_units + 1
    n = n_units * given.draws
    for name in (
        "own",
        "other_site",
        "class_mean",
        "position",
        "noise",
        "random_network",
    ):
        print(f"{name}: {total[name]} of {n} pass", flush=True)
        is_bad |= name != "own" and total[name] > ALLOWED * n
    sys.exit(is_bad)


if __name__ == "__main__":
    main()
