"""Group statistics of per-base maps: profiles with gene-bootstrap bands, tests.

Maps are float arrays (n_sites, n_positions), aligned on the junction, 5' to 3' in
transcript sense. Sites of one gene are not independent, so genes are resampled, not
sites, and the test's standard error is clustered by gene.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from error_sequence_model.statistics.metrics import FEWEST_GENES, get_tail

MINIMUM_SITES = 5
MOST_WORK = 100_000_000


class Profile(NamedTuple):
    """A mean with its interval, per position; interval NaN with too few genes.

    Attributes:
        mean: float64 (n_positions,).
        low: Lower end of the gene-bootstrap interval, float64 (n_positions,).
        high: Upper end, float64 (n_positions,).
        n_sites: Number of sites.
        n_genes: Number of genes.
    """

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    n_sites: int
    n_genes: int


class Comparison(NamedTuple):
    """Two classes and their difference (first − second) on the same positions."""

    first: Profile
    second: Profile
    difference: Profile


class DifferenceTest(NamedTuple):
    """Permutation test of the difference of two classes' means.

    Attributes:
        statistic: Difference over its gene-clustered standard error, (n_positions,).
        p_value: Family-wise p (max-T over the positions given), (n_positions,); NaN
            where there were too few sites to test.
        n_draws: Permutations made; 0 if no test was possible.
    """

    statistic: np.ndarray
    p_value: np.ndarray
    n_draws: int


def scale_maps(maps: np.ndarray) -> np.ndarray:
    """Divide each site's map by the 95th percentile of its absolute scores.

    Without it the few sites with the largest logits would be the profile.

    Args:
        maps: float (n_sites, length).

    Returns:
        float32 (n_sites, length), unitless; a map of zeros stays zero.
    """
    size = np.abs(maps)
    scale = np.quantile(size, 0.95, axis=1) if size.size else np.zeros(len(maps))
    # A sparse map has a 95th percentile of zero; its largest score is the next best.
    scale = np.where(scale > 0, scale, size.max(axis=1, initial=0.0))
    scale = np.where(scale > 0, scale, 1.0)
    return (maps / scale[:, None]).astype(np.float32)


def compare_classes(
    values: np.ndarray,
    is_first: np.ndarray,
    genes: np.ndarray,
    *,
    draws: int = 500,
    seed: int = 0,
) -> Comparison:
    """Mean profiles of two classes and their difference, with gene-bootstrap bands.

    The same resampled genes serve both classes, since one gene may hold both.

    Args:
        values: Per-site values, float (n_sites, n_positions).
        is_first: True for the first class, bool (n_sites,).
        genes: Gene of each site, (n_sites,).
        draws: Bootstrap draws.
        seed: Seed of the draws.

    Returns:
        The two profiles and their difference, each with a percentile interval.
    """
    values = np.asarray(values, dtype=np.float64)
    codes, names = pd.factorize(np.asarray(genes))
    masks = (np.asarray(is_first, dtype=bool), ~np.asarray(is_first, dtype=bool))
    weights = np.random.default_rng(seed).multinomial(
        len(names), np.full(len(names), 1 / max(len(names), 1)), size=draws
    )
    means, drawn, counts = [], [], []
    for mask in masks:
        sums = np.zeros((len(names), values.shape[1]))
        present, order, starts = _group(codes[mask])
        if len(order):
            sums[present] = np.add.reduceat(values[mask][order], starts)
        sizes = np.bincount(codes[mask], minlength=len(names)).astype(float)
        total = weights @ sizes
        with np.errstate(invalid="ignore", divide="ignore"):
            means.append(sums.sum(axis=0) / sizes.sum())
            drawn.append((weights @ sums) / total[:, None])
        counts.append((int(mask.sum()), int((sizes > 0).sum())))
    first, second = (
        _summarise(means[i], drawn[i], *counts[i], enough=counts[i][1]) for i in (0, 1)
    )
    difference = _summarise(
        means[0] - means[1],
        drawn[0] - drawn[1],
        counts[0][0] + counts[1][0],
        len(names),
        enough=min(counts[0][1], counts[1][1]),
    )
    return Comparison(first, second, difference)


def _group(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sorted distinct codes, the order that sorts them, where each one starts."""
    order = np.argsort(codes, kind="stable")
    sorted_codes = codes[order]
    starts = np.flatnonzero(np.diff(sorted_codes, prepend=-1) > 0)
    return sorted_codes[starts], order, starts


def _summarise(
    mean: np.ndarray,
    drawn: np.ndarray,
    n_sites: int,
    n_genes: int,
    *,
    enough: int,
) -> Profile:
    valid = drawn[np.isfinite(drawn).all(axis=1)] if drawn.size else drawn
    if enough < FEWEST_GENES or len(valid) < 20:
        low = high = np.full(mean.shape, np.nan)
    else:
        tail = get_tail(enough)
        low, high = np.quantile(valid, [tail, 1 - tail], axis=0)
    return Profile(mean, low, high, n_sites, n_genes)


