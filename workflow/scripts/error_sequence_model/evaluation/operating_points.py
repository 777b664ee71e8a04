"""What a model is worth at the points where people use it."""

from __future__ import annotations

import numpy as np


def compute_top_k(is_error: np.ndarray, scores: np.ndarray) -> float:
    """Share of errors among the k highest scores, k the number of errors.

    Args:
        is_error: bool (n,).
        scores: float (n,); higher means error. Tied sites count by their mean.

    Returns:
        NaN without an error.
    """
    k = int(is_error.sum())
    if k == 0:
        return float("nan")
    cut = np.sort(scores)[::-1][k - 1]
    above, tied = scores > cut, scores == cut
    room = k - above.sum()
    return float((is_error[above].sum() + room * is_error[tied].mean()) / k)


def compute_recall_at(
    is_error: np.ndarray, scores: np.ndarray, precision: float
) -> float:
    """Highest recall among the thresholds that reach a precision.

    Args:
        is_error: bool (n,).
        scores: float (n,); higher means error.
        precision: Asked for, 0 to 1.

    Returns:
        0.0 where no threshold reaches it; NaN without an error.
    """
    if not is_error.any():
        return float("nan")
    recall, precisions = trace_curve(is_error, scores)
    reached = precisions >= precision
    return float(recall[reached].max()) if reached.any() else 0.0


def compute_precision_at(
    is_wanted: np.ndarray,
    scores: np.ndarray,
    recalls: np.ndarray,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Precision of the fewest top sites that reach each recall.

    Args:
        is_wanted: bool (n,).
        scores: float (n,); higher means wanted.
        recalls: float (points,), 0 to 1.
        weights: How often each site counts, float (n,); None: once.

    Returns:
        float64 (points,), NaN without a wanted site.
    """
    recall, precision = trace_curve(is_wanted, scores, weights)
    if not len(recall) or not np.isfinite(recall[-1]):
        return np.full(len(recalls), np.nan)
    at = np.searchsorted(recall, np.asarray(recalls) - 1e-9)
    return precision[np.minimum(at, len(precision) - 1)]


def trace_curve(
    is_wanted: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Recall and precision at every distinct threshold, from the strictest on.

    Args:
        is_wanted: bool (n,).
        scores: float (n,); higher means wanted.
        weights: How often each site counts, float (n,); None: once.

    Returns:
        Two float64 (thresholds,).
    """
    order = np.argsort(-scores, kind="stable")
    counts = np.ones(len(order)) if weights is None else weights[order]
    hits = np.cumsum(counts * is_wanted[order])
    called = np.cumsum(counts)
    ranked = scores[order]
    last = np.append(ranked[1:] != ranked[:-1], True) if len(ranked) else []
    keep = np.flatnonzero(last)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = hits[keep] / hits[-1] if len(hits) else hits
        precision = np.nan_to_num(hits[keep] / called[keep])
    return recall, precision
