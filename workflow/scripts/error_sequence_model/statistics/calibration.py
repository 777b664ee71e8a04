"""Are probabilities what they say? The classes' prior, temperature, and measures.

Class weights teach a model that all classes are equally frequent: what they were is put
back by dividing by them. One temperature per model and fold (Guo 2017), and a shift of
the prior, are fitted on the validation part; the measures are of the test part.

A perfect model has calibration errors too, by chance: 0.06 in 330 sites of which a
third are errors. `check_calibration` says how much, and what is left without it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import log_softmax

BINS = 15
SMALLEST_PROBABILITY = 1e-7
# A temperature is held near 1, and a shift near 0, as if by this many sites, in nats
# per squared log: few sites that a model happens to part without a slip make it
# endlessly sure of itself.
PENALTY = 4.0
# Of a bin in which what chance gives is subtracted.
SITES_PER_BIN, FEWEST_BINS = 60, 5
CHANCE_DRAWS = 500


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


def fit_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Fit the temperature that minimises the log loss.

    Args:
        probabilities: float (n, classes).
        labels: Class index, int (n,).

    Returns:
        Above 1 where the model is too sure; 1.0 with fewer than two classes.
    """
    if len(np.unique(labels)) < 2:
        return 1.0
    logs = np.log(np.maximum(probabilities, SMALLEST_PROBABILITY))
    rows = np.arange(len(labels))

    def measure(log_temperature: float) -> float:
        scaled = log_softmax(logs / np.exp(log_temperature), axis=1)
        return -float(scaled[rows, labels].sum())

    from scipy.optimize import minimize_scalar  # takes longer to load than to run

    found = minimize_scalar(measure, bounds=(-3, 3), method="bounded")
    return float(np.exp(found.x))


class Scaling(NamedTuple):
    """How evidence becomes log probabilities: evidence / temperature + offsets.

    Attributes:
        temperature: Above 1 where the model is too sure.
        offsets: The prior, shifted by what the validation part asks for, float64
            (classes,).
    """

    temperature: float
    offsets: np.ndarray


def fit_scaling(evidence: np.ndarray, labels: np.ndarray, prior: np.ndarray) -> Scaling:
    """Fit one temperature and a shift of the prior; both are held near nothing.

    A network that has met classes as equally frequent need not say nothing where it
    knows nothing: its level is off as its scale is (Alexandari 2020).

    Args:
        evidence: Log probabilities with equally frequent classes, float (n, classes).
        labels: Class index, int (n,).
        prior: Log share of each class, float (classes,).

    Returns:
        No change with fewer than two classes.
    """
    if len(np.unique(labels)) < 2:
        return Scaling(1.0, np.asarray(prior, dtype=np.float64))
    rows, classes = np.arange(len(labels)), evidence.shape[1]
    truth = np.eye(classes)[labels]

    def measure(values: np.ndarray) -> tuple[float, np.ndarray]:
        scaled, shifts = evidence * np.exp(-values[0]), values[1:] - values[1:].mean()
        logs = log_softmax(scaled + prior + shifts, axis=1)
        miss = np.exp(logs) - truth
        # Twice, so that of two classes it is their log odds that are held.
        loss = PENALTY * (values[0] ** 2 + 2 * shifts @ shifts)
        slopes = miss.sum(axis=0) + 4 * PENALTY * shifts
        slope = 2 * PENALTY * values[0] - float((miss * scaled).sum())
        return loss - logs[rows, labels].sum(), np.r_[slope, slopes - slopes.mean()]

    bounds = [(-3, 3)] + [(None, None)] * classes
    from scipy.optimize import minimize  # takes longer to load than to run

    found = minimize(measure, np.zeros(classes + 1), jac=True, bounds=bounds).x
    shifts = found[1:] - found[1:].mean()
    return Scaling(float(np.exp(found[0])), prior + shifts)


