"""Deletion and insertion curves: does the prediction follow the bases a map names?

Bases are deleted by putting another base of the sequence's own composition in their
place, on the string, which is then tokenized again; inserted by putting the true bases
back into a sequence where every base was replaced. Both are compared with random orders
of the same sites and replacements.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from error_sequence_model.attribution import draw_alternatives, predict_targets
from error_sequence_model.classifier import ErrorClassifier
from error_sequence_model.datasets import SequenceDataset

SHARES = {
    "deletion": (0.01, 0.02, 0.05, 0.1, 0.2),
    "insertion": (0.05, 0.1, 0.2, 0.4),
}
RANDOM_ORDERS = 3
SITES = 30
FEWEST_SITES = 5
SMALLEST_CHANGE = 0.1  # log-odds; with less between both ends nothing can be put back
DRAWS = 2000


class RankedMaps(NamedTuple):
    """Maps with what their values mean.

    Attributes:
        scores: float (n_sites, length).
        kind: "signed" (positive speaks for an error), "unsigned" (height is
            importance), or "error" (height is evidence for an error, and nothing is
            said of a site that is seen as correct).
    """

    scores: np.ndarray
    kind: str = "signed"


def check_perturbation(
    model: ErrorClassifier,
    dataset: SequenceDataset,
    sequences: Sequence[str],
    maps: Mapping[str, RankedMaps],
    *,
    device: torch.device,
    seed: int,
    most_sites: int = SITES,
) -> dict[str, dict[str, Any]]:
    """Make the deletion and the insertion curve of several maps of the same sites.

    The bases that most support a site's predicted side (for unsigned maps the highest)
    come first; the loss of log-odds by deletion, and the gain by insertion, are
    compared with those of equally many random bases.

    Args:
        model: The classifier.
        dataset: The explained sites.
        sequences: Their windows.
        maps: By name.
        device: Where to compute.
        seed: Seed of the sites taken, the replaced bases and the random orders.
        most_sites: Sites taken.

    Returns:
        For every name ``deletion`` and ``insertion``, each with area and random_area
        (log-odds, mean over shares and sites), ratio, interval of the difference (95 %,
        bootstrap over sites), n_sites, curve (shares, guided, random) and passed (the
        interval lies above 0; None with fewer than five sites).
    """
    chosen = np.random.default_rng(seed).permutation(len(sequences))[:most_sites]
    curves: dict[tuple[str, str], list[tuple[np.ndarray, np.ndarray]]] = {
        (name, mode): [] for name in maps for mode in SHARES
    }
    for site in np.sort(chosen):
        for key, curve in _measure_site(
            model, dataset, sequences, maps, int(site), device, seed
        ).items():
            curves[key].append(curve)
    return {
        name: {
            mode: _summarise(curves[name, mode], SHARES[mode], seed) for mode in SHARES
        }
        for name in maps
    }


def _measure_site(
    model: ErrorClassifier,
    dataset: SequenceDataset,
    sequences: Sequence[str],
    maps: Mapping[str, RankedMaps],
    site: int,
    device: torch.device,
    seed: int,
) -> dict[tuple[str, str], tuple[np.ndarray, np.ndarray]]:
    """Guided and random curve of one site by map and mode, in log-odds."""
    rng = np.random.default_rng([seed, int(dataset.site_ids[site])])
    text = sequences[site]
    other = draw_alternatives(text, 1, rng)[0]
    at_random = [rng.permutation(len(text)) for _ in range(RANDOM_ORDERS)]

    def predict(texts: list[str]) -> np.ndarray:
        junctions = np.full(len(texts), dataset.junctions[site])
        return predict_targets(model, dataset, texts, junctions, device=device)

    whole, blank = predict([text, other.tobytes().decode()])
    side = 1.0 if whole > 0 else -1.0
    orders = {
        name: _rank(ranked.scores[site], ranked.kind, side)
        for name, ranked in maps.items()
        if ranked.kind != "error" or side > 0
    }
    modes = ["deletion"]
    # Where the blank sequence looks like the site, no base can be said to be missing.
    if side * (whole - blank) > SMALLEST_CHANGE:
        modes.append("insertion")
    tasks = [
        (mode, order) for mode in modes for order in [*orders.values(), *at_random]
    ]
    texts = [t for mode, order in tasks for t in _change(text, other, order, mode)]
    values = predict(texts)
    found: dict[tuple[str, str], tuple[np.ndarray, np.ndarray]] = {}
    start = 0
    for mode in modes:
        size, count = len(SHARES[mode]), len(orders) + RANDOM_ORDERS
        part = values[start : start + size * count].reshape(count, size)
        start += part.size
        moved = side * ((whole - part) if mode == "deletion" else (part - blank))
        reference = moved[len(orders) :].mean(axis=0)
        for place, name in enumerate(orders):
            found[name, mode] = (moved[place], reference)
    return found


def _rank(scores: np.ndarray, kind: str, side: float) -> np.ndarray:
    """Order of the bases, the strongest support of the predicted side first."""
    return np.argsort(-scores * (side if kind == "signed" else 1.0), kind="stable")


def _change(text: str, other: np.ndarray, order: np.ndarray, mode: str) -> list[str]:
    """Make the strings of one order: one for each share of the bases."""
    letters = np.frombuffer(text.encode(), dtype="S1")
    start, new = (letters, other) if mode == "deletion" else (other, letters)
    changed = []
    for share in SHARES[mode]:
        places = order[: max(1, round(share * len(text)))]
        copy = start.copy()
        copy[places] = new[places]
        changed.append(copy.tobytes().decode())
    return changed


def _summarise(
    curves: list[tuple[np.ndarray, np.ndarray]], shares: Sequence[float], seed: int
) -> dict[str, Any]:
    if not curves:
        return {"area": None, "random_area": None, "n_sites": 0, "passed": None}
    guided, reference = (np.array(part) for part in zip(*curves, strict=True))
    differences = (guided - reference).mean(axis=1)
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, len(differences), (DRAWS, len(differences)))
    low, high = np.quantile(differences[draws].mean(axis=1), [0.025, 0.975])
    area, random_area = float(guided.mean()), float(reference.mean())
    return {
        "area": area,
        "random_area": random_area,
        "ratio": area / random_area if random_area > 0 else None,
        "interval": [float(low), float(high)],
        "n_sites": len(differences),
        "curve": {
            "shares": list(shares),
            "guided": [float(value) for value in guided.mean(axis=0)],
            "random": [float(value) for value in reference.mean(axis=0)],
        },
        "passed": bool(low > 0) if len(differences) >= FEWEST_SITES else None,
    }
