"""Known elements, tested directly: each one, in each region, errors against correct.

Nothing here comes from a model but the mean attribution, so the counts use all sites of
the contrast (training sites too: an element fixed beforehand cannot be fitted to them)
and say what the data hold, whether or not the model has learnt it. Only the elements
``splice_donor`` and ``splice_acceptor`` are learnt, from annotated training sites.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.features import (
    OWN,
    TRACT,
    KnownElement,
    cover_hits,
    find_element_hits,
    find_placed_hits,
    keep_inside,
)
from error_sequence_model.motifs.enrichment import (
    SearchedSites,
    count_letters,
    get_covariates,
    measure_enrichment,
)
from error_sequence_model.motifs.marginalisation import (
    EFFECT_COLUMNS,
    Predict,
    describe_effects,
    make_insertion,
    measure_effects,
)
from error_sequence_model.statistics import adjust_p_values, estimate_odds_ratio
from error_sequence_model.windows import WIDE, Region, get_regions

FEWEST_HITS = 5  # in the maps of a class, for a mean attribution
ANY_REGIONS = (
    Region("distal_upstream", "< −50", -WIDE, -50),
    Region("upstream", "−50..−1", -50, 0),
    Region("downstream", "+1..+50", 0, 50),
    Region("distal_downstream", "> +50", 50, WIDE),
)
# Columns of elements.tsv.
ELEMENT_COLUMNS = {
    "element": "name",
    "factor": "what binds it",
    "consensus": "IUPAC letters on the transcript strand",
    "region": "named region around the junction",
    "start": "first offset of the region",
    "end": "offset after it",
    "error_sites": "errors with a hit in the region",
    "n_errors": "errors",
    "correct_sites": "correct calls with a hit in the region",
    "n_correct": "correct calls",
    "odds_ratio": "odds of an error with a hit, adjusted for composition, also inside",
    "low": "lower end of its 95 % interval, clustered by gene",
    "high": "upper end of it",
    "p": "two-sided p of the odds ratio",
    "q": "Benjamini-Hochberg q over all elements and regions",
    "significant": "whether q is at most the false discovery rate",
    "shuffled_odds_ratio": "the same in shuffled regions: what composition gives",
    "beyond_composition": "whether low and high lie on one side of 1",
    "offset_median": "median offset of the hits' first base in errors",
    "attribution_error": "mean scaled attribution per base of the hits, errors",
    "attribution_correct": "the same in correct calls",
    "explained_by": "a more significant element that accounts for it",
    **EFFECT_COLUMNS,
    "place": "where the element usually lies",
    "reference": "where the element is from",
}


def list_regions(splice_type: str, upstream: int, length: int) -> list[Region]:
    """Regions that elements are counted in, clipped to the window."""
    regions = get_regions(splice_type, upstream, length - upstream)
    if regions:
        return regions
    clipped = (
        r._replace(start=max(r.start, -upstream), end=min(r.end, length - upstream))
        for r in ANY_REGIONS
    )
    return [region for region in clipped if region.end > region.start]


def measure_elements(
    elements: Sequence[KnownElement],
    sites: SearchedSites,
    *,
    splice_type: str,
    explained: SearchedSites | None = None,
    scaled: np.ndarray | None = None,
    fdr: float = 0.05,
    seed: int = 1,
) -> pd.DataFrame:
    """Test every element in every region.

    Args:
        elements: The elements.
        sites: All sites of the contrast.
        splice_type: donor, acceptor or any.
        explained: Sites with maps, or None.
        scaled: Their scaled maps, float (m, length).
        fdr: False discovery rate of the table.
        seed: Of the shuffles.

    Returns:
        ``ELEMENT_COLUMNS``, most significant first; pairs with too few sites with or
        without a hit are listed with NaN.
    """
    regions = list_regions(splice_type, sites.upstream, sites.codes.shape[1])
    rows = []
    for element in elements:
        hits = _find(sites, element, splice_type)
        covered = None
        if explained is not None and scaled is not None:
            covered = _find(explained, element, splice_type)
        for region in regions:
            if not _is_placed(element, region, splice_type):
                continue
            found = measure_enrichment(
                sites,
                partial(find_element_hits, element=element),
                element.width,
                region.start,
                region.end,
                hits=hits,
                within=count_own_letters(sites, region, splice_type),
                seed=seed,
            )
            rows.append(
                {
                    **_describe(element, region, sites),
                    **found._asdict(),
                    "offset_median": _get_median(sites, hits, element, region),
                    **_get_attribution(explained, scaled, covered, element, region),
                }
            )
    table = pd.DataFrame(rows, columns=list(ELEMENT_COLUMNS))
    table["q"] = adjust_p_values(table["p"].to_numpy(dtype=float))
    table["significant"] = table["q"] <= fdr
    table = table.sort_values(["p", "element", "region"], ignore_index=True)
    table["explained_by"] = _explain(table, elements, sites, splice_type)
    return table


def add_effects(
    table: pd.DataFrame,
    elements: Sequence[KnownElement],
    held_out: SearchedSites,
    predict: Predict,
    splice_type: str,
    *,
    seed: int = 1,
) -> pd.DataFrame:
    """Edit the significant elements in held-out sites: does the model answer to them?

    Args:
        table: From ``measure_elements``.
        elements: The elements.
        held_out: Held-out sites.
        predict: Sequences -> log-odds of an error.
        splice_type: donor, acceptor or any.
        seed: Of the edits.
    """
    rows = table.index[table["significant"] & table["explained_by"].isna()]
    by_name = {element.name: element for element in elements}
    insertions = []
    for row in table.loc[rows].itertuples():
        element = by_name[row.element]
        columns = held_out.get_columns(row.start, row.end)
        hits = _find(held_out, element, splice_type)
        hits = keep_inside(hits, element.width, *columns)
        starts = np.nonzero(hits)[1]
        insertions.append(make_insertion(element.matrix, starts, hits, held_out))
    effects = measure_effects(predict, insertions, held_out, seed=seed)
    found = pd.DataFrame([describe_effects(*pair) for pair in effects], rows)
    return table.assign(**found.reindex(table.index))


def _find(sites: SearchedSites, element: KnownElement, splice_type: str) -> np.ndarray:
    is_donor = sites.find_donors(splice_type)
    return find_placed_hits(sites.codes, element, sites.upstream, is_donor)


def _is_placed(element: KnownElement, region: Region, splice_type: str) -> bool:
    """Whether an element's zone reaches into a region."""
    if not element.zones:
        return True
    types = ("donor", "acceptor") if splice_type == "any" else (splice_type,)
    zones = [element.zones[name] for name in types if name in element.zones]
    return any(start < region.end and end > region.start for start, end in zones)


