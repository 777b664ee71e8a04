"""Which sites must stay together in a split, and how groups are dealt out to parts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from error_sequence_model.core import InputError
from error_sequence_model.settings import SplitSettings
from error_sequence_model.splits.components import (
    join_pairs,
    link_equal,
    link_overlaps,
    number_groups,
)
from error_sequence_model.splits.homology import hash_windows
from error_sequence_model.splits.near_copies import NearCopies
from error_sequence_model.splits.relatives import link_relatives


def group_sites(
    sites: pd.DataFrame,
    windows: np.ndarray,
    settings: SplitSettings,
    families: np.ndarray | None = None,
) -> np.ndarray:
    """Return the group of each site.

    Args:
        sites: With chrom, start, end (window interval) and gene_id.
        windows: uint8 ``(n, length)`` ASCII.
        settings: ``by`` decides: the column's values; genes, joined where their spans
            (first to last window) overlap on either strand; or such genes, joined into
            gene families where windows of theirs are of one family.
        families: Of ``find_families``, where they are known.

    Returns:
        int64 ``(n,)`` group numbers.
    """
    if settings.by == "chromosome":
        return pd.factorize(get_column(sites, settings.column))[0].astype(np.int64)
    links = _link_genes(sites)
    first, second = (np.concatenate(side) for side in zip(*links, strict=True))
    groups = join_pairs(len(sites), first, second)
    if settings.by != "homology":
        return groups
    if families is None:
        families = find_families(windows, settings.similarity)
    return _join_families(groups, families, int(settings.least_share * len(sites)))


def find_families(windows: np.ndarray, similarity: float) -> np.ndarray:
    """Number the families of windows: equal, near-copies or relatives, in chains.

    Args:
        windows: uint8 ``(n, length)`` ASCII.
        similarity: From which similarity windows are near-copies.

    Returns:
        int64 ``(n,)``.
    """
    links = [link_equal(hash_windows(windows)), NearCopies(windows, similarity).link()]
    first, second = (np.concatenate(side) for side in zip(*links, strict=True))
    copies = join_pairs(len(windows), first, second)
    links += [link_relatives(windows, copies)]
    first, second = (np.concatenate(side) for side in zip(*links, strict=True))
    return join_pairs(len(windows), first, second)


def _join_families(groups: np.ndarray, families: np.ndarray, most: int) -> np.ndarray:
    """Join groups that share a family, unless more than so many sites would be one.

    Families of few groups go first. A repeat that lies in genes of all kinds would
    chain them up; its windows are kept apart by the leak filter instead.

    Args:
        groups: int64 ``(n,)``.
        families: int64 ``(n,)``.
        most: Sites of a joined group.

    Returns:
        int64 ``(n,)``.
    """
    pairs = np.unique(np.stack([families, groups], axis=1), axis=0)
    starts = np.flatnonzero(np.diff(pairs[:, 0], prepend=-1))
    members = np.split(pairs[:, 1], starts[1:])
    owner, size = np.arange(groups.max() + 1), np.bincount(groups)

    def find_owner(group: int) -> int:
        while owner[group] != group:
            owner[group] = owner[owner[group]]
            group = owner[group]
        return group

    for several in sorted((m for m in members if len(m) > 1), key=len):
        owners = sorted({find_owner(group) for group in several})
        if (total := size[owners].sum()) <= most:
            owner[owners] = owners[0]
            size[owners[0]] = total
    return number_groups(np.array([find_owner(g) for g in range(len(owner))])[groups])


def get_column(sites: pd.DataFrame, column: str) -> pd.Series:
    """Return the column that is split by, as text; nulls are refused."""
    if column not in sites:
        raise InputError(
            f"splits.column is {column!r}, which sites.parquet does not have; its "
            f"columns are {[c for c in sites if c not in ('start', 'end', 'label')]}"
        )
    values = sites[column]
    if values.isna().any():
        raise InputError(
            f"splits.column {column!r} is empty for {int(values.isna().sum())} sites; "
            "choose another column"
        )
    return values.astype("str")


def _link_genes(sites: pd.DataFrame) -> list[tuple[np.ndarray, np.ndarray]]:
    """Link sites of one gene, of overlapping genes, and with overlapping windows."""
    chroms = pd.factorize(sites["chrom"])[0]
    starts, ends = sites["start"].to_numpy(), sites["end"].to_numpy()
    rows = np.arange(len(sites))
    column = sites["gene_ids"] if "gene_ids" in sites else sites["gene_id"]
    # Overlapping genes share sites, whose ids are joined with commas. A site without a
    # gene is a gene of its own.
    named = column.astype("str").str.split(",").explode()
    names = named.to_numpy(dtype=object, na_value=None)
    of_site = pd.Series(rows, sites.index).loc[named.index].to_numpy()
    names = [
        row if name is None else name for row, name in zip(of_site, names, strict=True)
    ]
    codes = pd.factorize(pd.Series(names, dtype=object))[0]
    first, second = link_equal(codes)
    links = [
        (of_site[first], of_site[second]),
        link_overlaps(chroms, starts, ends),
    ]
    spans = (
        pd.DataFrame(
            {
                **{"gene": codes, "chrom": chroms[of_site], "row": of_site},
                **{"start": starts[of_site], "end": ends[of_site]},
            }
        )
        .groupby(["gene", "chrom"], sort=False)
        .agg(start=("start", "min"), end=("end", "max"), row=("row", "first"))
        .reset_index()
    )
    first, second = link_overlaps(
        spans["chrom"].to_numpy(), spans["start"].to_numpy(), spans["end"].to_numpy()
    )
    owner = spans["row"].to_numpy()
    links.append((owner[first], owner[second]))
    return links


def deal_groups(
    groups: np.ndarray, labels: np.ndarray, shares: np.ndarray, seed: int
) -> np.ndarray:
    """Deal whole groups out to bins so that every class fills them evenly.

    The largest groups go first, each to the bin that its classes have filled least.

    Args:
        groups: int ``(n,)`` group numbers.
        labels: int ``(n,)`` classes.
        shares: float ``(n_bins,)`` wanted share of the sites per bin.
        seed: Decides the order of groups of one size.

    Returns:
        int64 ``(n,)`` bin of each site.
    """
    groups = number_groups(groups)
    n_groups, n_classes = int(groups.max()) + 1, int(labels.max()) + 1
    counts = np.zeros((n_groups, n_classes))
    np.add.at(counts, (groups, labels), 1)
    counts /= np.maximum(counts.sum(axis=0), 1)
    shuffled = np.random.default_rng(seed).permutation(n_groups)
    order = shuffled[np.argsort(-counts.sum(axis=1)[shuffled], kind="stable")]
    filled = np.zeros((len(shares), n_classes))
    bins = np.empty(n_groups, dtype=np.int64)
    for group in order:
        load = ((filled + counts[group]) / shares[:, None]) @ counts[group]
        bins[group] = int(np.argmin(load))
        filled[bins[group]] += counts[group]
    _fill_empty_bins(bins, counts, shares)
    return bins[groups]


def _fill_empty_bins(bins: np.ndarray, counts: np.ndarray, shares: np.ndarray) -> None:
    """Give a bin left without a group the one that suits its share best (in place)."""
    for empty in np.flatnonzero(np.bincount(bins, minlength=len(shares)) == 0):
        donor = np.bincount(bins, minlength=len(shares)).argmax()
        held = np.flatnonzero(bins == donor)
        if len(held) < 2:
            return
        # Prefer groups that have every class, then the size wanted.
        lacks = (counts[held] == 0).any(axis=1)
        misfit = np.abs(counts[held].mean(axis=1) - shares[empty])
        bins[held[np.lexsort((misfit, lacks))[0]]] = empty
