"""Odds ratios of flags between two classes, with uncertainty clustered by gene.

Sites of one gene are not independent: standard errors are sums over genes, intervals of
the joint model come from resampled genes. Natural logarithms inside, odds ratios out.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from error_sequence_model.statistics.metrics import CONFIDENCE
from error_sequence_model.statistics.profiles import compare_classes

FEWEST_SITES = 5  # of a class, and flagged, for a test
MOST_STEPS = 50
COLUMNS = ("odds_ratio", "low", "high", "p")


class Coverage(NamedTuple):
    """Share of a class with at least one flag, with its interval (None if unknown)."""

    share: float
    low: float | None
    high: float | None


def measure_odds_ratios(
    flags: pd.DataFrame, labels: np.ndarray, genes: np.ndarray
) -> pd.DataFrame:
    """Odds of an error with a flag over those without it, flag by flag.

    The log odds ratio of a 2×2 table has a closed form, and so has its gene-clustered
    (sandwich) variance. Half a site is added to each cell (Haldane and Anscombe), and
    the variance is never below that of independent sites (Woolf), which the sandwich
    falls under where a cell is nearly empty.

    Args:
        flags: 1, 0 or NaN (site left out), one column per flag, (n, flags).
        labels: 1 for an error, int (n,).
        genes: Gene of each site, (n,).

    Returns:
        Indexed by flag: odds_ratio, low, high and p (two-sided, t with genes − 1
        degrees of freedom); NaN where a class, or the flagged or the other sites, are
        fewer than five.
    """
    codes = pd.factorize(np.asarray(genes))[0]
    rows = {
        name: _measure_one(column.to_numpy(dtype=np.float64), labels, codes)
        for name, column in flags.items()
    }
    index = pd.Index(list(rows), dtype=object)
    return pd.DataFrame(list(rows.values()), index, list(COLUMNS), dtype=np.float64)


def _measure_one(
    flag: np.ndarray, labels: np.ndarray, codes: np.ndarray
) -> tuple[float, float, float, float]:
    known = np.isfinite(flag)
    is_flagged, is_error = flag[known] > 0.5, labels[known] == 1
    codes = codes[known]
    sizes = (is_error.sum(), (~is_error).sum(), is_flagged.sum(), (~is_flagged).sum())
    if min(sizes) < FEWEST_SITES:
        return (np.nan,) * 4
    log_odds, influence, independent = 0.0, np.zeros(len(codes)), 0.0
    for sign, inside in ((1, is_flagged), (-1, ~is_flagged)):
        errors, n = is_error[inside].sum() + 0.5, inside.sum() + 1.0
        share = errors / n
        log_odds += sign * np.log(share / (1 - share))
        influence[inside] = (
            sign * (is_error[inside] - share) / (n * share * (1 - share))
        )
        independent += 1 / errors + 1 / (n - errors)
    sums = np.bincount(codes, weights=influence)
    n_genes = len(np.unique(codes))
    clustered = (sums**2).sum() * n_genes / max(n_genes - 1, 1)
    error = np.sqrt(max(clustered, independent))
    freedom = max(n_genes - 1, 1)
    half = stdtrit(freedom, 0.5 + CONFIDENCE / 2) * error
    p_value = 2 * stdtr(freedom, -abs(log_odds) / error)
    ends = np.exp([log_odds, log_odds - half, log_odds + half])
    return (*map(float, ends), float(p_value))


def adjust_p_values(p_values: np.ndarray) -> np.ndarray:
    """Benjamini and Hochberg's q values, float (n,); NaN stays NaN and counts not."""
    p_values = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(p_values.shape, np.nan)
    tested = np.flatnonzero(np.isfinite(p_values))
    order = tested[np.argsort(p_values[tested])]
    scaled = p_values[order] * len(order) / np.arange(1, len(order) + 1)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted


def fit_joint_model(
    flags: pd.DataFrame,
    labels: np.ndarray,
    genes: np.ndarray,
    *,
    ridge: float = 1.0,
    draws: int = 500,
    seed: int = 0,
) -> pd.DataFrame:
    """Fit all flags at once: what each adds beside the others.

    Ridge logistic regression with an unpenalised intercept. Intervals are percentiles
    over resampled genes, each draw one Newton step away from the fit (the one-step
    bootstrap), so that a large table costs no more than its fit. A flag that hardly an
    error, or hardly anything else, has varies too little between draws: an interval is
    never narrower than the penalised likelihood's own curvature makes it.

    Args:
        flags: 1, 0 or NaN (taken as the flag's mean), (n, flags).
        labels: 1 for an error, int (n,).
        genes: Gene of each site, (n,).
        ridge: Penalty on half the sum of squared log odds ratios.
        draws: Bootstrap draws.
        seed: Of the draws.

    Returns:
        Indexed by flag: joint_odds_ratio, joint_low, joint_high; empty without both
        classes or without flags.
    """
    columns = ["joint_odds_ratio", "joint_low", "joint_high"]
    is_error = (np.asarray(labels) == 1).astype(np.float64)
    if flags.empty or min(is_error.sum(), (1 - is_error).sum()) < FEWEST_SITES:
        return pd.DataFrame(
            columns=columns, index=pd.Index([], dtype=object), dtype=float
        )
    values = flags.to_numpy(dtype=np.float64)
    values = np.where(np.isfinite(values), values, np.nanmean(values, axis=0))
    design = np.hstack([np.ones((len(values), 1)), values])
    penalty = np.diag([0.0, *[ridge] * values.shape[1]])
    fit = _fit_logistic(design, is_error, penalty)
    codes, names = pd.factorize(np.asarray(genes))
    scores, curvatures = _sum_by_gene(design, is_error, fit, codes, len(names))
    steps = _draw_steps(scores, curvatures, penalty, fit, draws=draws, seed=seed)
    own = np.sqrt(np.diag(np.linalg.inv(curvatures.sum(axis=0) + penalty)))
    steps *= np.maximum(own / np.maximum(steps.std(axis=0), 1e-9), 1.0)
    tail = 50 * (1 - CONFIDENCE)
    low, high = fit + np.percentile(steps, [tail, 100 - tail], axis=0)
    table = np.exp(np.clip(np.stack([fit, low, high], axis=1)[1:], -20, 20))
    return pd.DataFrame(table, index=list(flags.columns), columns=columns)


