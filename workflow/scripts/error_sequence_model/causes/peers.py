"""Predictors of one genome side by side: errors that they share and that are private.

A site is one row whatever predictor has it. An annotated site is *missed* by a
predictor that has it as FN; a place without annotation is *invented* by one that has it
as FP, and not by one that judged its contig and did not call it. Chance agreement is
over annotated sites for what is missed; for what is invented the universe is the
places that any of them called, or looked at as decoys.

`peers.parquet`, one row per site: chrom, junction, strand, splice_type, kind (missed or
invented), site_id and gene_id (of the predictor in question, or the first that has it),
one nullable boolean per predictor: whether it errs there.
`peers.tsv`, one row per pair, kind and splice type: first, second, contexts (nt on both
sides together, where known), counts, kappa with its interval, shared.
`peer_contrasts.tsv`, one row per flag and contrast among the errors of the predictor in
question: kind, contrast, positive and negative in words, flag, n_ and share_ of both,
odds_ratio, low, high, p, q.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from error_sequence_model.core import InputError
from error_sequence_model.genome import SITE
from error_sequence_model.statistics import (
    adjust_p_values,
    measure_agreement,
    measure_odds_ratios,
    number_groups,
)

logger = logging.getLogger(__name__)

# Kind of error: what is judged, and the call that is the error.
KINDS = {"missed": (("TP", "FN"), "FN"), "invented": (("FP", "TN"), "FP")}
KIND_OF = {error: kind for kind, (_, error) in KINDS.items()}


class ComparedPeers(NamedTuple):
    """What ``compare_peers`` finds; see the top for the tables."""

    sites: pd.DataFrame
    pairs: pd.DataFrame
    contrasts: pd.DataFrame


def compare_peers(
    tables: Mapping[str, pd.DataFrame],
    *,
    flags: Mapping[str, pd.DataFrame] | None = None,
    contexts: Mapping[str, int] | None = None,
    draws: int = 500,
    seed: int = 1,
) -> ComparedPeers:
    """Compare the errors of predictors.

    Args:
        tables: ``sites.parquet`` by predictor, the one in question first.
        flags: By kind of error: site_id and a nullable boolean per cause of the first
            predictor's errors.
        contexts: Bases that a predictor sees around a site, both sides together.
        draws: Bootstrap draws over genes.
        seed: Their seed.

    Raises:
        InputError: Fewer than two predictors.
    """
    if len(tables) < 2:
        raise InputError(f"peers: {list(tables)} are not two predictors")
    sites = pd.concat([_join(tables, kind) for kind in KINDS], ignore_index=True)
    names = list(tables)
    drawing = {"draws": draws, "seed": seed}
    pairs = [
        _measure_pair(sites, kind, splice_type, pair, contexts or {}, drawing)
        for kind, splice_type, pair in itertools.product(
            KINDS, ("donor", "acceptor"), itertools.combinations(names, 2)
        )
    ]
    rows = [
        _contrast_errors(sites[sites["kind"] == kind], names, kind, table)
        for kind, table in (flags or {}).items()
    ]
    contrasts = pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()
    if len(contrasts):
        contrasts["q"] = adjust_p_values(contrasts["p"].to_numpy())
    logger.info("%s: %d sites compared", ", ".join(names), len(sites))
    return ComparedPeers(sites, pd.DataFrame(pairs), contrasts)


def _join(tables: Mapping[str, pd.DataFrame], kind: str) -> pd.DataFrame:
    """One row per site that any predictor judged, a column of verdicts for each."""
    judged, error = KINDS[kind]
    chosen = {
        name: table[table["pred_type"].isin(judged)] for name, table in tables.items()
    }
    columns = [*SITE, "site_id", "gene_id"]
    first, *others = (table[columns] for table in chosen.values())
    others = [table.assign(site_id=pd.NA) for table in others]
    sites = pd.concat([first.astype({"site_id": "Int64"}), *others], ignore_index=True)
    sites = sites.drop_duplicates(SITE).sort_values(SITE, ignore_index=True)
    sites["site_id"] = sites["site_id"].astype("Int64")
    sites.insert(len(SITE), "kind", kind)
    for name, table in chosen.items():
        verdicts = table.set_index(SITE)["pred_type"].eq(error)
        places = pd.MultiIndex.from_frame(sites[SITE])
        found = verdicts.reindex(places).astype("boolean").to_numpy(na_value=pd.NA)
        column = pd.array(found, dtype="boolean")
        if kind == "invented":
            # What was scanned and not called is not among the sites, but for decoys.
            is_scanned = sites["chrom"].isin(tables[name]["chrom"].unique()).to_numpy()
            column[column.isna() & is_scanned] = False
        sites[name] = column
    return sites


def _measure_pair(
    sites: pd.DataFrame,
    kind: str,
    splice_type: str,
    pair: tuple[str, str],
    contexts: Mapping[str, int],
    drawing: dict[str, int],
) -> dict[str, object]:
    first, second = pair
    here = sites[sites["kind"].eq(kind) & sites["splice_type"].eq(splice_type)]
    here = here.dropna(subset=list(pair))
    genes = number_groups(here["gene_id"].to_numpy(), len(here))
    verdicts = (here[name].to_numpy(dtype=bool) for name in pair)
    return {
        "kind": kind,
        "splice_type": splice_type,
        "first": first,
        "second": second,
        "context_first": contexts.get(first, np.nan),
        "context_second": contexts.get(second, np.nan),
        **measure_agreement(*verdicts, genes, **drawing)._asdict(),
    }


def _contrast_errors(
    sites: pd.DataFrame, names: list[str], kind: str, table: pd.DataFrame
) -> pd.DataFrame:
    """Hold the flags of the first predictor's errors against who shares them."""
    own, *others = names
    errors = sites[sites[own].fillna(False) & sites["site_id"].notna()]
    errors = errors.dropna(subset=others).astype({"site_id": "int64"})
    flags = table.set_index("site_id")
    errors = errors[errors["site_id"].isin(flags.index)]
    flags = flags.loc[errors["site_id"]].reset_index(drop=True)
    shared = errors[others].astype(int).sum(axis=1).to_numpy()
    # Private against shared by all; then each other one: right where the first errs.
    splits = {
        f"private_to_{own}_vs_shared": (
            np.select([shared == 0, shared == len(others)], [1, 0], default=-1),
            f"only {own} errs",
            "all err",
        )
    }
    for name in others:
        right = ~errors[name].to_numpy(dtype=bool)
        contrast = f"right_in_{name}_vs_shared"
        splits[contrast] = (1 * right, f"{name} is right", f"{name} errs too")
    if len(others) == 1:
        del splits[f"right_in_{others[0]}_vs_shared"]
    rows = [
        _test_flags(flags, labels, errors, kind=kind, contrast=contrast, words=words)
        for contrast, (labels, *words) in splits.items()
    ]
    return pd.concat(rows, ignore_index=True)


def _test_flags(
    flags: pd.DataFrame,
    labels: np.ndarray,
    errors: pd.DataFrame,
    *,
    kind: str,
    contrast: str,
    words: list[str],
) -> pd.DataFrame:
    kept = np.flatnonzero(labels >= 0)
    labels, errors = labels[kept], errors.iloc[kept]
    values = flags.iloc[kept].astype("Float64").astype(float)
    genes = number_groups(errors["gene_id"].to_numpy(), len(errors))
    types = errors["splice_type"].to_numpy()
    found = measure_odds_ratios(values, labels, genes, types)
    found.insert(0, "flag", found.index)
    for number, (name, label) in enumerate((("positive", 1), ("negative", 0))):
        own = values[labels == label]
        found.insert(1 + 2 * number, f"n_{name}", len(own))
        found.insert(2 + 2 * number, f"share_{name}", own.mean().to_numpy())
    heads = {"kind": kind, "contrast": contrast, "positive": words[0]}
    for place, (key, value) in enumerate({**heads, "negative": words[1]}.items()):
        found.insert(place, key, value)
    return found.reset_index(drop=True)
