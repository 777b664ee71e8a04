"""Joining rows into groups by pairs, and by overlap of intervals."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components


def join_pairs(n: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the connected component of each of ``n`` rows.

    Args:
        n: Number of rows.
        first: int64 ``(n_pairs,)`` rows.
        second: int64 ``(n_pairs,)`` the row each is joined to.

    Returns:
        int64 ``(n,)`` component numbers, in order of first appearance.
    """
    links = np.ones(len(first), dtype=np.int8)
    graph = coo_matrix((links, (first, second)), shape=(n, n))
    _, labels = connected_components(graph, directed=False)
    return number_groups(labels)


def number_groups(labels: np.ndarray) -> np.ndarray:
    """Renumber labels 0, 1, … in order of first appearance."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first))
    return rank[inverse]


def link_equal(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Link rows of equal value to their neighbour in sorted order.

    Args:
        values: ``(n,)``; rows of one value end up in one component.

    Returns:
        ``(first, second)`` row pairs, fewer than ``n``.
    """
    order = np.argsort(values, kind="stable")
    is_same = values[order][1:] == values[order][:-1]
    return order[:-1][is_same], order[1:][is_same]


def link_overlaps(
    chroms: np.ndarray, starts: np.ndarray, ends: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Link intervals that overlap (share a base) on one contig.

    Args:
        chroms: ``(n,)`` contig codes (int).
        starts: int64 ``(n,)``, 0-based.
        ends: int64 ``(n,)``, exclusive.

    Returns:
        ``(first, second)`` row pairs whose components are those of all overlaps.
    """
    order = np.lexsort((starts, chroms))
    chrom, start, end = chroms[order], starts[order], ends[order]
    if not len(order):
        return order, order
    # The furthest end so far on this contig and the row that has it: a row that
    # starts before it overlaps that row. Contigs are laid end to end for one scan.
    span = int(end.max() - start.min()) + 1
    offset = (np.cumsum(np.diff(chrom, prepend=chrom[0]) != 0)) * span
    reach = np.maximum.accumulate(end + offset)
    holder = np.maximum.accumulate(
        np.where(end + offset == reach, np.arange(len(order)), 0)
    )
    is_joined = (start + offset)[1:] < reach[:-1]
    return order[1:][is_joined], order[holder[:-1][is_joined]]
