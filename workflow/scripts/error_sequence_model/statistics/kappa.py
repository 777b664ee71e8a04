"""Agreement of two verdicts beyond chance, with intervals by bootstrap over genes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from error_sequence_model.statistics.metrics import get_interval


class Agreement(NamedTuple):
    """How far two verdicts agree.

    Attributes:
        both: Sites of which both say yes, and so on: the four cells.
        only_first: See above.
        only_second: See above.
        neither: See above.
        kappa: Cohen's (1960): 0 what chance gives, 1 the same; NaN where a verdict is
            the same everywhere.
        low: Lower end of its 95 % interval, NaN if unknown.
        high: Upper end.
        shared: Share of the sites with any yes of which both say yes.
    """

    both: int
    only_first: int
    only_second: int
    neither: int
    kappa: float
    low: float
    high: float
    shared: float


def measure_agreement(
    first: np.ndarray,
    second: np.ndarray,
    genes: np.ndarray,
    *,
    draws: int = 500,
    seed: int = 0,
) -> Agreement:
    """Measure how far two verdicts agree beyond chance.

    Args:
        first: bool (n,).
        second: bool (n,).
        genes: Gene number of each site, int (n,), 0 … genes - 1.
        draws: Bootstrap draws over genes.
        seed: Their seed.

    Example:
        >>> first = np.repeat([True, True, False, False], [20, 5, 10, 15])
        >>> second = np.repeat([True, False, True, False], [20, 5, 10, 15])
        >>> round(measure_agreement(first, second, np.arange(50)).kappa, 6)
        0.4
    """
    cell = 2 * ~np.asarray(first, dtype=bool) + 1 * ~np.asarray(second, dtype=bool)
    n_genes = int(genes.max()) + 1 if len(genes) else 1
    tables = np.bincount(4 * genes + cell, minlength=4 * n_genes).reshape(n_genes, 4)
    counts = tables.sum(axis=0)
    chance = np.full(n_genes, 1 / n_genes)
    weights = np.random.default_rng(seed).multinomial(n_genes, chance, size=draws)
    low, high = get_interval(compute_kappa(weights @ tables), n_genes)
    either = counts[:3].sum()
    return Agreement(
        *map(int, counts),
        float(compute_kappa(counts)),
        np.nan if low is None else low,
        np.nan if high is None else high,
        float(counts[0] / either) if either else np.nan,
    )


def compute_kappa(counts: np.ndarray) -> np.ndarray:
    """Cohen's kappa of counts (…, 4): both, first only, second only, neither."""
    a, b, c, d = np.moveaxis(np.asarray(counts, dtype=np.float64), -1, 0)
    n = a + b + c + d
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = ((a + b) * (a + c) + (c + d) * (b + d)) / n**2
        return ((a + d) / n - expected) / (1 - expected)
