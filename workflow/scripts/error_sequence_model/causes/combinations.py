"""What copies of a word, and words together, add beyond one hit each.

A named explanation says that a site has the word. Two questions are left: do errors
have several copies of it, and do two words go together, more often than each alone lets
expect or at one distance? Starts are bool (n, length), base columns of the windows.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np

from error_sequence_model.statistics import (
    UNKNOWN,
    OddsRatio,
    adjust_p_values,
    estimate_joint,
)

FEWEST = 10  # sites of each kind, for a test
DRAWS = 999
BIN = 5  # bases within which distances are the same


def describe_combinations(
    starts: Mapping[str, np.ndarray],
    widths: Mapping[str, int],
    is_error: np.ndarray,
    genes: np.ndarray,
    *,
    fdr: float,
    seed: int = 1,
) -> dict[str, list[dict[str, Any]]]:
    """Tell what copies and pairs add, where they do.

    Args:
        starts: Explanation -> where its word starts at its place.
        widths: Bases of each.
        is_error: bool (n,).
        genes: Gene of each site, (n,).
        fdr: False discovery rate of either list (Benjamini and Hochberg).
        seed: Of the permutations.

    Returns:
        ``copies``: explanation, n_several and n_single (errors), odds_ratio with low,
        high, p and q of several copies against one. ``pairs``: first, second, n_both
        (errors), odds_ratio and so on of having both beyond having each; distance (the
        most frequent, from the first base of one to that of the other), n_distance
        (errors within two bases of it), distance_p and distance_q.
    """
    copies = []
    for key, found in starts.items():
        n_hits = count_apart(found, widths[key])
        several = n_hits >= 2
        has_word = n_hits >= 1
        ratio = _compare(several[has_word], is_error[has_word], genes[has_word])
        copies.append(
            {
                "explanation": key,
                "n_several": int((several & is_error).sum()),
                "n_single": int((n_hits[is_error] == 1).sum()),
                **ratio._asdict(),
            }
        )
    pairs = [
        _measure_pair(one, other, starts, is_error, genes, seed)
        for one, other in combinations(starts, 2)
    ]
    copies = _keep(copies, {"q": "p"}, fdr)
    return {
        "copies": copies,
        "pairs": _keep(pairs, {"q": "p", "distance_q": "distance_p"}, fdr),
    }


def count_apart(starts: np.ndarray, width: int) -> np.ndarray:
    """Number of hits that do not overlap, from the left, int (n,)."""
    n_hits = np.zeros(len(starts), dtype=int)
    free = np.zeros(len(starts), dtype=int)  # the next column not covered by a hit
    for column in np.flatnonzero(starts.any(axis=0)):
        is_new = starts[:, column] & (column >= free)
        n_hits += is_new
        free[is_new] = column + width
    return n_hits


def _compare(
    has_it: np.ndarray, is_error: np.ndarray, genes: np.ndarray, *beside: np.ndarray
) -> OddsRatio:
    """Odds of an error with it, beside other columns; unknown with too few sites."""
    counts = (has_it.sum(), (~has_it).sum(), is_error.sum(), (~is_error).sum())
    if min(counts) < FEWEST:
        return UNKNOWN
    columns = np.column_stack([has_it, *beside]).astype(np.float64)
    return estimate_joint(is_error, columns, genes)[0]


def _measure_pair(
    first: str,
    second: str,
    starts: Mapping[str, np.ndarray],
    is_error: np.ndarray,
    genes: np.ndarray,
    seed: int,
) -> dict[str, Any]:
    one, other = (starts[key].any(axis=1) for key in (first, second))
    both = one & other
    ratio = _compare(both, is_error, genes, one, other)
    found = {"first": first, "second": second, "n_both": int((both & is_error).sum())}
    rows = np.flatnonzero(both & is_error)
    places = [starts[key][rows].argmax(axis=1) for key in (first, second)]
    distance, n_distance, p = measure_spacing(*places, genes[rows], seed=seed)
    told = {"distance": distance, "n_distance": n_distance, "distance_p": p}
    return {**found, **ratio._asdict(), **told}


def measure_spacing(
    first: np.ndarray, second: np.ndarray, genes: np.ndarray, *, seed: int = 1
) -> tuple[int | None, int, float]:
    """Whether two words of the same sites keep a distance.

    Args:
        first: Column of one word, int (n,).
        second: That of the other.
        genes: Gene of each site, (n,); one site of each is tested: the windows of
            neighbours hold the same two words, at the same distance.
        seed: Of the permutations: each site's word with the other word of another site,
            so that where either lies by itself makes no distance.

    Returns:
        The most frequent distance, the sites within two bases of it, and the chance of
        as many; None, 0 and NaN with too few genes.
    """
    kept = np.unique(genes, return_index=True)[1]
    if len(kept) < FEWEST:
        return None, 0, np.nan
    one, other = first[kept], second[kept]
    distance, found = _find_mode(other - one)
    n_sites = int((abs(second - first - distance) <= BIN // 2).sum())
    rng = np.random.default_rng(seed)
    drawn = [_find_mode(rng.permutation(other) - one)[1] for _ in range(DRAWS)]
    return distance, n_sites, float((1 + np.sum(np.array(drawn) >= found)) / 1000)


def _find_mode(distances: np.ndarray) -> tuple[int, int]:
    low = int(distances.min()) - BIN // 2
    counts = np.bincount(distances - low, minlength=BIN)
    near = np.convolve(counts, np.ones(BIN, dtype=int), "same")
    best = int(near.argmax())
    return best + low, int(near[best])


def _keep(
    rows: list[dict[str, Any]], tests: dict[str, str], fdr: float
) -> list[dict[str, Any]]:
    """Add the q values, and keep what is significant in one of the tests."""
    for q, p in tests.items():
        adjusted = adjust_p_values(np.array([row[p] for row in rows], dtype=float))
        for row, value in zip(rows, adjusted, strict=True):
            row[q] = float(value)
    return [row for row in rows if any(row[q] <= fdr for q in tests)]
