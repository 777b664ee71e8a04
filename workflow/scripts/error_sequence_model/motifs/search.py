"""Motifs of a model's maps, tested on held-out sites: one table, one row per motif.

What keeps the tests honest:

* Motifs are found in the maps of explained *held-out* sites of both classes together,
  without a look at their labels. A model's maps depend on its training sites only, so
  under no association the labels of held-out sites are exchangeable given everything
  that defined a motif, and its test there needs no further correction for the search.
* Training sites are never tested on: what a model has memorised of them is enriched
  there by construction, with permuted labels too.
* Explained sites were drawn class by class, so whether a site was explained is a
  covariate of every test (a motif fits the sites it was made of best).
* Benjamini and Hochberg's q is over all motifs of the table, whatever became of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from error_sequence_model.features import (
    KnownElement,
    find_matrix_hits,
    get_background,
    keep_inside,
)
from error_sequence_model.motifs.chance import find_motifs_beyond_chance
from error_sequence_model.motifs.clusters import Motif
from error_sequence_model.motifs.enrichment import (
    Enrichment,
    SearchedSites,
    measure_enrichment,
)
from error_sequence_model.motifs.known_elements import (
    NAMED,
    Match,
    list_contained,
    match_motif,
    name_family,
)
from error_sequence_model.motifs.marginalisation import (
    EFFECT_COLUMNS,
    UNKNOWN_EFFECT,
    Effect,
    Insertion,
    describe_effects,
    make_insertion,
    measure_effects,
)
from error_sequence_model.motifs.modisco import find_modisco_motifs
from error_sequence_model.motifs.seqlets import call_seqlets
from error_sequence_model.statistics import adjust_p_values, scale_maps
from error_sequence_model.windows import get_regions

MARGIN = 2  # bases that a motif's stretch reaches beyond where most seqlets lie
MOST_MOTIFS = 30
BASES = "ACGT"
# Columns of motifs.tsv; config/README.md and the report say the same.
MOTIF_COLUMNS = {
    "motif": "name: its sign and its rank by number of seqlets",
    "consensus": "IUPAC letters, 5' to 3' on the transcript strand",
    "sign": "error: its presence speaks for an error; correct: for a correct call",
    "strand": "always the transcript's: + (nothing is reverse-complemented)",
    "n_seqlets": "stretches of the maps it was made of",
    "n_sites": "explained sites they lie in",
    "offset_median": "median offset of its first base from the junction",
    "offset_low": "first offset of the shortest stretch with four fifths of them",
    "offset_high": "last offset of that stretch",
    "start": "first offset of the stretch it is counted in",
    "end": "offset after that stretch",
    "region": "named region that holds the middle of the motif",
    "element": "known element it is most like; of several the most specific one",
    "element_p": "chance that an element of random columns is as like",
    "element_q": "that over all known elements",
    "contains": "known elements that most of its seqlets hold, and the place does not",
    "family": "what may bind it: an element, several as like, or a short word's family",
    "matches": "all elements it is like, most specific first",
    "error_sites": "held-out errors with a hit in the stretch",
    "n_errors": "held-out errors",
    "correct_sites": "held-out correct calls with a hit in the stretch",
    "n_correct": "held-out correct calls",
    "odds_ratio": "odds of an error with a hit, adjusted for composition",
    "low": "lower end of its 95 % interval, clustered by gene",
    "high": "upper end of it",
    "p": "two-sided p of the odds ratio",
    "q": "Benjamini-Hochberg q over all motifs of this table",
    "significant": "whether q is at most the false discovery rate",
    "shuffled_odds_ratio": "the same in shuffled stretches: what composition gives",
    "beyond_composition": "whether it holds beside the composition of the stretch",
    **EFFECT_COLUMNS,
}


@dataclass(frozen=True)
class FoundMotifs:
    """The motifs of a run.

    Attributes:
        motifs: By row of the table.
        table: ``MOTIF_COLUMNS``.
        hits: Per motif, offsets of all its hits in held-out errors and correct calls.
        n_seqlets: Seqlets called, before clustering, by sign (1, -1); of modisco-lite
            those in motifs.
    """

    motifs: list[Motif]
    table: pd.DataFrame
    hits: list[dict[str, list[int]]]
    n_seqlets: dict[int, int]


def search_motifs(
    maps: np.ndarray,
    explained: np.ndarray,
    sites: SearchedSites,
    *,
    splice_type: str,
    elements: Sequence[KnownElement],
    predict: Callable[[list[str]], np.ndarray] | None,
    is_signed: bool = True,
    fdr: float = 0.05,
    seed: int = 1,
    caller: str = "seqlets",
) -> FoundMotifs:
    """Find motifs in maps and test them.

    Args:
        maps: Maps of the explained sites, float (m, length).
        explained: Their rows in ``sites``, int (m,).
        sites: All held-out sites.
        splice_type: donor, acceptor or any; names the regions.
        elements: Known elements to name motifs after.
        predict: Sequences -> log-odds of an error; None: no insertions.
        is_signed: Whether the maps have a sign.
        fdr: False discovery rate, of seqlets and of the table.
        seed: Of everything random.
        caller: "seqlets" (ours) or "modisco" (see ``modisco``).

    Returns:
        The motifs, significant ones first.
    """
    scaled = scale_maps(maps).astype(np.float64)
    codes = sites.codes[explained]
    how = {"fdr": fdr, "is_signed": is_signed}
    if caller == "modisco":
        motifs = find_modisco_motifs(scaled, codes, **how)
        signs = {s: sum(len(m.rows) for m in motifs if m.sign == s) for s in (1, -1)}
    else:
        seqlets = call_seqlets(maps, seed=seed, **how)
        motifs = find_motifs_beyond_chance(seqlets, scaled, codes, seed=seed)
        signs = {sign: int((seqlets["sign"] == sign).sum()) for sign in (1, -1)}
    motifs = motifs[:MOST_MOTIFS]
    searches = [_Search.run(motif, sites, seed) for motif in motifs]
    effects = [(UNKNOWN_EFFECT, UNKNOWN_EFFECT)] * len(motifs)
    if predict is not None:
        insertions = [search.make_insertion(sites) for search in searches]
        effects = measure_effects(predict, insertions, sites, seed=seed)
    matches = [match_motif(motif.matrix, elements) for motif in motifs]
    contained = [
        list_contained(
            codes,
            sites.codes[search.find_lacking()],
            *(search.motif.rows, search.motif.starts, search.motif.width, elements),
        )
        for search in searches
    ]
    families = [
        name_family(*found, elements) for found in zip(matches, contained, strict=True)
    ]
    table = pd.DataFrame(
        [
            _describe(*parts, sites, splice_type)
            for parts in zip(
                searches, matches, contained, families, effects, strict=True
            )
        ],
        columns=list(MOTIF_COLUMNS),
    )
    table["q"] = adjust_p_values(table["p"].to_numpy(dtype=float))
    table["significant"] = table["q"] <= fdr
    order = np.lexsort((-table["n_seqlets"], table["p"].astype(float).fillna(2.0)))
    hits = [search.list_hits(sites) for search in searches]
    return FoundMotifs(
        [motifs[i] for i in order],
        _name(table.iloc[order].reset_index(drop=True)),
        [hits[i] for i in order],
        signs,
    )


def _name(table: pd.DataFrame) -> pd.DataFrame:
    table["motif"] = [
        f"{sign}_{number}" for number, sign in enumerate(table["sign"], start=1)
    ]
    return table


@dataclass(frozen=True)
class _Search:
    """A motif looked for in the held-out windows."""

    motif: Motif
    packed: np.ndarray  # hits (n, length), eight to a byte: those of all are held
    length: int
    first: int  # columns of the stretch
    last: int
    enrichment: Enrichment

    @classmethod
    def run(cls, motif: Motif, sites: SearchedSites, seed: int) -> _Search:
        length = sites.codes.shape[1]
        low, high = motif.place
        first = max(low - MARGIN, 0)
        last = min(high + motif.width + MARGIN, length)
        # What the place is made of, in both classes, is what a hit must stand out from.
        background = get_background(sites.codes[:, first:last])
        find = partial(find_matrix_hits, matrix=motif.matrix, background=background)
        hits = find(sites.codes)
        enrichment = measure_enrichment(
            sites,
            find,
            motif.width,
            first - sites.upstream,
            last - sites.upstream,
            hits=hits,
            seed=seed,
        )
        packed = np.packbits(hits, axis=1)
        return cls(motif, packed, length, first, last, enrichment)

    def make_insertion(self, sites: SearchedSites) -> Insertion:
        starts = self.motif.starts
        usual = (starts >= self.first) & (starts + self.motif.width <= self.last)
        return make_insertion(self.motif.matrix, starts[usual], self.inside, sites)

    @property
    def hits(self) -> np.ndarray:
        """Hits anywhere in the windows, bool (n, length)."""
        return np.unpackbits(self.packed, axis=1, count=self.length).view(bool)

    @property
    def inside(self) -> np.ndarray:
        """Hits at its place, bool (n, length)."""
        return keep_inside(self.hits, self.motif.width, self.first, self.last)

    def find_lacking(self) -> np.ndarray:
        """Rows of the sites without it at its place, int (k,)."""
        return np.flatnonzero(~self.inside.any(axis=1))

    def list_hits(self, sites: SearchedSites) -> dict[str, list[int]]:
        """Offsets of the hits' first bases, anywhere in the windows."""
        hits = self.hits
        columns = {
            "error": np.nonzero(hits[sites.is_error])[1],
            "correct": np.nonzero(hits[~sites.is_error])[1],
        }
        return {
            name: np.sort(found - sites.upstream).tolist()
            for name, found in columns.items()
        }


