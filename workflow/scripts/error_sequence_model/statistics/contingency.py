"""Odds ratios of flags between two classes, with uncertainty clustered by gene.

Sites of one gene are not independent: standard errors are sums over genes. Natural
logarithms inside, odds ratios out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from error_sequence_model.statistics.metrics import CONFIDENCE
from error_sequence_model.statistics.profiles import compare_classes

FEWEST_SITES = 5  # of a class, and flagged, for a test
COLUMNS = ("odds_ratio", "low", "high", "p")


class Coverage(NamedTuple):
    """Share of a class with at least one flag, with its interval (None if unknown)."""

    share: float
    low: float | None
    high: float | None


def measure_odds_ratios(
    flags: pd.DataFrame,
    labels: np.ndarray,
    genes: np.ndarray,
    strata: np.ndarray | None = None,
) -> pd.DataFrame:
    """Odds of an error with a flag over those without it, flag by flag.

    Sites are compared within their stratum (Mantel and Haenszel; one stratum: the
    2×2 table). The log odds ratio has a closed form, and so has its gene-clustered
    variance, from the sums of its derivatives over genes. Half a site is added to each
    cell (Haldane and Anscombe), and the variance is never below that of independent
    sites (Robins, Breslow and Greenland; Woolf's for one stratum), which the sandwich
    falls under where a cell is nearly empty.

    Args:
        flags: 1, 0 or NaN (site left out), one column per flag, (n, flags).
        labels: 1 for an error, int (n,).
        genes: Gene of each site, (n,).
        strata: What must not be mixed, such as the splice type, any labels (n,).

    Returns:
        Indexed by flag: odds_ratio, low, high and p (two-sided, t with genes − 1
        degrees of freedom); NaN where a class, or the flagged or the other sites, are
        fewer than five in the strata that have all of them.
    """
    codes = pd.factorize(np.asarray(genes))[0]
    kinds = np.zeros(len(codes)) if strata is None else np.asarray(strata)
    rows = {
        name: _measure_one(column.to_numpy(np.float64), labels, codes, kinds)
        for name, column in flags.items()
    }
    index = pd.Index(list(rows), dtype=object)
    return pd.DataFrame(list(rows.values()), index, list(COLUMNS), dtype=np.float64)


def _measure_one(
    flag: np.ndarray, labels: np.ndarray, codes: np.ndarray, kinds: np.ndarray
) -> tuple[float, float, float, float]:
    known = np.isfinite(flag)
    is_flagged, is_error = flag[known] > 0.5, labels[known] == 1
    codes, kinds = codes[known], kinds[known]
    # Where all sites are of one class, or all or none are flagged, nothing is compared.
    told = np.ones(len(codes), dtype=bool)
    for kind in np.unique(kinds):
        here = kinds == kind
        told[here] = min(np.ptp(is_flagged[here] * 1), np.ptp(is_error[here] * 1)) > 0
    is_flagged, is_error, codes = is_flagged[told], is_error[told], codes[told]
    sizes = (is_error.sum(), (~is_error).sum(), is_flagged.sum(), (~is_flagged).sum())
    if min(sizes) < FEWEST_SITES:
        return (np.nan,) * 4
    strata = np.unique(kinds[told], return_inverse=True)[1]
    # Cells a, b, c, d: flagged errors, flagged others, errors without, others without.
    cell = 2 * ~is_flagged + 1 * ~is_error
    counts = np.bincount(4 * strata + cell, minlength=4 * (strata.max() + 1))
    counts = counts.reshape(-1, 4) + 0.5
    log_odds, slopes, independent = _pool_tables(counts)
    sums = np.bincount(codes, weights=slopes[strata, cell])
    n_genes = len(np.unique(codes))
    clustered = (sums**2).sum() * n_genes / max(n_genes - 1, 1)
    error = np.sqrt(max(clustered, independent))
    freedom = max(n_genes - 1, 1)
    half = stdtrit(freedom, 0.5 + CONFIDENCE / 2) * error
    p_value = 2 * stdtr(freedom, -abs(log_odds) / error)
    ends = np.exp([log_odds, log_odds - half, log_odds + half])
    return (*map(float, ends), float(p_value))


def _pool_tables(counts: np.ndarray) -> tuple[float, np.ndarray, float]:
    """Mantel and Haenszel's log odds ratio of tables (strata, 4), cells a, b, c, d.

    Returns:
        It, its derivative by each cell (strata, 4), and its variance if sites were
        independent.
    """
    a, b, c, d = counts.T
    n = counts.sum(axis=1)
    same, crossed = a * d / n, b * c / n
    alike, unlike = same.sum(), crossed.sum()
    slopes = np.stack([d - same, -same, -same, a - same], axis=1) / alike
    slopes -= np.stack([-crossed, c - crossed, b - crossed, -crossed], axis=1) / unlike
    on, off = (a + d) / n, (b + c) / n
    variance = (on * same).sum() / (2 * alike**2) + (off * crossed).sum() / (
        2 * unlike**2
    )
    variance += (on * crossed + off * same).sum() / (2 * alike * unlike)
    return float(np.log(alike / unlike)), slopes / n[:, None], float(variance)


def adjust_p_values(p_values: np.ndarray) -> np.ndarray:
    """Benjamini and Hochberg's q values, float (n,); NaN stays NaN and counts not."""
    p_values = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(p_values.shape, np.nan)
    tested = np.flatnonzero(np.isfinite(p_values))
    order = tested[np.argsort(p_values[tested])]
    scaled = p_values[order] * len(order) / np.arange(1, len(order) + 1)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted


def get_chance(logit: np.ndarray) -> np.ndarray:
    """Probability of log odds, which are bounded so that neither end is certain."""
    return 1 / (1 + np.exp(-np.clip(logit, -30, 30)))


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