def measure_gc_content(sequences: Sequence[str]) -> np.ndarray:
    """GC share of each window's known bases, float (n,); 0.5 where none is known."""
    known = np.array([sum(map(text.count, "ACGT")) for text in sequences], dtype=float)
    strong = np.array([text.count("G") + text.count("C") for text in sequences])
    return np.divide(strong, known, out=np.full(len(known), 0.5), where=known > 0)


def make_strata(
    gc_content: np.ndarray, scores: np.ndarray | None, is_first: np.ndarray
) -> tuple[np.ndarray, str]:
    """Strata within which labels are exchanged, so that GC or score explain nothing.

    Args:
        gc_content: GC share of each window, float (n_sites,).
        scores: The predictor's score, float (n_sites,), or None if it has none.
        is_first: Class membership, bool (n_sites,).

    Returns:
        Stratum of each site, int (n_sites,), and its description in words.
    """
    strata = _cut_in_three(gc_content)
    if scores is None or not np.isfinite(scores).all():
        return strata, "within GC terciles"
    by_score = _cut_in_three(scores)
    for level in np.unique(by_score):
        inside = is_first[by_score == level]
        if min(inside.sum(), (~inside).sum()) < MINIMUM_SITES:
            # FN and TP never share a score: such strata would leave nothing to permute.
            return strata, "within GC terciles"
    return strata * 3 + by_score, "within GC × predictor-score terciles"


def _cut_in_three(values: np.ndarray) -> np.ndarray:
    filled = np.nan_to_num(values, nan=0.5)
    return np.searchsorted(np.quantile(filled, [1 / 3, 2 / 3]), filled, side="right")


def permute_classes(
    values: np.ndarray,
    is_first: np.ndarray,
    genes: np.ndarray,
    strata: np.ndarray,
    *,
    draws: int = 500,
    seed: int = 0,
) -> DifferenceTest:
    """Permutation test of the class difference at every position, max-T corrected.

    Values are centred within strata and labels permuted within them. The statistic is
    studentised with a standard error clustered by gene, for the data and for each
    permutation, so that many sites of one gene do not count as many findings.

    Args:
        values: float (n_sites, n_positions).
        is_first: bool (n_sites,).
        genes: Gene of each site, (n_sites,).
        strata: int (n_sites,).
        draws: Permutations; fewer, but at least 199, where the maps are very large.
        seed: Seed of the permutations.

    Returns:
        Statistic and family-wise p-value per position.
    """
    is_first = np.asarray(is_first, dtype=bool)
    n_positions = values.shape[1]
    if min(is_first.sum(), (~is_first).sum()) < MINIMUM_SITES:
        empty = np.full(n_positions, np.nan)
        return DifferenceTest(empty, empty, 0)
    codes = pd.factorize(np.asarray(genes))[0]
    _, order, starts = _group(codes)
    centred = np.asarray(values, dtype=np.float32)[order]
    strata, labels = np.asarray(strata)[order], is_first[order]
    for stratum in np.unique(strata):
        inside = strata == stratum
        centred[inside] -= centred[inside].mean(axis=0)
    observed = _clustered_statistic(centred, labels, starts)
    draws = max(min(draws, MOST_WORK // max(values.size, 1)), min(draws, 199))
    generator = np.random.default_rng(seed)
    exceeded = np.zeros(n_positions)
    for _ in range(draws):
        # Random keys sorted within strata: every stratum keeps its number of labels.
        keys = np.lexsort((generator.random(len(labels)), strata))
        permuted = np.empty_like(labels)
        permuted[np.argsort(strata, kind="stable")] = labels[keys]
        largest = np.abs(_clustered_statistic(centred, permuted, starts)).max()
        exceeded += largest >= np.abs(observed) - 1e-12
    return DifferenceTest(observed, (1 + exceeded) / (draws + 1), draws)


def _clustered_statistic(
    values: np.ndarray, is_first: np.ndarray, starts: np.ndarray
) -> np.ndarray:
    """Difference of means over its gene-clustered standard error, (n_positions,)."""
    n_sites, n_first = len(is_first), int(is_first.sum())
    by_class = np.stack([is_first / n_first, ~is_first / (n_sites - n_first)])
    by_class = by_class.astype(values.dtype)
    first, second = by_class @ values
    # Each gene's part of the difference: a sparse product, as genes are runs of rows.
    signed = by_class[0] - by_class[1]
    membership = (signed, np.arange(n_sites), np.r_[starts, n_sites])
    sums = csr_array(membership, shape=(len(starts), n_sites)) @ values
    # Variance of sums - share_first * first + share_second * second, multiplied out.
    shares = np.add.reduceat(by_class, starts, axis=1)
    inner = shares @ shares.T
    cross = shares @ sums
    variance = (
        np.einsum("gp,gp->p", sums, sums)
        - 2 * (first * cross[0] - second * cross[1])
        + first**2 * inner[0, 0]
        + second**2 * inner[1, 1]
        - 2 * first * second * inner[0, 1]
    )
    error = np.sqrt(np.maximum(variance, 0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(error > 0, (first - second) / error, 0.0)
