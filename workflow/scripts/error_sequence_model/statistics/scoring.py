"""All metrics of a model on a part, with intervals over genes.

Of a ranking metric the interval holds the values that the estimate does not speak
against (Newcombe 2006): its variance is that of theory at each value, times what the
bootstrap over genes makes of it. With few errors that factor leans towards 1, and the
t distribution has the degrees of freedom of both (Smyth 2004). Percentiles of the
bootstrap alone hold the truth too rarely then: 82 % of the time with 6 errors.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.special import stdtrit

from error_sequence_model.statistics.metrics import (
    CONFIDENCE,
    compute_auprc,
    compute_auroc,
    compute_macro,
    count_confusion,
    count_genes,
    draw_gene_weights,
    get_interval,
    number_groups,
    score_confusion,
)

RANKED = {"auprc": compute_auprc, "auroc": compute_auroc}
DECIDED = ("accuracy", "balanced_accuracy", "f1", "mcc")
# How many genes, and degrees of freedom, the theory counts for beside the bootstrap:
# with these, simulated intervals hold the truth as often as they say
# (tests/benchmarks/benchmark_intervals.py).
PRIOR_GENES, PRIOR_FREEDOM = 4.0, 8.0
# The theory of AUROC, of exponential scores, is that much too wide for most others.
ROC_FACTOR = 0.8
GRID = np.linspace(0.0, 1.0, 2001)


class ClassCounts(NamedTuple):
    """How much there is to estimate a ranking metric from.

    Attributes:
        errors: Number of errors.
        correct: Number of the other sites.
        genes: Genes with a site of the class that has fewer.
    """

    errors: int
    correct: int
    genes: int

    @classmethod
    def count(cls, is_error: np.ndarray, groups: np.ndarray) -> ClassCounts:
        """Count, by bool (n,) and the number of each site's gene, int (n,)."""
        errors = int(is_error.sum())
        genes = count_genes(is_error, groups) if 0 < errors < len(is_error) else 0
        return cls(errors, len(is_error) - errors, genes)


def get_ranked_interval(
    metric: str,
    value: float,
    sampled: np.ndarray,
    counts: ClassCounts,
    level: float = CONFIDENCE,
) -> tuple[float | None, float | None]:
    """Interval of an AUPRC or AUROC that holds with few errors too; or two None.

    Args:
        metric: "auprc" or "auroc".
        value: The estimate.
        sampled: The same of draws of genes, float (draws,).
        counts: Of the sites.
        level: How often it is to hold the truth.
    """
    sampled = sampled[np.isfinite(sampled)]
    if not np.isfinite(value) or len(sampled) < 2 or counts.genes < 1:
        return None, None
    # A draw of genes is off in the way the sites at hand are.
    centre = np.clip(2 * value - sampled.mean(), 0, 1)
    least = 0.5 / counts.errors
    factor = sampled.var(ddof=1) / _get_variance(
        metric, np.clip(value, least, 1 - least), counts
    )
    freedom = counts.genes - 1
    factor = (freedom * factor + PRIOR_GENES) / (freedom + PRIOR_GENES)
    reach = stdtrit(freedom + PRIOR_FREEDOM, (1 + level) / 2)
    allowed = reach**2 * factor * _get_variance(metric, GRID, counts)
    held = GRID[(GRID - centre) ** 2 <= np.maximum(allowed, 1e-6)]
    return float(held[0]), float(held[-1])


def _get_variance(
    metric: str, value: np.ndarray | float, counts: ClassCounts
) -> np.ndarray | float:
    """Variance of an estimate if this were the truth (Hanley 1982; Boyd 2013)."""
    own = value * (1 - value)
    if metric == "auprc":
        return own / counts.errors
    above = value / (2 - value) - value**2
    below = 2 * value**2 / (1 + value) - value**2
    rest = (counts.errors - 1) * above + (counts.correct - 1) * below
    return ROC_FACTOR * (own + rest) / (counts.errors * counts.correct)


def compute_metrics(
    labels: np.ndarray,
    probabilities: np.ndarray,
    *,
    threshold: float,
    groups: np.ndarray | None = None,
    draws: int = 2000,
    seed: int = 1,
) -> dict[str, Any]:
    """Compute metrics with intervals from a bootstrap over genes.

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
    joined = {name: np.concatenate(parts) for name, parts in sampled.items()}
    rarest, genes = count_genes(labels, numbers), int(numbers.max()) + 1
    intervals = {}
    for name, drawn in joined.items():
        ends = get_interval(drawn, genes if name == "accuracy" else rarest)
        # Where all draws are alike (no site is wrong), none says how sure that is.
        intervals[name] = ends if ends[0] != ends[1] else (None, None)
    if classes == 2:
        counts = ClassCounts.count(labels == 1, numbers)
        for name in RANKED:
            intervals[name] = get_ranked_interval(
                name, values[name], joined[name], counts
            )
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
            name: _list_ends(ends) if genes > 1 else None
            for name, ends in intervals.items()
        },
    }


def _list_ends(ends: tuple[float | None, float | None]) -> list[float] | None:
    return None if ends[0] is None else list(ends)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