def calibrate_about_prior(
    probabilities: np.ndarray, labels: np.ndarray, held: np.ndarray, prior: np.ndarray
) -> np.ndarray:
    """Scale evidence as `fit_scaling` does.

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
    temperature, offsets = fit_scaling(evidence[held], labels[held], known)
    return np.exp(log_softmax(evidence / temperature + offsets, axis=1))


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
    parts = cut_by_mass(probabilities, bins)
    gaps = [abs(is_error[p].mean() - probabilities[p].mean()) for p in parts]
    return float(np.average(gaps, weights=[len(p) for p in parts]))


def cut_by_mass(probabilities: np.ndarray, bins: int) -> list[np.ndarray]:
    """Cut sites into bins of equal mass; equal probabilities stay together.

    Args:
        probabilities: float (n,), at least one.
        bins: Number of bins; fewer where there are fewer distinct values.

    Returns:
        Rows of each bin, int, by rising probability.
    """
    order = np.argsort(probabilities, kind="stable")
    ranked = probabilities[order]
    sizes = [len(part) for part in np.array_split(order, min(bins, len(order)))]
    # What is tied has no order: a cut inside it would sort sites by their rows.
    cuts = np.unique(np.searchsorted(ranked, ranked[np.cumsum(sizes)[:-1]]))
    return np.split(order, cuts[cuts > 0])


class CalibrationCheck(NamedTuple):
    """What a calibration error is worth.

    Attributes:
        by_chance: `compute_ece` of a perfect model with these probabilities, the mean
            over drawn outcomes.
        p_value: Share of such draws with at least the error that was found.
        beyond_chance: Root mean square distance between share and probability, less
            what chance adds to its square; 0 where chance is all.
    """

    by_chance: float
    p_value: float
    beyond_chance: float


def check_calibration(
    is_error: np.ndarray, probabilities: np.ndarray, *, seed: int = 1
) -> CalibrationCheck:
    """Tell calibration error from what few sites show of any model.

    Outcomes are drawn from the probabilities (Bröcker and Smith 2007), and the variance
    of each bin's share is subtracted from its squared distance (Ferro and Fricker 2012,
    Kumar 2019).

    Args:
        is_error: bool (n,).
        probabilities: Of an error, float (n,).
        seed: Of the draws.

    Returns:
        NaN for no sites.
    """
    if len(is_error) == 0:
        return CalibrationCheck(*[float("nan")] * 3)
    rng = np.random.default_rng(seed)
    parts = cut_by_mass(probabilities, BINS)
    ordered = probabilities[np.concatenate(parts)]
    starts = np.cumsum([0, *(len(part) for part in parts[:-1])])
    drawn = []
    for _ in range(CHANCE_DRAWS):
        gaps = (rng.random(len(ordered)) < ordered) - ordered
        drawn.append(np.abs(np.add.reduceat(gaps, starts)).sum() / len(ordered))
    found = compute_ece(is_error, probabilities)
    at_least = np.sum(np.array(drawn) >= found)
    bins = np.clip(len(is_error) // SITES_PER_BIN, FEWEST_BINS, BINS)
    squares, sizes = [], []
    for part in cut_by_mass(probabilities, int(bins)):
        share, said = is_error[part].mean(), probabilities[part].mean()
        variance = share * (1 - share) / max(len(part) - 1, 1)
        squares.append((share - said) ** 2 - variance)
        sizes.append(len(part))
    square = float(np.average(squares, weights=sizes))
    return CalibrationCheck(
        float(np.mean(drawn)),
        float((at_least + 1) / (CHANCE_DRAWS + 1)),
        max(square, 0.0) ** 0.5,
    )


def compute_brier(is_error: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean squared distance between outcome (0, 1) and probability."""
    return float(np.mean((probabilities - is_error) ** 2))


def compute_log_loss(is_error: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean negative log probability of what happened, in nats."""
    bounded = np.clip(probabilities, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    return float(-np.mean(np.where(is_error, np.log(bounded), np.log1p(-bounded))))
