"""Odds ratios adjusted for covariates, with standard errors clustered by gene.

Natural logarithms inside, odds ratios out. The fit is Firth's penalised logistic
regression (Firth 1993, Biometrika 80:27; Heinze and Schemper 2002, Stat Med 21:2409):
it stays finite where a hit occurs in one class only, as motifs often do.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from error_sequence_model.statistics.contingency import get_chance
from error_sequence_model.statistics.metrics import CONFIDENCE

MOST_STEPS = 100
MOST_HALVINGS = 10
LARGEST_STEP = 2.0  # log odds per Newton step
TOLERANCE = 1e-4  # last step, in log odds
LOOSE = 1e-2  # still good enough after MOST_STEPS: a flat direction of a covariate
FEWEST_DIFFERENT = 5  # sites that differ from the median, for a covariate to count


class OddsRatio(NamedTuple):
    """An odds ratio with its interval and two-sided p; NaN where nothing was fitted."""

    odds_ratio: float
    low: float
    high: float
    p: float


UNKNOWN = OddsRatio(np.nan, np.nan, np.nan, np.nan)


def estimate_odds_ratio(
    is_error: np.ndarray,
    has_hit: np.ndarray,
    genes: np.ndarray,
    covariates: np.ndarray | None = None,
) -> OddsRatio:
    """Estimate the odds of an error with a hit over those without one.

    The standard error is the larger of the model's own and the gene-clustered sandwich
    (sums of scores over genes), because the sandwich is too small where a cell of the
    table is nearly empty.

    Args:
        is_error: bool (n,).
        has_hit: bool (n,).
        genes: Gene of each site, any labels (n,).
        covariates: float (n, k) to adjust for; those that hardly vary are dropped.

    Returns:
        The odds ratio; ``UNKNOWN`` where a class or the hits are all or nothing, or
        the fit does not converge.

    Example:
        >>> has_hit, is_error = np.repeat([1, 1, 0, 0], 50), np.repeat([1, 0, 1, 0], 50)
        >>> is_error[50:75] = 1
        >>> found = estimate_odds_ratio(is_error, has_hit, np.arange(200))
        >>> f"{found.odds_ratio:.1f} ({found.low:.1f} to {found.high:.1f})"
        '3.0 (1.6 to 5.4)'
    """
    columns = np.asarray(has_hit, dtype=np.float64)[:, None]
    return estimate_joint(is_error, columns, genes, covariates)[0]


def estimate_joint(
    is_error: np.ndarray,
    columns: np.ndarray,
    genes: np.ndarray,
    covariates: np.ndarray | None = None,
) -> list[OddsRatio]:
    """Estimate the odds ratio of each column beside all others; see above.

    Args:
        is_error: bool (n,).
        columns: 1, 0, or a share where it is not known, float (n, k).
        genes: Gene of each site, any labels (n,).
        covariates: float (n, m) to adjust for.

    Returns:
        One odds ratio per column; all ``UNKNOWN`` where a class or a column is all or
        nothing, columns say the same, or the fit does not converge.
    """
    outcome = np.asarray(is_error, dtype=np.float64)
    n, k = columns.shape
    is_constant = np.ptp(columns, axis=0) == 0
    if np.ptp(outcome) == 0 or is_constant.any():
        return [UNKNOWN] * k
    design = np.column_stack([np.ones(n), columns, standardise(covariates, n)])
    fit, covariance = fit_firth(design, outcome)
    if fit is None:
        return [UNKNOWN] * k
    codes = pd.factorize(np.asarray(genes))[0]
    n_genes = int(codes.max()) + 1
    scores = design * (outcome - get_chance(design @ fit))[:, None]
    sums = np.stack([np.bincount(codes, column) for column in scores.T], axis=1)
    meat = sums.T @ sums * n_genes / max(n_genes - 1, 1)
    clustered = np.diag(covariance @ meat @ covariance)
    errors = np.sqrt(np.maximum(clustered, np.diag(covariance)))[1 : k + 1]
    freedom = max(n_genes - 1, 1)
    reach = stdtrit(freedom, 0.5 + CONFIDENCE / 2)
    found = []
    for value, error in zip(fit[1 : k + 1], errors, strict=True):
        p_value = float(2 * stdtr(freedom, -abs(value) / error))
        ends = np.exp(value + reach * error * np.array([0, -1, 1]))
        found.append(OddsRatio(*map(float, ends), p_value))
    return found


def standardise(covariates: np.ndarray | None, n_sites: int) -> np.ndarray:
    """Mean 0 and standard deviation 1 per column, without those that hardly vary."""
    if covariates is None or not covariates.size:
        return np.zeros((n_sites, 0))
    away = np.abs(covariates - np.median(covariates, axis=0)) > 1e-9
    kept = away.sum(axis=0) >= FEWEST_DIFFERENT
    values = covariates[:, kept]
    return (values - values.mean(axis=0)) / values.std(axis=0)


def fit_firth(
    design: np.ndarray, outcome: np.ndarray
) -> tuple[np.ndarray | None, np.ndarray]:
    """Coefficients (k,) and model covariance (k, k); None if it does not converge."""
    fit = np.zeros(design.shape[1])
    share = outcome.mean()
    fit[0] = np.log(share / (1 - share))
    value, covariance = _rate(design, outcome, fit)
    largest = np.inf
    for _ in range(MOST_STEPS):
        if not np.isfinite(value):
            break
        chance = get_chance(design @ fit)
        # The penalty adds half of each site's leverage to both outcomes.
        leverage = ((design @ covariance) * design).sum(axis=1)
        leverage *= chance * (1 - chance)
        gradient = design.T @ (outcome - chance + leverage * (0.5 - chance))
        step = covariance @ gradient
        largest = float(np.abs(step).max())
        if largest < TOLERANCE:
            return fit, covariance
        step *= min(1.0, LARGEST_STEP / largest)
        for _ in range(MOST_HALVINGS):
            trial, trial_covariance = _rate(design, outcome, fit + step)
            if trial > value - 1e-9:
                break
            step /= 2
        fit, value, covariance = fit + step, trial, trial_covariance
    return (fit if largest < LOOSE else None), covariance


def _rate(
    design: np.ndarray, outcome: np.ndarray, fit: np.ndarray
) -> tuple[float, np.ndarray]:
    """Penalised log-likelihood and the inverse of the information, (k, k)."""
    chance = get_chance(design @ fit)
    information = (design * (chance * (1 - chance))[:, None]).T @ design
    sign, size = np.linalg.slogdet(information)
    if sign <= 0:
        return -np.inf, np.eye(len(fit))
    likelihood = np.log(np.where(outcome == 1, chance, 1 - chance)).sum()
    return float(likelihood + size / 2), np.linalg.inv(information)
