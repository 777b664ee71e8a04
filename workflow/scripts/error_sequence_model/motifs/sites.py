"""The sites that elements are counted in, with what the counts may depend on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from error_sequence_model.features import (
    KnownElement,
    encode_bases,
    find_neighbours,
    learn_splice_sites,
)
from error_sequence_model.motifs.enrichment import SearchedSites
from error_sequence_model.statistics import number_groups
from error_sequence_model.windows import Windows

ANNOTATED = ("TP", "FN")


def gather_sites(
    split: pd.DataFrame,
    sites: pd.DataFrame,
    windows: Windows,
    *,
    error_labels: Sequence[int],
    explained: np.ndarray,
    most: int | None = None,
    seed: int = 1,
) -> SearchedSites:
    """Put sites with their windows, classes and covariates together, by site_id.

    Args:
        split: site_id and label of the sites.
        sites: All of ``sites.parquet``, indexed by site_id.
        windows: Their windows.
        error_labels: Labels that mean an error.
        explained: site_id of the sites with maps.
        most: Sites per class, drawn at random where there are more; None: all.
        seed: Of that draw.
    """
    split = split.sort_values("site_id")
    site_ids = split["site_id"].to_numpy()
    is_error = np.isin(split["label"], error_labels)
    if most is not None:
        rng = np.random.default_rng(seed)
        chosen = [
            rng.permutation(np.flatnonzero(is_error == kind))[:most]
            for kind in (False, True)
        ]
        rows = np.sort(np.concatenate(chosen))
        site_ids, is_error = site_ids[rows], is_error[rows]
    here = sites.loc[site_ids]
    is_donor = (here["splice_type"] == "donor").to_numpy()
    strata = [np.isin(site_ids, explained), is_donor]
    return SearchedSites(
        site_ids,
        encode_bases(windows.get_matrix(site_ids)),
        is_error,
        number_groups(here["gene_id"].to_numpy(dtype=object), len(here)),
        windows.upstream,
        np.column_stack(strata).astype(np.float64),
        find_neighbours(
            sites, here, upstream=windows.upstream, downstream=windows.downstream
        ),
        is_donor,
    )


def learn_elements(
    split: pd.DataFrame, sites: pd.DataFrame, windows: Windows
) -> list[KnownElement]:
    """Learn the splice sites of both types from annotated sites of training genes.

    Args:
        split: site_id and part of the contrast's sites.
        sites: All of ``sites.parquet``, indexed by site_id.
        windows: Their windows.

    Returns:
        See ``learn_splice_sites``. A gene with a site outside the training part
        teaches nothing; a site without a gene does only if it is in that part.
    """
    is_train = split["part"] == "train"
    trained = sites.loc[split.loc[is_train, "site_id"]]
    held_out = sites.loc[split.loc[~is_train, "site_id"]]
    genes = set(trained["gene_id"].dropna()) - set(held_out["gene_id"].dropna())
    is_alone = sites["gene_id"].isna() & sites.index.isin(trained.index)
    is_known = sites["gene_id"].isin(genes) | is_alone
    teachers = sites[is_known & sites["pred_type"].isin(ANNOTATED)]
    codes = encode_bases(windows.get_matrix(teachers.index.to_numpy()))
    types = teachers["splice_type"].to_numpy()
    return learn_splice_sites(codes, types, windows.upstream)
