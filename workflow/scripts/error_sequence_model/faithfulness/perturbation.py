"""Deletion and insertion curves: does the prediction follow an order of the bases?

Bases are deleted by putting another base of the sequence's own composition in their
place, on the string, which is then tokenized again; inserted by putting the true bases
back into a sequence where every base was replaced. All orders of a site meet the same
replaced bases, so that they can be compared in pairs.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import torch

from error_sequence_model.attribution import draw_alternatives, predict_targets
from error_sequence_model.classifier import ErrorClassifier
from error_sequence_model.datasets import SequenceDataset
from error_sequence_model.faithfulness.threads import map_in_threads

SHARES = {"deletion": (0.02, 0.05, 0.1), "insertion": (0.05, 0.1, 0.2)}
SMALLEST_CHANGE = 0.1  # log-odds; with less between both ends nothing can be put back

Curves = dict[str, dict[Hashable, dict[int, np.ndarray]]]


def measure_curves(
    model: ErrorClassifier,
    dataset: SequenceDataset,
    sequences: Sequence[str],
    orders: Mapping[int, Mapping[Hashable, np.ndarray]],
    target: np.ndarray,
    *,
    device: torch.device,
    seed: int,
) -> Curves:
    """Measure how the log-odds of the predicted side fall and rise along orders.

    Args:
        model: The classifier.
        dataset: The explained sites.
        sequences: Their windows.
        orders: By site (its place in ``dataset``) and by name: the bases, the most
            important first, int (length,).
        target: Log-odds of an error of all sites, float (n,).
        device: Where to compute.
        seed: Seed of the replaced bases.

    Returns:
        By mode ("deletion", "insertion"), name and site: the log-odds lost, or gained,
        at each of its `SHARES`, float (shares,). There is no insertion for a site
        whose blank sequence looks like the site: no base can be said to be missing.
    """

    def measure(site: int) -> dict[tuple[str, Hashable], np.ndarray]:
        text, named = sequences[site], orders[site]
        rng = np.random.default_rng([seed, int(dataset.site_ids[site])])
        other = draw_alternatives(text, 1, rng)[0]
        own = np.frombuffer(text.encode(), dtype="S1")
        tasks = [(mode, name) for mode in SHARES for name in named]
        rows = [
            row
            for mode, name in tasks
            for row in _exchange(own, other, named[name], mode)
        ]
        values = predict_targets(
            model,
            dataset,
            [row.tobytes().decode() for row in (other, *rows)],
            np.full(len(rows) + 1, dataset.junctions[site]),
            device=device,
        )
        side = 1.0 if target[site] > 0 else -1.0
        blank, start = values[0], 1
        moved = {}
        for mode, name in tasks:
            part = values[start : start + len(SHARES[mode])]
            start += len(part)
            if mode == "deletion":
                moved[mode, name] = side * (target[site] - part)
            elif side * (target[site] - blank) > SMALLEST_CHANGE:
                moved[mode, name] = side * (part - blank)
        return moved

    found: Curves = {mode: {} for mode in SHARES}
    measured = map_in_threads(measure, list(orders), device=device)
    for site, moved in zip(orders, measured, strict=True):
        for (mode, name), values in moved.items():
            found[mode].setdefault(name, {})[site] = values
    return found


def _exchange(
    own: np.ndarray, other: np.ndarray, order: np.ndarray, mode: str
) -> np.ndarray:
    """Exchange the first bases of an order: letters "S1" (shares, length)."""
    start, new = (own, other) if mode == "deletion" else (other, own)
    rank = np.empty(len(order), dtype=int)
    rank[order] = np.arange(len(order))
    counts = np.maximum(1, np.rint(np.array(SHARES[mode]) * len(order)))
    return np.where(rank < counts[:, None], new, start)
