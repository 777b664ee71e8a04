"""Every model against every other: paired differences over folds, seeds and genes.

A model's score is the mean over its seeds of the mean over folds, each fold weighted by
its sites: models of different folds are never ranked against each other. The same
genes are drawn for all models, so that differences are paired.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtri, stdtr

from error_sequence_model.core import InputError
from error_sequence_model.statistics.metrics import (
    CONFIDENCE,
    FEWEST_GENES,
    compute_auprc,
    compute_auroc,
    compute_macro,
    count_genes,
    draw_gene_weights,
    get_interval,
    number_groups,
)
from error_sequence_model.statistics.scoring import ClassCounts, get_ranked_interval

METRICS = {"auprc": compute_auprc, "auroc": compute_auroc}
PAIR_COLUMNS = (
    *("model", "kind", "other", "other_kind"),
    *("delta_auprc", "delta_auprc_low", "delta_auprc_high"),
    *("delta_auroc", "delta_auroc_low", "delta_auroc_high"),
    *("p_value", "p_holm"),
)


class ModelScore(NamedTuple):
    """A model's test score in one metric.

    Attributes:
        value: Mean over seeds and folds.
        sampled: The same for each draw of genes, float64 (draws,).
        seeds: Value of each seed, float64 (seeds,).
        genes: Genes with a site of the class that lies in the fewest.
        counts: Of its sites; None with more than two classes, or a single gene.
        metric: "auprc" or "auroc".
    """

    value: float
    sampled: np.ndarray
    seeds: np.ndarray
    genes: int
    counts: ClassCounts | None
    metric: str

    def get_interval(
        self, level: float = CONFIDENCE
    ) -> tuple[float | None, float | None]:
        """Interval over genes that holds the truth this often; or two None."""
        if self.counts is None:
            return get_interval(self.sampled, self.genes, level)
        return get_ranked_interval(
            self.metric, self.value, self.sampled, self.counts, level
        )


def score_models(
    predictions: pd.DataFrame, genes: pd.Series, *, draws: int = 2000, seed: int = 1
) -> dict[tuple[str, str], dict[str, ModelScore]]:
    """Score models on the test parts of all folds, with shared draws of genes.

    Args:
        predictions: model, kind, seed, fold, site_id, part, label,
            probability_{class index}.
        genes: Gene of each site, indexed by site_id.
        draws: Bootstrap samples of genes.
        seed: Of the bootstrap.

    Returns:
        (kind, model) -> metric -> score.

    Raises:
        InputError: Two models were tested on different sites.
    """
    columns = sorted(c for c in predictions.columns if c.startswith("probability_"))
    test = predictions[predictions["part"] == "test"]
    everything = np.unique(test["site_id"])
    groups = number_groups(
        genes.reindex(everything).to_numpy(dtype=object), len(everything)
    )
    scores: dict[tuple[str, str], dict[str, ModelScore]] = {}
    expected: np.ndarray | None = None
    n_genes = 0
    counts: ClassCounts | None = None
    for key, frame in test.groupby(["kind", "model"], sort=True):
        runs = []
        for _, run in frame.groupby("seed", sort=True, dropna=False):
            run = run.sort_values(["fold", "site_id"])
            sites = run["site_id"].to_numpy()
            if expected is None:
                expected = sites
                places = np.searchsorted(everything, sites)
                labels = run["label"].to_numpy()
                n_genes = count_genes(labels, groups[places])
                # Of a single gene theory would take the sites for independent.
                if len(columns) == 2 and groups.max() > 0:
                    counts = ClassCounts.count(labels == 1, groups[places])
            elif not np.array_equal(expected, sites):
                raise InputError(
                    f"{key[1]} was tested on other sites than {next(iter(scores))[1]}; "
                    "make both predictions again from the same split"
                )
            runs.append(_score_run(run, columns, everything, groups, draws, seed))
        scores[key] = {
            name: ModelScore(
                float(np.mean([run[name][0] for run in runs])),
                np.mean([run[name][1] for run in runs], axis=0),
                np.array([run[name][0] for run in runs]),
                n_genes,
                counts,
                name,
            )
            for name in METRICS
        }
    return scores


def _score_run(
    run: pd.DataFrame,
    columns: list[str],
    everything: np.ndarray,
    groups: np.ndarray,
    draws: int,
    seed: int,
) -> dict[str, tuple[float, np.ndarray]]:
    """Value and draws of one seed: folds weighted by their sites."""
    folds = []
    for _, fold in run.groupby("fold", sort=True):
        places = np.searchsorted(everything, fold["site_id"].to_numpy())
        labels = fold["label"].to_numpy(dtype=np.int64)
        folds.append((places, labels, fold[columns].to_numpy()))
    shares = np.array([len(places) for places, _, _ in folds], dtype=float)
    shares /= shares.sum()
    scored = {}
    for name, metric in METRICS.items():
        values = [compute_macro(metric, y, p) for _, y, p in folds]
        sampled = []
        for weights in draw_gene_weights(groups, draws=draws, seed=seed):
            drawn = [compute_macro(metric, y, p, weights[:, at]) for at, y, p in folds]
            sampled.append(np.tensordot(shares, np.stack(drawn), axes=1))
        value = float(np.dot(shares, np.array(values, dtype=float)))
        scored[name] = (value, np.concatenate(sampled))
    return scored


def compare_pairs(scores: dict[tuple[str, str], dict[str, ModelScore]]) -> pd.DataFrame:
    """Compare all pairs of models but the references.

    Args:
        scores: From `score_models`.

    Returns:
        One row per pair, `PAIR_COLUMNS`; the difference is ``model`` minus ``other``.
        ``p_value`` is two-sided, of the difference in AUPRC; ``p_holm`` is adjusted for
        the number of pairs (Holm 1979).
    """
    order = {"backbone": 0, "hybrid": 1, "ensemble": 2, "baseline": 3}
    models = sorted(
        (key for key in scores if key[0] in order), key=lambda k: (order[k[0]], k[1])
    )
    rows = []
    for first, second in combinations(models, 2):
        row: dict[str, object] = {
            **{"model": first[1], "kind": first[0]},
            **{"other": second[1], "other_kind": second[0]},
        }
        for name in METRICS:
            mine, theirs = scores[first][name], scores[second][name]
            difference = mine.sampled - theirs.sampled
            low, high = get_interval(difference, mine.genes)
            row[f"delta_{name}"] = mine.value - theirs.value
            row[f"delta_{name}_low"], row[f"delta_{name}_high"] = low, high
            if name == "auprc":
                row["p_value"] = compute_p_value(difference, mine.genes)
        rows.append(row)
    table = pd.DataFrame(rows, columns=list(PAIR_COLUMNS))
    table["p_holm"] = adjust_holm(table["p_value"].to_numpy(dtype=float))
    return table


def compute_p_value(difference: np.ndarray, genes: int) -> float:
    """Two-sided bootstrap p-value of a difference of 0, as `get_interval` has it.

    Args:
        difference: In draws of genes, float (draws,).
        genes: How many were drawn from.

    Returns:
        NaN without finite draws, or with too few genes.
    """
    difference = difference[np.isfinite(difference)]
    if len(difference) == 0 or genes < FEWEST_GENES:
        return float("nan")
    fewer = min((difference <= 0).sum(), (difference >= 0).sum())
    share = min(0.5, (fewer + 1) / (len(difference) + 1))
    return float(2 * stdtr(genes - 1, ndtri(share) * np.sqrt((genes - 1) / genes)))


def adjust_holm(p_values: np.ndarray) -> np.ndarray:
    """Adjust p-values for their number by Holm's step-down; NaN stays NaN."""
    p_values = np.asarray(p_values, dtype=float)
    adjusted = np.full(len(p_values), np.nan)
    known = np.flatnonzero(np.isfinite(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p_values[order] * factors))
    return adjusted


def combine_p_values(p_values: Sequence[float]) -> float:
    """Combine p-values of one question asked several times, however they depend.

    Args:
        p_values: Float (n,), at least one.

    Returns:
        The (upper) median, enlarged by what it costs to ask so often (Rueger 1978): it
        is small only where most of them are.
    """
    count = len(p_values)
    rank = count // 2 + 1
    return min(1.0, count / rank * sorted(p_values)[rank - 1])
