"""Predictors of one genome side by side: who errs at which site.

A site is one row whatever predictor has it. An annotated site is *missed* by a
predictor that has it as FN; a place without annotation is *invented* by one that has it
as FP, and not by one that judged its contig and did not call it: one with sites on this
contig, and with sites of this strand and splice type anywhere.

`peers.parquet`, one row per site: chrom, junction, strand, splice_type, kind (missed or
invented), site_id and gene_id (of the predictor in question, or the first that has it),
one nullable boolean per predictor, the one in question first: whether it errs there.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

import pandas as pd

from error_sequence_model.core import InputError
from error_sequence_model.genome import SITE
from error_sequence_model.settings import KIND_OF

logger = logging.getLogger(__name__)

# What is judged, by the call that is the error.
JUDGED = {"FN": ("TP", "FN"), "FP": ("FP", "TN")}
SCANNED = ["chrom", "strand", "splice_type"]


def join_errors(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Say of every site which predictors err there.

    Args:
        tables: ``sites.parquet`` by predictor, the one in question first.

    Returns:
        ``peers.parquet``, see the top.

    Raises:
        InputError: Fewer than two predictors.
    """
    if len(tables) < 2:
        raise InputError(f"peers: {list(tables)} are not two predictors")
    sites = pd.concat([_join(tables, error) for error in KIND_OF], ignore_index=True)
    logger.info("%s: %d sites compared", ", ".join(tables), len(sites))
    return sites


def _join(tables: Mapping[str, pd.DataFrame], error: str) -> pd.DataFrame:
    """One row per site that any predictor judged, a column of verdicts for each."""
    chosen = {
        name: table[table["pred_type"].isin(JUDGED[error])]
        for name, table in tables.items()
    }
    columns = [*SITE, "site_id", "gene_id"]
    first, *others = (table[columns] for table in chosen.values())
    others = [table.assign(site_id=pd.NA) for table in others]
    sites = pd.concat([first.astype({"site_id": "Int64"}), *others], ignore_index=True)
    sites = sites.drop_duplicates(SITE).sort_values(SITE, ignore_index=True)
    sites["site_id"] = sites["site_id"].astype("Int64")
    sites.insert(len(SITE), "kind", KIND_OF[error])
    for name, table in chosen.items():
        verdicts = table.set_index(SITE)["pred_type"].eq(error)
        places = pd.MultiIndex.from_frame(sites[SITE])
        found = verdicts.reindex(places).astype("boolean").to_numpy(na_value=pd.NA)
        column = pd.array(found, dtype="boolean")
        if error == "FP":
            # What was scanned and not called is not among the sites, but for decoys.
            seen = {key: tables[name][key].unique() for key in SCANNED}
            is_scanned = sites[SCANNED].isin(seen).all(axis=1).to_numpy()
            column[column.isna() & is_scanned] = False
        sites[name] = column
    return sites
