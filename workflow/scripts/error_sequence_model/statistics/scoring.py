"""All metrics of a model on a part, with percentile intervals over genes."""

from __future__ import annotations

from typing import Any

import numpy as np

from error_sequence_model.statistics.metrics import (
    compute_auprc,
    compute_auroc,
    compute_macro,
    count_confusion,
    draw_gene_weights,
    get_interval,
    number_groups,
    score_confusion,
)

RANKED = {"auprc": compute_auprc, "auroc": compute_auroc}
DECIDED = ("accuracy", "balanced_accuracy", "f1", "mcc")


def compute_metrics(
    labels: np.ndarray,
    probabilities: np.ndarray,
    *,
    threshold: float,
    groups: np.ndarray | None = None,
    draws: int = 2000,
    seed: int = 1,
) -> dict[str, Any]:
    """Compute metrics with percentile intervals from a bootstrap over genes.

    Args:
        labels: Class index, int (n,).
        probabilities: float (n, classes).
        threshold: Probability from which a site is called an error (two classes);
            with more classes the most probable one is called.
        groups: Gene of each site; None: every site for itself.
        draws: Bootstrap samples.
        seed: Seed of the bootstrap; the same for all models of a table.

    Returns:
        n_sites, n_genes, n_errors, prevalence, auprc, auroc, accuracy,
        balanced_accuracy, f1, mcc, threshold, confusion (rows: truth) and
        ``intervals`` {metric: [low, high]}. None where a metric is not defined (a
        class is missing, or a single gene).
    """
    classes = probabilities.shape[1]
    if classes == 2:
        predicted = (probabilities[:, 1] >= threshold).astype(np.int64)
    else:
        predicted = probabilities.argmax(axis=1)
    numbers = number_groups(groups, len(labels))
    confusion = count_confusion(labels, predicted, classes)
    point = score_confusion(confusion[None])
    values: dict[str, float] = {
        **{
            name: float(compute_macro(metric, labels, probabilities))
            for name, metric in RANKED.items()
        },
        **{name: float(point[name][0]) for name in DECIDED},
    }
    sampled: dict[str, list[np.ndarray]] = {name: [] for name in values}
    for weights in draw_gene_weights(numbers, draws=draws, seed=seed):
        scored = score_confusion(count_confusion(labels, predicted, classes, weights))
        for name in DECIDED:
            sampled[name].append(scored[name])
        for name, metric in RANKED.items():
            sampled[name].append(compute_macro(metric, labels, probabilities, weights))
    genes = int(numbers.max()) + 1
    errors = int((labels == 1).sum()) if classes == 2 else None
    return {
        "n_sites": len(labels),
        "n_genes": genes,
        "n_errors": errors,
        "prevalence": errors / len(labels) if errors is not None else None,
        **{name: _finite(value) for name, value in values.items()},
        "threshold": float(threshold) if classes == 2 else None,
        "confusion": confusion.astype(int).tolist(),
        "intervals": {
            name: _get_interval(np.concatenate(parts)) if genes > 1 else None
            for name, parts in sampled.items()
        },
    }


def _get_interval(values: np.ndarray) -> list[float] | None:
    low, high = get_interval(values)
    return None if low is None else [low, high]


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