def _draw_steps(
    scores: np.ndarray,
    curvatures: np.ndarray,
    penalty: np.ndarray,
    fit: np.ndarray,
    *,
    draws: int,
    seed: int,
) -> np.ndarray:
    """Newton steps from the fit under resampled genes, float (draws, k)."""
    rng = np.random.default_rng(seed)
    n = len(scores)
    steps = np.empty((draws, len(fit)))
    for row in range(draws):
        weights = rng.multinomial(n, np.full(n, 1 / n)).astype(np.float64)
        gradient = weights @ scores - penalty @ fit
        curvature = np.tensordot(weights, curvatures, axes=1) + penalty
        # A draw may leave one class only: a trace of ridge keeps it solvable.
        curvature[0, 0] += 1e-6
        steps[row] = np.linalg.solve(curvature, gradient)
    return steps


def _fit_logistic(
    design: np.ndarray, is_error: np.ndarray, penalty: np.ndarray
) -> np.ndarray:
    """Newton's method; the penalty keeps a separating flag finite."""
    share = is_error.mean()
    fit = np.zeros(design.shape[1])
    fit[0] = np.log(share / (1 - share))
    for _ in range(MOST_STEPS):
        chance = get_chance(design @ fit)
        gradient = design.T @ (is_error - chance) - penalty @ fit
        curvature = (design * (chance * (1 - chance))[:, None]).T @ design + penalty
        step = np.linalg.solve(curvature, gradient)
        # Far from the optimum a full step may overshoot: no log odds moves by over 3.
        fit = fit + step * min(1.0, 3.0 / max(np.abs(step).max(), 1e-12))
        if np.abs(step).max() < 1e-8:
            break
    return fit


def get_chance(logit: np.ndarray) -> np.ndarray:
    """Probability of log odds, which are bounded so that neither end is certain."""
    return 1 / (1 + np.exp(-np.clip(logit, -30, 30)))


def _sum_by_gene(
    design: np.ndarray,
    is_error: np.ndarray,
    fit: np.ndarray,
    codes: np.ndarray,
    n_genes: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Score (genes, k) and curvature (genes, k, k) of the likelihood, gene by gene."""
    chance = get_chance(design @ fit)
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(n_genes + 1))
    residuals = design * (is_error - chance)[:, None]
    scaled = design * np.sqrt(chance * (1 - chance))[:, None]
    size = design.shape[1]
    scores, curvatures = np.zeros((n_genes, size)), np.zeros((n_genes, size, size))
    for gene, (start, end) in enumerate(pairwise(bounds)):
        rows = order[start:end]
        scores[gene] = residuals[rows].sum(axis=0)
        curvatures[gene] = scaled[rows].T @ scaled[rows]
    return scores, curvatures


def measure_coverage(
    has_cause: np.ndarray,
    labels: np.ndarray,
    genes: np.ndarray,
    *,
    draws: int = 500,
    seed: int = 0,
) -> dict[str, Coverage | None]:
    """Share of errors, and of correct calls, with at least one cause.

    Args:
        has_cause: bool (n,).
        labels: 1 for an error, int (n,).
        genes: Gene of each site, (n,).
        draws: Bootstrap draws over genes.
        seed: Seed of the draws.

    Returns:
        "errors" and "correct", each None for a class without sites.
    """
    is_error = np.asarray(labels) == 1
    values = np.asarray(has_cause, dtype=np.float64)[:, None]
    found = compare_classes(values, is_error, genes, draws=draws, seed=seed)
    result: dict[str, Coverage | None] = {}
    for name, profile in (("errors", found.first), ("correct", found.second)):
        ends = [
            float(end[0]) if np.isfinite(end[0]) else None
            for end in (profile.low, profile.high)
        ]
        share = float(profile.mean[0]) if profile.n_sites else np.nan
        result[name] = Coverage(share, *ends) if profile.n_sites else None
    return result