def count_own_letters(
    sites: SearchedSites, region: Region, splice_type: str
) -> np.ndarray:
    """What an element's odds ratio is adjusted for: letters of region and tract.

    The site's own consensus is left out of the region, and what of an acceptor's
    polypyrimidine tract lies outside it is counted beside it: (n, 6).
    """
    first, last = sites.get_columns(region.start, region.end)
    codes, is_donor = sites.codes.copy(), sites.find_donors(splice_type)
    for name, rows in (("donor", is_donor), ("acceptor", ~is_donor)):
        own = slice(*sites.get_columns(*OWN[name]))
        codes[rows, own] = 4
    inside = count_letters(codes, first, last)
    codes[:, first:last] = 4
    codes[is_donor] = 4
    return np.hstack([inside, count_letters(codes, *sites.get_columns(*TRACT))])


def _describe(
    element: KnownElement, region: Region, sites: SearchedSites
) -> dict[str, object]:
    return {
        "element": element.name,
        "factor": element.factor,
        "consensus": element.letters,
        "region": region.key,
        "start": region.start,
        "end": region.end,
        "n_errors": int(sites.is_error.sum()),
        "n_correct": int((~sites.is_error).sum()),
        "place": element.place,
        "reference": element.reference,
    }


def _get_inside(
    sites: SearchedSites, hits: np.ndarray, element: KnownElement, region: Region
) -> np.ndarray:
    columns = sites.get_columns(region.start, region.end)
    return keep_inside(hits, element.width, *columns)


def _get_median(
    sites: SearchedSites, hits: np.ndarray, element: KnownElement, region: Region
) -> float:
    inside = _get_inside(sites, hits, element, region)
    columns = np.nonzero(inside[sites.is_error])[1]
    return float(np.median(columns) - sites.upstream) if len(columns) else np.nan


def _get_attribution(
    explained: SearchedSites | None,
    scaled: np.ndarray | None,
    hits: np.ndarray | None,
    element: KnownElement,
    region: Region,
) -> dict[str, float]:
    means = {"attribution_error": np.nan, "attribution_correct": np.nan}
    if explained is None or scaled is None or hits is None:
        return means
    inside = _get_inside(explained, hits, element, region)
    covered = cover_hits(inside, element.width)
    for name, mask in (("error", explained.is_error), ("correct", ~explained.is_error)):
        if inside[mask].sum() >= FEWEST_HITS:
            means[f"attribution_{name}"] = float(scaled[mask][covered[mask]].mean())
    return means


def _explain(
    table: pd.DataFrame,
    elements: Sequence[KnownElement],
    sites: SearchedSites,
    splice_type: str,
) -> list[str | None]:
    """For each significant row, a more significant element that accounts for it.

    Elements share letters (GGG is part of UAGGGU), and where one lies there is less
    room for others. A row is another's finding, in a region that overlaps, if most of
    its hits' bases (in the class that has more of them) are that element's too, or if
    its association is gone (p > 0.05) once that element is in the model.
    """
    by_name = {element.name: element for element in elements}
    explained: list[str | None] = [None] * len(table)
    own: list[_Finding] = []
    for row in table[table["significant"]].itertuples():
        finding = _Finding.make(row, by_name[row.element], sites, splice_type)
        above = [other for other in own if finding.is_part_of(other, sites)]
        if above:
            explained[row.Index] = above[0].name
        else:
            own.append(finding)
    return explained


@dataclass(frozen=True)
class _Finding:
    """A significant row: its hits, and what its odds ratio is adjusted for."""

    name: str
    start: int
    end: int
    has_hit: np.ndarray  # bool (n,)
    covered: np.ndarray  # bool (n, length), in the class that has more of it
    covariates: np.ndarray

    @classmethod
    def make(
        cls, row: Any, element: KnownElement, sites: SearchedSites, splice_type: str
    ) -> _Finding:
        first, last = sites.get_columns(row.start, row.end)
        hits = _find(sites, element, splice_type)
        hits = keep_inside(hits, element.width, first, last)
        covered = cover_hits(hits, element.width)
        covariates = get_covariates(sites, first, last)
        covered[sites.is_error != (row.odds_ratio > 1)] = False
        has_hit = hits.any(axis=1)
        return cls(row.element, row.start, row.end, has_hit, covered, covariates)

    def is_part_of(self, other: _Finding, sites: SearchedSites) -> bool:
        overlaps = min(self.end, other.end) > max(self.start, other.start)
        if other.name == self.name or not overlaps:
            return False
        shared = (self.covered & other.covered).sum()
        if shared >= 0.5 * max(self.covered.sum(), 1):
            return True
        both = np.column_stack([self.covariates, other.has_hit])
        beside = estimate_odds_ratio(sites.is_error, self.has_hit, sites.genes, both)
        return not beside.p <= 0.05
