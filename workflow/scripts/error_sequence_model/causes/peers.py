"""Predictors of one genome side by side: how they agree, and why some err alone.

Chance agreement is over annotated sites for what is missed; for what is invented the
universe is the places that any of them called, or looked at as decoys.

`peers.tsv`, one row per pair, kind and splice type: first, second, contexts (nt on both
sides together, where known), counts, kappa with its interval, shared.
`peer_contrasts.tsv`, one row per flag and contrast among errors of the predictor in
question: kind, contrast, positive and negative in words, flag, cause, n_ and share_ of
both, odds_ratio, low, high, p, q.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from error_sequence_model.settings import COMPANY, KIND_OF, find_company, list_compared
from error_sequence_model.statistics import (
    adjust_p_values,
    measure_agreement,
    measure_odds_ratios,
    number_groups,
)

logger = logging.getLogger(__name__)


class ComparedPeers(NamedTuple):
    """What ``compare_peers`` finds; see the top for the tables."""

    pairs: pd.DataFrame
    contrasts: pd.DataFrame


def compare_peers(
    sites: pd.DataFrame,
    *,
    flags: Mapping[str, pd.DataFrame] | None = None,
    labels: Mapping[str, Mapping[str, str]] | None = None,
    contexts: Mapping[str, int] | None = None,
    draws: int = 500,
    seed: int = 1,
) -> ComparedPeers:
    """Compare the errors of predictors.

    Args:
        sites: ``peers.parquet``, see ``sites.join_errors``.
        flags: By error (FN or FP): site_id and a nullable boolean per cause of the
            errors of the predictor in question.
        labels: By error: what a cause is called; the flag itself by default.
        contexts: Bases that a predictor sees around a site, both sides together.
        draws: Bootstrap draws over genes.
        seed: Their seed.
    """
    names = list_compared(sites)
    drawing = {"draws": draws, "seed": seed}
    pairs = [
        _measure_pair(sites, kind, splice_type, pair, contexts or {}, drawing)
        for kind, splice_type, pair in itertools.product(
            KIND_OF.values(), ("donor", "acceptor"), itertools.combinations(names, 2)
        )
    ]
    rows = [
        _contrast_errors(sites, names, error, table, (labels or {}).get(error, {}))
        for error, table in (flags or {}).items()
    ]
    contrasts = pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()
    if len(contrasts):
        contrasts["q"] = adjust_p_values(contrasts["p"].to_numpy())
    logger.info("%s: %d flags compared", ", ".join(names), len(contrasts))
    return ComparedPeers(pd.DataFrame(pairs), contrasts)


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
    sites: pd.DataFrame,
    names: list[str],
    error: str,
    table: pd.DataFrame,
    labels: Mapping[str, str],
) -> pd.DataFrame:
    """Hold the flags of the first predictor's errors against who shares them."""
    own, *others = names
    flags = table.set_index("site_id")
    # Judged by all of them, in every contrast.
    everyone = find_company(sites, error)
    everyone = everyone[everyone.ne("not_judged") & everyone.index.isin(flags.index)]
    splits = {
        f"private_to_{own}_vs_shared": (everyone, f"only {own} errs", "all err"),
    }
    for name in others if len(others) > 1 else ():
        found = find_company(sites, error, [name])[everyone.index]
        words = f"{name} is right", f"{name} errs too"
        splits[f"right_in_{name}_vs_shared"] = (found, *words)
    errors = sites.dropna(subset="site_id").set_index("site_id")
    errors = errors[errors["kind"].eq(KIND_OF[error])].loc[everyone.index]
    flags = flags.loc[everyone.index].reset_index(drop=True)
    rows = [
        _test_flags(
            *(flags, company.map(COMPANY).fillna(-1).to_numpy(), errors),
            kind=KIND_OF[error],
            contrast=contrast,
            words=words,
        )
        for contrast, (company, *words) in splits.items()
    ]
    found = pd.concat(rows, ignore_index=True)
    place = found.columns.get_loc("flag") + 1
    found.insert(place, "cause", found["flag"].map(lambda flag: labels.get(flag, flag)))
    return found


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
