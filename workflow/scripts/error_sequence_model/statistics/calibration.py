"""Are probabilities what they say? The classes' prior, temperature, and measures.

Class weights teach a model that all classes are equally frequent: what they were is put
back by dividing by them. One temperature per model and fold is fitted on the validation
part (Guo 2017); the measures are of the test part, before and after.
"""

from __future__ import annotations

import numpy as np
from scipy.special import log_softmax

BINS = 15
SMALLEST_PROBABILITY = 1e-7
# A temperature is held near 1 as if by this many sites, in nats per squared log: few
# sites that a model happens to part without a slip make it endlessly sure of itself.
PENALTY = 4.0


def balance_weights(labels: np.ndarray, classes: int) -> np.ndarray:
    """Weight of each class with which all weigh the same, float32 (classes,).

    Args:
        labels: int (n,).
        classes: Number of classes; their mean over the samples is 1.
    """
    counts = np.bincount(labels, minlength=classes)
    return (len(labels) / (classes * np.maximum(counts, 1))).astype(np.float32)


def restore_prior(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Undo what balanced class weights did to probabilities: float64 (n, classes).

    Args:
        probabilities: Of a model fitted with them, float (n, classes).
        labels: Class index of each site that it was fitted on, int.
    """
    restored = probabilities / balance_weights(labels, probabilities.shape[1])
    return restored / restored.sum(axis=1, keepdims=True)


def fit_temperature(
    probabilities: np.ndarray,
    labels: np.ndarray,
    *,
    offsets: np.ndarray | float = 0.0,
    penalty: float = 0.0,
) -> float:
    """Fit the temperature that minimises the log loss.

    Args:
        probabilities: float (n, classes).
        labels: Class index, int (n,).
        offsets: Added to the log probabilities of the classes after they are scaled.
        penalty: Nats that a log temperature of 1 or -1 costs.

    Returns:
        Above 1 where the model is too sure; 1.0 with fewer than two classes.
    """
    if len(np.unique(labels)) < 2:
        return 1.0
    logs = np.log(np.maximum(probabilities, SMALLEST_PROBABILITY))
    rows = np.arange(len(labels))

    def measure(log_temperature: float) -> float:
        scaled = log_softmax(logs / np.exp(log_temperature) + offsets, axis=1)
        return penalty * log_temperature**2 - float(scaled[rows, labels].sum())

    from scipy.optimize import minimize_scalar  # takes longer to load than to run

    found = minimize_scalar(measure, bounds=(-3, 3), method="bounded")
    return float(np.exp(found.x))


def calibrate_about_prior(
    probabilities: np.ndarray, labels: np.ndarray, held: np.ndarray, prior: np.ndarray
) -> np.ndarray:
    """Scale evidence by one temperature, so that no evidence is the prior.

    Args:
        probabilities: float (n, classes).
        labels: Class index of each site, int (n,); those of ``held`` are looked at.
        held: Rows of the validation part, int (k,).
        prior: Share of each class in training, float (classes,).

    Returns:
        float64 (n, classes).
    """
    known = np.log(np.maximum(prior, SMALLEST_PROBABILITY))
    evidence = np.log(np.maximum(probabilities, SMALLEST_PROBABILITY)) - known
    temperature = fit_temperature(
        np.exp(log_softmax(evidence[held], axis=1)),
        labels[held],
        offsets=known,
        penalty=PENALTY,
    )
    return np.exp(log_softmax(evidence / temperature + known, axis=1))


def scale_probabilities(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Divide log probabilities by a temperature: float64 (n, classes)."""
    logs = np.log(np.maximum(probabilities, SMALLEST_PROBABILITY))
    return np.exp(log_softmax(logs / temperature, axis=1))


def compute_ece(
    is_error: np.ndarray, probabilities: np.ndarray, *, bins: int = BINS
) -> float:
    """Expected calibration error over bins of equal mass.

    Args:
        is_error: bool (n,).
        probabilities: Of an error, float (n,).
        bins: Number of bins; fewer where there are fewer sites.

    Returns:
        Mean distance between share and probability, weighted by sites; NaN for none.

    Example:
        >>> is_error = np.array([False, True, True, True])
        >>> compute_ece(is_error, np.array([0.25, 0.25, 0.75, 0.75]), bins=2)
        0.25
    """
    if len(is_error) == 0:
        return float("nan")
    order = np.argsort(probabilities, kind="stable")
    parts = np.array_split(order, min(bins, len(order)))
    gaps = [abs(is_error[p].mean() - probabilities[p].mean()) for p in parts]
    return float(np.average(gaps, weights=[len(p) for p in parts]))


def compute_brier(is_error: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean squared distance between outcome (0, 1) and probability."""
    return float(np.mean((probabilities - is_error) ** 2))


def compute_log_loss(is_error: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean negative log probability of what happened, in nats."""
    bounded = np.clip(probabilities, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    return float(-np.mean(np.where(is_error, np.log(bounded), np.log1p(-bounded))))
