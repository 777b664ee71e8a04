"""Scores of several folds as one: means over the folds, weighted by their sites.

Folds test different genes, so their sampling errors are independent: the half widths of
their intervals add up as squares do.

A check that failed in one fold has failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

COUNTS = ("n_sites", "n_genes", "n_errors")
MEANS = ("prevalence", "auprc", "auroc", "accuracy", "balanced_accuracy", "f1", "mcc")
# Columns of comparison.tsv with an interval: value, low, high.
SCORES = (
    ("auprc", "auprc_low", "auprc_high"),
    ("auroc", "auroc_low", "auroc_high"),
    ("delta_auprc", "delta_low", "delta_high"),
)


def combine_intervals(
    values: np.ndarray, lows: np.ndarray, highs: np.ndarray, shares: np.ndarray
) -> tuple[float, float]:
    """Interval of the mean of independent values.

    Args:
        values: float (folds,).
        lows: Lower ends of their intervals, float (folds,).
        highs: Upper ends, float (folds,).
        shares: Weights in the mean, float (folds,), sum 1.

    Returns:
        Both ends; NaN where one is not known.
    """
    mean = float(shares @ values)
    down = np.sqrt(np.square(shares * (values - lows)).sum())
    up = np.sqrt(np.square(shares * (highs - values)).sum())
    return mean - float(down), mean + float(up)


def merge_metrics(folds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Put the metrics of several folds together.

    Args:
        folds: Contents of ``metrics.json``, one per fold; empty if not stored.

    Returns:
        One content of the same form: counts and confusion are sums, scores and the
        threshold means; None where a fold has no number.
    """
    known = [fold for fold in folds if fold.get("n_sites")]
    if len(known) < 2:
        return dict(known[0] if known else folds[0])
    sizes = np.array([fold["n_sites"] for fold in known], dtype=float)
    shares = sizes / sizes.sum()
    merged = dict(known[0])
    for name in COUNTS:
        counts = [fold.get(name) for fold in known]
        merged[name] = None if None in counts else sum(counts)
    for name in (*MEANS, "threshold"):
        values = [fold.get(name) for fold in known]
        merged[name] = None if None in values else float(shares @ np.array(values))
    tables = [fold.get("confusion") for fold in known]
    merged["confusion"] = None if None in tables else np.sum(tables, axis=0).tolist()
    merged["intervals"] = {
        name: _merge_interval(known, name, shares)
        for name in known[0].get("intervals") or {}
    }
    if all("validation" in fold for fold in known):
        merged["validation"] = merge_metrics([fold["validation"] for fold in known])
    return merged


def _merge_interval(
    folds: Sequence[dict[str, Any]], name: str, shares: np.ndarray
) -> list[float] | None:
    values = [fold.get(name) for fold in folds]
    ends = [(fold.get("intervals") or {}).get(name) for fold in folds]
    if None in values or None in ends:
        return None
    lows, highs = np.array(ends, dtype=float).T
    return list(combine_intervals(np.array(values), lows, highs, shares))


def average_folds(comparison: pd.DataFrame) -> pd.DataFrame:
    """Average a comparison over its folds.

    Args:
        comparison: Rows of ``comparison.tsv``.

    Returns:
        One row per kind, model and seed, in order of first appearance; ``against``
        names every fold's rival. The table itself where there is one fold.
    """
    keys = [name for name in ("kind", "model", "seed") if name in comparison]
    if "fold" not in comparison or comparison["fold"].nunique() < 2:
        return comparison
    groups = comparison.groupby(keys, sort=False, dropna=False)
    averaged = pd.DataFrame([_average(rows) for _, rows in groups])
    return averaged.reset_index(drop=True).infer_objects()


def _average(rows: pd.DataFrame) -> pd.Series:
    averaged = rows.iloc[0].copy()
    averaged["fold"] = None
    sizes = rows["n_sites"].to_numpy(dtype=float)
    shares = sizes / sizes.sum()
    for name in COUNTS:
        if name in rows:
            averaged[name] = rows[name].sum()
    if "prevalence" in rows:
        averaged["prevalence"] = float(shares @ rows["prevalence"].to_numpy(float))
    for names in SCORES:
        if set(names) <= set(rows):
            values = [rows[name].to_numpy(dtype=float) for name in names]
            averaged[names[0]] = float(shares @ values[0])
            averaged[names[1]], averaged[names[2]] = combine_intervals(*values, shares)
    if "against" in rows:
        averaged["against"] = "/".join(sorted(set(rows["against"].dropna()))) or None
    return averaged


# Worst first: what failed anywhere has failed, what was not judged is not passed.
ORDER = {False: 0, None: 1, True: 2}


def merge_checks(folds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Put the checks of several folds together: each map's worst fold counts.

    Args:
        folds: Contents of ``faithfulness.json``, one per fold; empty if not stored.

    Returns:
        One content of the same form; empty if a fold has none.
    """
    if not folds or not all(folds):
        return {}
    merged = dict(folds[0])
    for key in ("methods", "attention_views"):
        names = dict.fromkeys(name for fold in folds for name in fold.get(key, {}))
        merged[key] = {
            name: min(
                (fold.get(key, {}).get(name, {"passed": None}) for fold in folds),
                key=lambda checks: ORDER.get(checks.get("passed"), 1),
            )
            for name in names
        }
    merged["n_sites"] = sum(fold.get("n_sites") or 0 for fold in folds)
    return merged
