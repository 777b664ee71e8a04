"""Does an error model help the predictor? Its calls ranked again, before and after.

Asked where one class holds real sites and the other none: ``fp_vs_tp`` (which calls to
keep) and ``fn_vs_tn`` (which sites to rescue). The wanted sites are the real ones. At
each recall of them, precision is compared between three rankings: the predictor's score
alone, the error model alone (a veto on the calls), and both together, weighed by a
logistic regression that is fitted on the validation part.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from error_sequence_model.measures.metrics import draw_gene_weights, number_groups
from error_sequence_model.measures.operating_points import compute_precision_at
from error_sequence_model.measures.paired_tests import get_interval

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


def rerank_calls(
    table: pd.DataFrame,
    models: Mapping[str, np.ndarray],
    *,
    draws: int = 500,
    level: float = 0.95,
    seed: int = 1,
) -> pd.DataFrame:
    """Trace precision at fixed recall of the real sites, before and after.

    Args:
        table: part (validation or test), label (1 = error), pred_type, score, gene_id
            of the sites of one fold; sites without a score are left out.
        models: Model -> probability of an error of each row, float (n,).
        draws: Bootstrap samples of genes.
        level: Level of the intervals.
        seed: Of the bootstrap.

    Returns:
        `COLUMNS`; ``gain`` is the precision of both together minus that of the score.
        Empty where the question has no meaning (see `find_wanted`) or no scores.
    """
    empty = pd.DataFrame(columns=list(COLUMNS))
    has_score = table["score"].notna().to_numpy()
    labels = table["label"].to_numpy(dtype=np.int64)
    wanted = find_wanted(labels, table["pred_type"].to_numpy(dtype=object))
    part = table["part"].to_numpy(dtype=object)
    fitted = np.flatnonzero(has_score & (part == "validation"))
    test = np.flatnonzero(has_score & (part == "test"))
    if wanted is None or len(test) == 0 or len(np.unique(wanted[test])) < 2:
        return empty
    score = get_log_odds(table["score"].to_numpy(dtype=float))
    genes = number_groups(table["gene_id"].to_numpy(dtype=object)[test], len(test))
    samples = np.concatenate(list(draw_gene_weights(genes, draws=draws, seed=seed)))
    rows = []
    for model, probabilities in models.items():
        # Which way an error points: an FP is not real, an FN is.
        sign = 1.0 if wanted[labels == 1].all() else -1.0
        veto = sign * get_log_odds(np.asarray(probabilities, dtype=float))
        both = _weigh(np.stack([score, veto], axis=1), wanted, fitted)
        ranks = {"score": score[test], "model": veto[test], "both": both[test]}
        truth = wanted[test]
        points = {
            name: compute_precision_at(truth, values, np.array(RECALLS))
            for name, values in ranks.items()
        }
        gains = np.array(
            [
                compute_precision_at(truth, ranks["both"], np.array(RECALLS), weights)
                - compute_precision_at(
                    truth, ranks["score"], np.array(RECALLS), weights
                )
                for weights in samples
            ]
        )
        for index, recall in enumerate(RECALLS):
            low, high = get_interval(gains[:, index], level)
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
