"""Other candidate sites in the window of a site: elements there may be theirs.

Offsets count from a site's junction in its transcript's direction; a neighbour's is
that of its junction.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

REACH = 50  # nt from a site within which elements are taken to be about it


class Neighbours(NamedTuple):
    """Pairs of a site and another one within or near its window.

    Attributes:
        rows: Row of the site, int (k,).
        offsets: Offset of the other one's junction, int (k,).
        is_donor: Whether the other one is a donor, bool (k,).
    """

    rows: np.ndarray
    offsets: np.ndarray
    is_donor: np.ndarray

    def cover(self, n_sites: int, start: int, end: int) -> np.ndarray:
        """Share of the stretch [start, end) near another donor, or another acceptor.

        Returns:
            float64 (n_sites, 2); bases near two of a kind count twice, up to 1.
        """
        first = np.maximum(self.offsets - REACH, start)
        last = np.minimum(self.offsets + REACH, end)
        bases = np.maximum(last - first, 0)
        shares = [
            np.bincount(self.rows[kind], bases[kind], minlength=n_sites)
            for kind in (self.is_donor, ~self.is_donor)
        ]
        return np.minimum(np.column_stack(shares) / max(end - start, 1), 1.0)


def find_neighbours(
    sites: pd.DataFrame, here: pd.DataFrame, *, upstream: int, downstream: int
) -> Neighbours:
    """Find the other sites of the same strand in or near each site's window.

    Args:
        sites: All sites: chrom, junction, strand, splice_type.
        here: The sites in question, the same columns; rows in their order.
        upstream: Bases of a window before the junction.
        downstream: Bases after it.
    """
    rows, offsets, is_donor = [], [], []
    own = here.assign(row=np.arange(len(here)))
    others = dict(list(sites.groupby(["chrom", "strand"])))
    for key, group in own.groupby(["chrom", "strand"]):
        there = others[key].sort_values("junction", kind="stable")
        places = there["junction"].to_numpy()
        donors = (there["splice_type"] == "donor").to_numpy()
        before, after = upstream + REACH, downstream + REACH
        if key[1] == "-":
            before, after = after, before
        junctions = group["junction"].to_numpy()
        first = np.searchsorted(places, junctions - before)
        last = np.searchsorted(places, junctions + after, side="right")
        counts = last - first
        index = np.arange(counts.sum()) + np.repeat(
            first - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts
        )
        shift = places[index] - np.repeat(junctions, counts)
        is_other = shift != 0
        rows.append(np.repeat(group["row"].to_numpy(), counts)[is_other])
        offsets.append((shift if key[1] == "+" else -shift)[is_other])
        is_donor.append(donors[index][is_other])
    empty = [np.zeros(0, dtype=int)]
    return Neighbours(
        np.concatenate(rows or empty),
        np.concatenate(offsets or empty),
        np.concatenate(is_donor or [np.zeros(0, dtype=bool)]),
    )
