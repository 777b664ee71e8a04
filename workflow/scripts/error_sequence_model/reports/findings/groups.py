"""Subtypes of errors: which motifs their maps show, wherever in the window these lie.

Profiles aligned on the junction would make groups of one word at many places. Two
motifs are two subtypes only if maps that show one show the other less often than they
would by chance; words that are found together, or side by side by chance, are one.
"""

from __future__ import annotations

from math import comb
from typing import NamedTuple

import numpy as np
import pandas as pd

from error_sequence_model.reports.findings.motifs import UnitMotifs

FEWEST_SITES = 12
FEWEST_MEMBERS = 4
CHANCE = 0.05  # over all pairs of motifs
NONE = "none of these motifs"


class Subtypes(NamedTuple):
    """Groups of sites.

    Attributes:
        group: Number of each site's group, 0 is the largest, int (n_sites,).
        names: What the maps of each group show.
        exemplars: Row of the site of each group whose map shows it most.
    """

    group: np.ndarray
    names: list[str]
    exemplars: list[int]


def measure_content(
    motifs: UnitMotifs | None, site_ids: np.ndarray, scaled: np.ndarray, first: int
) -> pd.DataFrame:
    """What each map has in the stretches of each motif that tells errors apart.

    Args:
        motifs: The run's motifs, or None.
        site_ids: Of the maps.
        scaled: Scaled maps, float (n_sites, length).
        first: Offset of their first base.

    Returns:
        |attribution| summed over a motif's seqlets, 0 without, float (n_sites, k).
    """
    named = [] if motifs is None else list(motifs.significant.itertuples())
    rows = pd.Series(np.arange(len(site_ids)), index=site_ids)
    content = {}
    for motif in named:
        details = motifs.details[motif.motif]
        values, width = np.zeros(len(site_ids)), len(details["matrix"])
        places = zip(details["seqlet_sites"], details["seqlet_offsets"], strict=True)
        for site, offset in places:
            if site in rows.index:
                part = scaled[rows[site], offset - first : offset - first + width]
                values[rows[site]] += np.abs(part).sum()
        content[str(motif.consensus).strip("N")] = values
    return pd.DataFrame(content, index=range(len(site_ids)))


def group_sites(content: pd.DataFrame) -> Subtypes:
    """Group sites by the motifs that their maps show.

    Args:
        content: From ``measure_content``.

    Returns:
        One group with fewer than twelve sites, or where no two motifs avoid each other.
    """
    n = len(content)
    shown = content.gt(0)
    shown = shown.loc[:, shown.sum() >= FEWEST_MEMBERS]
    parts = _part_motifs(shown) if n >= FEWEST_SITES else []
    if len(parts) < 2:
        text = " or ".join(shown.columns) or "no motif that tells errors apart"
        strongest = int(content.sum(axis=1).argmax()) if n else 0
        return Subtypes(np.zeros(n, dtype=int), [text], [strongest][:n])
    sums = np.column_stack([content[part].sum(axis=1) for part in parts])
    names = [" or ".join(part) for part in parts] + [NONE]
    group = np.where(sums.max(axis=1) > 0, sums.argmax(axis=1), len(parts))
    sums = np.column_stack([sums, -sums.max(axis=1)])
    sizes = np.bincount(group, minlength=len(names))
    order = [int(k) for k in np.argsort(-sizes, kind="stable") if sizes[k]]
    exemplars = [int(np.where(group == k, sums[:, k], -np.inf).argmax()) for k in order]
    rank = {number: place for place, number in enumerate(order)}
    return Subtypes(
        np.array([rank[number] for number in group]),
        [names[number] for number in order],
        exemplars,
    )


def _part_motifs(shown: pd.DataFrame) -> list[list[str]]:
    """Motifs in sets, each pair within a set (or through others of it) not avoiding."""
    names, n = list(shown), len(shown)
    parts = {name: {name} for name in names}
    n_pairs = max(len(names) * (len(names) - 1) // 2, 1)
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            both = int((shown[one] & shown[other]).sum())
            p = _get_chance_of_few(both, n, shown[one].sum(), shown[other].sum())
            if p > CHANCE / n_pairs:
                joined = parts[one] | parts[other]
                parts |= dict.fromkeys(joined, joined)
    distinct = {frozenset(part) for part in parts.values()}
    ordered = [[name for name in names if name in part] for part in distinct]
    return sorted(ordered, key=lambda part: names.index(part[0]))


def _get_chance_of_few(both: int, n: int, one: int, other: int) -> float:
    """Chance that at most ``both`` of n sites are in two random sets of given sizes."""
    n, one, other = int(n), int(one), int(other)
    few = range(min(both, other) + 1)
    ways = sum(comb(one, k) * comb(n - one, other - k) for k in few)
    return ways / comb(n, other)