def _describe(
    search: _Search,
    matches: list[Match],
    contained: list[str],
    family: str,
    effects: tuple[Effect, Effect],
    sites: SearchedSites,
    splice_type: str,
) -> dict[str, object]:
    motif, found = search.motif, search.enrichment
    offsets = motif.starts - sites.upstream
    length = sites.codes.shape[1]
    middle = int(np.median(offsets)) + motif.width // 2
    low, high = motif.place
    match = next(iter(matches), None)
    like = [f"{match.name} (q {match.q:.2g})" for match in matches if match.q <= NAMED]
    return {
        "consensus": motif.consensus,
        "sign": "error" if motif.sign > 0 else "correct",
        "strand": "+",
        "n_seqlets": len(motif.rows),
        "n_sites": len(np.unique(motif.rows)),
        "offset_median": int(np.median(offsets)),
        "offset_low": low - sites.upstream,
        "offset_high": high - sites.upstream,
        "start": search.first - sites.upstream,
        "end": search.last - sites.upstream,
        "region": name_region(middle, splice_type, sites.upstream, length),
        "element": match.name if match else None,
        "element_p": match.p if match else np.nan,
        "element_q": match.q if match else np.nan,
        "contains": ", ".join(contained),
        "family": family,
        "matches": ", ".join(like),
        "error_sites": found.error_sites,
        "n_errors": int(sites.is_error.sum()),
        "correct_sites": found.correct_sites,
        "n_correct": int((~sites.is_error).sum()),
        "odds_ratio": found.odds_ratio,
        "low": found.low,
        "high": found.high,
        "p": found.p,
        "shuffled_odds_ratio": found.shuffled_odds_ratio,
        "beyond_composition": found.beyond_composition,
        **describe_effects(*effects),
    }


def name_region(offset: int, splice_type: str, upstream: int, length: int) -> str:
    """Key of the smallest named region that holds an offset; else its side."""
    regions = [
        region
        for region in get_regions(splice_type, upstream, length - upstream)
        if region.start <= offset < region.end
    ]
    if regions:
        return min(regions, key=lambda r: r.end - r.start).key
    return "upstream" if offset < 0 else "downstream"
