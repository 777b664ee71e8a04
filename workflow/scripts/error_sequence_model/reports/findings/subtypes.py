"""Subtypes: groups of sites whose maps are alike, each with an exemplar by rule.

Maps are float (n_sites, length), aligned on the junction. Two maps are compared by
shape, not size: averaged over bins of a few bases and scaled to unit length.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist, squareform

BIN = 4  # bases
FEWEST_SITES = 12
FEWEST_MEMBERS = 4
MOST_GROUPS = 5
CLEAR = 0.1  # mean silhouette from which groups count as told apart


class Subtypes(NamedTuple):
    """Groups of maps.

    Attributes:
        group: Number of each site's group, 0 is the largest, int (n_sites,).
        exemplars: Row of each group's medoid, the site nearest to all others of it.
        distance: Mean distance of each site to the others of its group, (n_sites,).
        silhouette: Mean silhouette of the grouping; NaN for one group.
    """

    group: np.ndarray
    exemplars: list[int]
    distance: np.ndarray
    silhouette: float


def group_maps(maps: np.ndarray) -> Subtypes:
    """Group maps by Ward's method; as many groups as are told apart best.

    Args:
        maps: float (n_sites, length).

    Returns:
        One group where there are fewer than twelve sites, or where the mean silhouette
        of no grouping into two to five reaches 0.1.
    """
    shapes = get_shapes(maps)
    n = len(shapes)
    distances = squareform(pdist(shapes)) if n > 1 else np.zeros((n, n))
    best, silhouette = np.zeros(n, dtype=np.int64), np.nan
    if n >= FEWEST_SITES:
        tree = linkage(shapes, method="ward")
        for number in range(2, MOST_GROUPS + 1):
            groups = fcluster(tree, number, criterion="maxclust") - 1
            sizes = np.bincount(groups)
            if len(sizes) < 2 or sizes.min() < FEWEST_MEMBERS:
                continue
            width = measure_silhouette(distances, groups)
            if width >= CLEAR and not width <= silhouette:
                best, silhouette = groups, width
    order = np.argsort(-np.bincount(best), kind="stable") if n else np.zeros(0, int)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    group = rank[best] if n else best
    mean_distance = np.array(
        [distances[row, group == group[row]].sum() for row in range(n)]
    ) / np.maximum(np.bincount(group)[group] - 1, 1)
    exemplars = []
    for number in range(len(order)):
        members = np.flatnonzero(group == number)
        exemplars.append(int(members[np.argmin(mean_distance[members])]))
    return Subtypes(group, exemplars, mean_distance, float(silhouette))


def get_shapes(maps: np.ndarray) -> np.ndarray:
    """Maps averaged over bins and scaled to unit length, float (n_sites, bins)."""
    length = maps.shape[1]
    bins = max(length // BIN, 1)
    edges = np.linspace(0, length, bins + 1).astype(int)[:-1]
    shapes = np.add.reduceat(maps.astype(np.float64), edges, axis=1) / BIN
    size = np.linalg.norm(shapes, axis=1, keepdims=True)
    return shapes / np.where(size > 0, size, 1.0)


def measure_silhouette(distances: np.ndarray, groups: np.ndarray) -> float:
    """Mean silhouette (Rousseeuw 1987): how much nearer the own group is, −1 to 1."""
    sizes = np.bincount(groups)
    sums = np.stack(
        [distances[:, groups == number].sum(axis=1) for number in range(len(sizes))],
        axis=1,
    )
    rows = np.arange(len(groups))
    own = sums[rows, groups] / np.maximum(sizes[groups] - 1, 1)
    others = sums / sizes
    others[rows, groups] = np.inf
    nearest = others.min(axis=1)
    widths = (nearest - own) / np.maximum(np.maximum(nearest, own), 1e-12)
    widths[sizes[groups] == 1] = 0.0
    return float(widths.mean())
