"""Does an error model help the predictor? Its calls ranked again, before and after.

Asked where one class holds real sites and the other none: ``fp_vs_tp`` (which calls to
keep) and ``fn_vs_tn`` (which sites to rescue). The wanted sites are the real ones. At
each recall of them, precision is compared between three rankings: the predictor's score
alone, the error model alone (a veto on the calls), and both together, weighed by a
logistic regression that is fitted on the validation part. Sites are ranked within their
fold, and folds averaged by their sites: models of different folds are not comparable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from error_sequence_model.evaluation.operating_points import compute_precision_at
from error_sequence_model.statistics import (
    count_genes,
    draw_gene_weights,
    get_interval,
    number_groups,
)

REAL = {"TP", "FN"}
RECALLS = tuple(round(0.05 * step, 2) for step in range(2, 20))
SMALLEST_PROBABILITY = 1e-6
COLUMNS = (
    *("model", "recall", "precision_score", "precision_model", "precision_both"),
    *("gain", "gain_low", "gain_high", "n_sites", "n_genes"),
)


def find_wanted(labels: np.ndarray, pred_types: np.ndarray) -> np.ndarray | None:
    """Mark the real sites: bool (n,); None where a class mixes real and other sites.

    Args:
        labels: 1 for an error, int (n,).
        pred_types: TP, FP, FN or TN of each site, (n,).
    """
    is_real = np.isin(pred_types, list(REAL))
    sides = {label: set(is_real[labels == label]) for label in (0, 1)}
    if any(len(side) != 1 for side in sides.values()) or sides[0] == sides[1]:
        return None
    return is_real


class _Fold(NamedTuple):
    """Rows of one fold that have a score, int (n,) each."""

    fitted: np.ndarray
    test: np.ndarray


def rerank_calls(
    table: pd.DataFrame,
    models: Mapping[str, np.ndarray],
    *,
    draws: int = 500,
    seed: int = 1,
) -> pd.DataFrame:
    """Trace precision at fixed recall of the real sites, before and after.

    Args:
        table: fold, part (validation or test), label (1 = error), pred_type, score,
            gene_id; a site in the parts of several folds has a row for each. Sites
            without a score are left out.
        models: Model -> probability of an error of each row, float (n,).
        draws: Bootstrap samples of genes.
        seed: Of the bootstrap.

    Returns:
        `COLUMNS`; ``gain`` is the precision of both together minus that of the score.
        Empty where the question has no meaning (see `find_wanted`) or no scores.
    """
    labels = table["label"].to_numpy(dtype=np.int64)
    wanted = find_wanted(labels, table["pred_type"].to_numpy(dtype=object))
    folds = [] if wanted is None else list(_list_folds(table, wanted))
    if wanted is None or not folds:
        return pd.DataFrame(columns=list(COLUMNS))
    score = table["score"].to_numpy(dtype=float)
    if np.nanmin(score) >= 0 and np.nanmax(score) <= 1:
        # Others (log odds, percent) rank as they are; cut to 0–1 they would be ties.
        score = get_log_odds(score)
    test = np.concatenate([fold.test for fold in folds])
    genes = number_groups(table["gene_id"].to_numpy(dtype=object)[test], len(test))
    drawn = np.concatenate(list(draw_gene_weights(genes, draws=draws, seed=seed)))
    ends = np.cumsum([len(fold.test) for fold in folds])
    samples = np.split(drawn, ends[:-1], axis=1)
    # Which way an error points: an FP is not real, an FN is.
    sign = 1.0 if wanted[labels == 1].all() else -1.0
    n_genes = count_genes(wanted[test], genes)
    rows = []
    for model, probabilities in models.items():
        veto = sign * get_log_odds(np.asarray(probabilities, dtype=float))
        points = dict.fromkeys(("score", "model", "both"), 0.0)
        gains = np.zeros((draws, len(RECALLS)))
        for fold, weights in zip(folds, samples, strict=True):
            share = len(fold.test) / len(test)
            both = _weigh(np.stack([score, veto], axis=1), wanted, fold.fitted)
            ranks = {"score": score, "model": veto, "both": both}
            found, gained = _trace_fold(ranks, wanted, fold.test, weights)
            points = {name: points[name] + share * found[name] for name in points}
            gains += share * gained
        for index, recall in enumerate(RECALLS):
            low, high = get_interval(gains[:, index], n_genes)
            rows.append(
                {
                    **{"model": model, "recall": recall},
                    **{f"precision_{name}": v[index] for name, v in points.items()},
                    "gain": points["both"][index] - points["score"][index],
                    **{"gain_low": low, "gain_high": high},
                    **{"n_sites": len(test), "n_genes": int(genes.max()) + 1},
                }
            )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _list_folds(table: pd.DataFrame, wanted: np.ndarray) -> Iterator[_Fold]:
    """Folds whose test part holds real and other sites."""
    has_score = table["score"].notna().to_numpy()
    part, folds = (table[name].to_numpy(dtype=object) for name in ("part", "fold"))
    for name in np.unique(table["fold"]):
        is_here = has_score & (folds == name)
        fold = _Fold(
            np.flatnonzero(is_here & (part == "validation")),
            np.flatnonzero(is_here & (part == "test")),
        )
        if len(np.unique(wanted[fold.test])) > 1:
            yield fold


def _trace_fold(
    ranks: Mapping[str, np.ndarray],
    wanted: np.ndarray,
    test: np.ndarray,
    samples: np.ndarray,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Precision of each ranking, (recalls,), and gain by draw, (draws, recalls)."""
    truth, recalls = wanted[test], np.array(RECALLS)
    points = {
        name: compute_precision_at(truth, values[test], recalls)
        for name, values in ranks.items()
    }
    score, both = ranks["score"][test], ranks["both"][test]
    gains = [
        compute_precision_at(truth, both, recalls, weights)
        - compute_precision_at(truth, score, recalls, weights)
        for weights in samples
    ]
    return points, np.array(gains)


def get_log_odds(probabilities: np.ndarray) -> np.ndarray:
    """Log odds of probabilities, bounded away from 0 and 1; NaN stays."""
    bounded = np.clip(probabilities, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    return np.log(bounded) - np.log1p(-bounded)


def _weigh(values: np.ndarray, wanted: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Weigh score and veto by a logistic regression on the validation rows."""
    known = np.nan_to_num(values)
    if len(np.unique(wanted[rows])) < 2:
        return known.sum(axis=1)
    spread = known[rows].std(axis=0)
    spread[spread == 0] = 1.0
    model = LogisticRegression(class_weight="balanced")
    model.fit(known[rows] / spread, wanted[rows])
    return model.decision_function(known / spread)
