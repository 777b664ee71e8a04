"""Changes of a sequence that undo or plant a classical feature, with matched controls.

A change replaces bases where the feature lies; its control replaces as many bases of
the same region that are not the feature (see ``edits``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from error_sequence_model.features import (
    BRANCH,
    BRANCH_ADENINE,
    BRANCH_ZONE,
    OTHER_TYPE,
    TRACT_ZONE,
    Layout,
    StrengthModel,
    find_branch,
    find_hits,
    find_tract,
    parse_consensus,
    scan_decoys,
)
from error_sequence_model.verification.edits import (
    Pair,
    Site,
    protect_site,
    put_bases,
    replace_columns,
)

C, G = 1, 2
NEAR = 50  # the control of the consensus lies this near
CORE = {"donor": (-3, 6), "acceptor": (-6, 3)}
DECOYS = 3  # strongest competitors that are broken
GC_SHARE = 0.1  # of the bases of a scale whose composition is changed
SHUFFLES = 20


class Editor(NamedTuple):
    """One way to test a feature.

    Attributes:
        mode: "removed", "weakened", "lowered" or "implanted".
        what: What is done, in words.
        propose: A site -> a pair, or None where the feature is not there.
    """

    mode: str
    what: str
    propose: Callable[[Site], Pair | None]


def make_editors(
    feature: str,
    layout: Layout,
    models: Mapping[str, StrengthModel],
    elements: Mapping[str, str],
    starts: Mapping[str, np.ndarray],
) -> list[Editor]:
    """The ways to test a feature in the sequence.

    Args:
        feature: Name of a testable feature, see ``list_testable``.
        layout: The windows.
        models: Strength models by splice type.
        elements: Name -> IUPAC consensus.
        starts: For elements: columns at which training sites have hits in the bin.

    Returns:
        One or two editors.
    """
    group, *rest = feature.split(":")
    if group == "strength":
        return [Editor("weakened", "consensus replaced", _edit_strength(layout))]
    if group == "tract":
        return [Editor("weakened", "best stretch replaced", _edit_tract(layout))]
    if group == "branch":
        return [Editor("removed", "best yUnAy replaced", _edit_branch(layout))]
    if group == "decoy":
        what = f"GT or AG of the {DECOYS} strongest broken"
        return [Editor("removed", what, _edit_decoys(layout, models, rest[0]))]
    if group == "gc":
        what = f"{GC_SHARE:.0%} of the bases from G or C to A or T"
        return [Editor("lowered", what, _edit_gc(layout, rest[0]))]
    consensus = elements[rest[0]]
    place = (int(rest[1]), int(rest[2]))
    editors = [
        Editor("removed", "every hit replaced", _edit_hits(layout, consensus, place))
    ]
    if len(starts.get(feature, ())):
        what = "a hit put where training sites have one"
        propose = _implant(layout, consensus, place, starts[feature])
        editors.append(Editor("implanted", what, propose))
    return editors


def _edit_strength(layout: Layout) -> Callable[[Site], Pair | None]:
    def propose(site: Site) -> Pair | None:
        place = layout.get_slice(*CORE["donor" if site.is_donor else "acceptor"])
        columns = np.arange(place.start, place.stop)
        return replace_columns(site, layout, columns, (-NEAR, NEAR))

    return propose


def _edit_tract(layout: Layout) -> Callable[[Site], Pair | None]:
    zone = layout.get_slice(*TRACT_ZONE)

    def propose(site: Site) -> Pair | None:
        if site.is_donor:
            return None
        _, start, end = find_tract(site.codes[None, zone])
        columns = np.arange(int(start[0]), int(end[0])) + zone.start
        return replace_columns(
            site, layout, columns, (2 * TRACT_ZONE[0], TRACT_ZONE[1])
        )

    return propose


def _edit_branch(layout: Layout) -> Callable[[Site], Pair | None]:
    def propose(site: Site) -> Pair | None:
        if site.is_donor:
            return None
        _, offset = find_branch(site.codes[None], layout)
        first = int(offset[0]) - BRANCH_ADENINE + layout.upstream
        columns = np.arange(first, first + len(BRANCH))
        if offset[0] == 0 or first < 0:
            return None
        return replace_columns(
            site, layout, columns, (2 * BRANCH_ZONE[0], BRANCH_ZONE[1])
        )

    return propose


def _edit_decoys(
    layout: Layout, models: Mapping[str, StrengthModel], which: str
) -> Callable[[Site], Pair | None]:
    def propose(site: Site) -> Pair | None:
        own = "donor" if site.is_donor else "acceptor"
        splice_type = own if which == "same" else OTHER_TYPE[own]
        if splice_type not in models:
            return None
        bits = scan_decoys(site.codes[None], models[splice_type])[0]
        if which == "same":
            bits[layout.upstream] = -np.inf
        best = np.argsort(-bits, kind="stable")[:DECOYS]
        best = best[np.isfinite(bits[best])]
        first = best if splice_type == "donor" else best - 2
        columns = np.unique(np.concatenate([first, first + 1]))
        reach = (-layout.upstream, layout.downstream)
        return replace_columns(site, layout, columns, reach)

    return propose


def _edit_gc(layout: Layout, scale: str) -> Callable[[Site], Pair | None]:
    sides = {"5prime": (-layout.upstream, 0), "3prime": (0, layout.downstream)}
    start, end = sides.get(scale) or (-int(scale), int(scale))
    lowered = np.array([0, 3, 0, 3, 4], dtype=np.int8)  # C to T, G to A
    kept = np.array([3, 2, 1, 0, 4], dtype=np.int8)  # A and T, C and G change places

    def propose(site: Site) -> Pair | None:
        place = layout.get_slice(start, end)
        columns = np.arange(place.start, place.stop)
        core = layout.get_slice(*CORE["donor" if site.is_donor else "acceptor"])
        columns = columns[(columns < core.start) | (columns >= core.stop)]
        columns = columns[site.codes[columns] < 4]
        strong = columns[np.isin(site.codes[columns], (C, G))]
        number = min(max(round(GC_SHARE * len(columns)), 1), len(strong))
        if not number:
            return None
        at = site.rng.choice(strong, number, replace=False)
        instead = site.rng.choice(columns, number, replace=False)
        return Pair(
            put_bases(site.codes, at, lowered[site.codes[at]]),
            put_bases(site.codes, instead, kept[site.codes[instead]]),
        )

    return propose


def _edit_hits(
    layout: Layout, consensus: str, place: tuple[int, int]
) -> Callable[[Site], Pair | None]:
    def propose(site: Site) -> Pair | None:
        columns = layout.get_slice(*place)
        starts = np.flatnonzero(find_hits(site.codes[None], consensus)[0, columns])
        if not len(starts):
            return None
        places = starts[:, None] + columns.start + np.arange(len(consensus))
        return replace_columns(site, layout, np.unique(places), place)

    return propose


def _implant(
    layout: Layout, consensus: str, place: tuple[int, int], starts: np.ndarray
) -> Callable[[Site], Pair | None]:
    masks = parse_consensus(consensus, consensus)
    allowed = [np.flatnonzero(mask & (1 << np.arange(4))) for mask in masks]
    width = len(masks)

    def propose(site: Site) -> Pair | None:
        columns = layout.get_slice(*place)
        if find_hits(site.codes[None], consensus)[0, columns].any():
            return None
        first = int(site.rng.choice(starts))
        at = np.arange(first, first + width)
        if np.intersect1d(at, protect_site(layout, site.is_donor)).size:
            return None
        word = np.array([site.rng.choice(bases) for bases in allowed], dtype=np.int8)
        # The control: the same bases in another order, or else other ones.
        words = [site.rng.permutation(word) for _ in range(SHUFFLES)]
        for other in (*words, site.other[at]):
            control = put_bases(site.codes, at, other)
            if not find_hits(control[None], consensus)[0, columns].any():
                return Pair(put_bases(site.codes, at, word), control)
        return None

    return propose
