"""Is a sequence element more frequent at errors than at correct calls of like make-up?

Windows are base codes int (n, length), 0-3 = ACGT, 4 other; the junction is before
column ``upstream``. A stretch [start, end) is in offsets from the junction. What is
compared is whether a site has a hit in a stretch.

The odds ratio is adjusted for the base shares of the window *outside* the stretch (as
a GC-matched background would be; shares inside would be partly the element's own, and
shares inside but beside the hits are lower where there is a hit, which biases), and
for how much of the stretch lies near other candidate sites, as elements crowd there.
What composition inside the stretch gives is shown apart: the same count in copies
whose stretch is shuffled base by base. Shuffling dinucleotides of a stretch of twenty
bases would mostly rebuild the element. Whether an element is more than composition is
judged by a fit beside the letters of the stretch (``count_letters``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from error_sequence_model.features import Neighbours, keep_inside
from error_sequence_model.statistics import UNKNOWN, OddsRatio, estimate_odds_ratio

FEWEST_SITES = 10  # with and without a hit, and of each class, for a test
PRIOR_BASES = 20  # how many bases of the mean composition each window is given
COPIES = 3  # shuffles of every site


@dataclass(frozen=True)
class SearchedSites:
    """Sites whose windows are searched.

    Attributes:
        site_ids: int64 (n,).
        codes: int8 (n, length).
        is_error: bool (n,).
        genes: Gene of each site, (n,); a site without one is its own.
        upstream: Bases before the junction.
        strata: float (n, k): further covariates, such as whether a site was explained.
        neighbours: Other candidate sites in their windows, if known.
        is_donor: Whether each is a donor, bool (n,), where there are both types.
    """

    site_ids: np.ndarray
    codes: np.ndarray
    is_error: np.ndarray
    genes: np.ndarray
    upstream: int
    strata: np.ndarray
    neighbours: Neighbours | None = None
    is_donor: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.site_ids)

    def get_columns(self, start: int, end: int) -> tuple[int, int]:
        """The columns of a stretch of offsets, cut to the window."""
        length = self.codes.shape[1]
        first, last = (min(max(x + self.upstream, 0), length) for x in (start, end))
        return first, max(first, last)

    def select(self, rows: np.ndarray) -> SearchedSites:
        """Some of the sites, without their neighbours."""
        return SearchedSites(
            self.site_ids[rows],
            self.codes[rows],
            self.is_error[rows],
            self.genes[rows],
            self.upstream,
            self.strata[rows],
            is_donor=None if self.is_donor is None else self.is_donor[rows],
        )

    def find_donors(self, splice_type: str) -> np.ndarray:
        """Which sites are donors, bool (n,)."""
        if splice_type == "any" and self.is_donor is not None:
            return self.is_donor
        return np.full(len(self), splice_type == "donor")


class Enrichment(NamedTuple):
    """How often errors and correct calls have a hit in a stretch.

    Attributes:
        error_sites: Errors with a hit.
        correct_sites: Correct calls with a hit.
        odds_ratio: Adjusted; low, high and p with it. NaN: too few sites to test.
        shuffled_odds_ratio: The same in shuffled stretches: what composition gives;
            NaN: too few hits there.
        beyond_composition: Whether the same holds beside the letters of the stretch.
    """

    error_sites: int
    correct_sites: int
    odds_ratio: float
    low: float
    high: float
    p: float
    shuffled_odds_ratio: float
    beyond_composition: bool


def measure_enrichment(
    sites: SearchedSites,
    find: Callable[[np.ndarray], np.ndarray],
    width: int,
    start: int,
    end: int,
    *,
    hits: np.ndarray | None = None,
    within: np.ndarray | None = None,
    seed: int = 1,
) -> Enrichment:
    """Test whether hits in a stretch tell errors from correct calls.

    Args:
        sites: The sites.
        find: Base codes, int (n, length) -> where the element starts, bool (n, length).
        width: Bases of a hit.
        start: First offset of the stretch.
        end: Offset after it; a hit must lie wholly inside.
        hits: What ``find`` gives for the sites, if known.
        within: Composition (see ``count_letters``) that the odds ratio is adjusted for
            as well; None: that of the stretch decides ``beyond_composition`` only.
        seed: Of the shuffles.

    Returns:
        Counts and the adjusted odds ratio, clustered by gene.
    """
    first, last = sites.get_columns(start, end)
    hits = find(sites.codes) if hits is None else hits
    inside = keep_inside(hits, width, first, last)
    has_hit = inside.any(axis=1)
    counts = tuple(
        int((has_hit & mask).sum()) for mask in (sites.is_error, ~sites.is_error)
    )
    if not _is_enough(has_hit, sites.is_error):
        return Enrichment(*counts, *UNKNOWN, np.nan, False)
    covariates = get_covariates(sites, first, last)
    inside_too = count_letters(sites.codes, first, last) if within is None else within
    beside = estimate_odds_ratio(
        *(sites.is_error, has_hit, sites.genes), np.hstack([covariates, inside_too])
    )
    estimate = beside
    if within is None:
        estimate = estimate_odds_ratio(sites.is_error, has_hit, sites.genes, covariates)
    at_random = UNKNOWN
    stretch = np.tile(sites.codes[:, first:last], (COPIES, 1))
    copies = np.random.default_rng(seed).permuted(stretch, axis=1)
    has_random = find(copies).any(axis=1)
    is_error, genes = np.tile(sites.is_error, COPIES), np.tile(sites.genes, COPIES)
    if _is_enough(has_random, is_error):
        at_random = estimate_odds_ratio(is_error, has_random, genes)
    beyond = is_beyond(estimate, beside)
    return Enrichment(*counts, *estimate, at_random.odds_ratio, beyond)


def is_beyond(estimate: OddsRatio, beside: OddsRatio) -> bool:
    """Tell whether what holds still holds beside the composition, on the same side."""
    is_more = estimate.odds_ratio > 1
    return bool(beside.low > 1 if is_more else beside.high < 1)


def count_letters(codes: np.ndarray, first: int, last: int) -> np.ndarray:
    """Numbers of A, C and G in columns [first, last), float64 (n, 3).

    If classes differ in composition alone, the log-odds of an error are a sum over
    these, and given them a word says nothing of the class.
    """
    inside = codes[:, first:last]
    return np.stack([(inside == base).sum(axis=1) for base in range(3)], axis=1) * 1.0


def _is_enough(has_hit: np.ndarray, is_error: np.ndarray) -> bool:
    counts = (has_hit.sum(), (~has_hit).sum(), is_error.sum(), (~is_error).sum())
    return min(counts) >= FEWEST_SITES


def get_covariates(sites: SearchedSites, first: int, last: int) -> np.ndarray:
    """What odds ratios are adjusted for: composition, neighbours, strata; (n, k).

    Args:
        sites: The sites.
        first: First column of the stretch.
        last: Column after it.
    """
    covariates = [measure_composition(sites.codes, first, last), sites.strata]
    if sites.neighbours is not None:
        offsets = (first - sites.upstream, last - sites.upstream)
        covariates.append(sites.neighbours.cover(len(sites), *offsets))
    return np.hstack(covariates)


def measure_composition(codes: np.ndarray, first: int, last: int) -> np.ndarray:
    """Shares of A, C and G outside columns [first, last), float64 (n, 3).

    They are drawn towards the mean of all sites, as if ``PRIOR_BASES`` bases of mean
    composition were added: little is left outside a stretch that fills the window.
    """
    rest = np.concatenate([codes[:, :first], codes[:, last:]], axis=1)
    counts = np.stack([(rest == base).sum(axis=1) for base in range(4)], axis=1)
    overall = (counts.sum(axis=0) + 1) / (counts.sum() + 4)
    total = counts.sum(axis=1, keepdims=True) + PRIOR_BASES
    return ((counts + PRIOR_BASES * overall) / total)[:, :3]
