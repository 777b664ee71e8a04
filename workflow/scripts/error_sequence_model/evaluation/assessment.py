"""What the scores of a contrast are worth: pairs, calibration, strata, re-ranking.

Everything is of the test parts; what is fitted (a temperature, weights of a ranking) is
fitted on the validation part of the same fold.

`assessment/models.tsv`, `pairs.tsv`, `strata.tsv` and `reranking.tsv` are the tables of
`Assessment`, one row per model, pair, model in a stratum, and model at a recall.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from error_sequence_model.core import read_saved_table
from error_sequence_model.evaluation.operating_points import (
    compute_recall_at,
    compute_top_k,
)
from error_sequence_model.evaluation.reranking import rerank_calls
from error_sequence_model.evaluation.strata import (
    choose_features,
    make_strata,
    score_strata,
)
from error_sequence_model.features import list_columns
from error_sequence_model.statistics import (
    check_calibration,
    combine_p_values,
    compare_pairs,
    compute_auprc,
    compute_brier,
    compute_ece,
    compute_log_loss,
    compute_macro_auprc,
    fit_temperature,
    scale_probabilities,
    score_models,
)

PRECISIONS = (0.90, 0.95)
SCORED_KINDS = ("backbone", "hybrid", "ensemble", "baseline")
CALIBRATION = {
    "ece": compute_ece,
    "brier": compute_brier,
    "log_loss": compute_log_loss,
}


class Assessment(NamedTuple):
    """Tables about the models of one contrast and splice type.

    Attributes:
        models: One row per model: AUPRC and AUROC over folds and seeds with their
            spread, operating points, calibration.
        pairs: One row per pair of models, see `compare_pairs`.
        strata: See `score_strata`; empty with more than two classes.
        reranking: See `rerank_calls`.
    """

    models: pd.DataFrame
    pairs: pd.DataFrame
    strata: pd.DataFrame
    reranking: pd.DataFrame


def assess_models(
    predictions: pd.DataFrame,
    sites: pd.DataFrame,
    split: pd.DataFrame,
    features: pd.DataFrame,
    *,
    natural_counts: Mapping[str, int] | None = None,
    draws: int = 2000,
    seed: int = 1,
) -> Assessment:
    """Assess all models of a contrast.

    Args:
        predictions: Of backbones, baselines and the ensemble: model, kind, seed, fold,
            site_id, part, label, probability_{class index}.
        sites: ``sites.parquet``, indexed by site_id.
        split: ``split.parquet``.
        features: Features by site_id that strata are made of.
        natural_counts: How many TP, FP, FN and TN there are in the genome, for tables
            that hold a sample of them; None: as in the table.
        draws: Bootstrap samples of genes.
        seed: Of the bootstrap.
    """
    genes = sites["gene_id"]
    scores = score_models(predictions, genes, draws=draws, seed=seed)
    pairs = compare_pairs(scores)
    measured = _measure_models(predictions, sites, natural_counts)
    for name in ("auprc", "auroc"):
        values = {key: score[name] for key, score in scores.items()}
        keys = list(zip(measured["kind"], measured["model"], strict=True))
        measured[name] = [values[key].value for key in keys]
        measured[f"{name}_seed_sd"] = [
            values[key].seeds.std(ddof=1) if len(values[key].seeds) > 1 else None
            for key in keys
        ]
    columns = [c for c in predictions.columns if c.startswith("probability_")]
    if len(columns) > 2:
        nothing = pd.DataFrame()
        return Assessment(measured, pairs, nothing, nothing)
    chosen = _choose_models(predictions)
    few_draws = min(draws, 500)  # many strata, and each wants its own interval
    return Assessment(
        measured,
        pairs,
        _score_strata(chosen, sites, split, features, few_draws, seed),
        _rerank(chosen, sites, few_draws, seed),
    )


def read_strata_features(path: Path) -> pd.DataFrame:
    """Read the features that strata are made of; of the first fold, if learnt."""
    columns = list_columns(path, 0)
    wanted = {name: columns[name] for name in choose_features(columns)}
    frame = read_saved_table(path, columns=["site_id", *wanted.values()])
    return frame.set_index("site_id").set_axis(list(wanted), axis="columns")


def _measure_models(
    predictions: pd.DataFrame,
    sites: pd.DataFrame,
    natural_counts: Mapping[str, int] | None,
) -> pd.DataFrame:
    """Operating points and calibration of each model, the mean over seeds and folds."""
    columns = sorted(c for c in predictions.columns if c.startswith("probability_"))
    keys = ["kind", "model", "seed", "fold"]
    rows = []
    for key, frame in predictions.groupby(keys, sort=True, dropna=False):
        parts = dict(iter(frame.groupby("part")))
        test = parts["test"]
        held = parts.get("validation", test.iloc[:0])
        temperature = fit_temperature(
            held[columns].to_numpy(), held["label"].to_numpy(dtype=np.int64)
        )
        row = dict(zip(keys, key, strict=True)) | {"n_sites": len(test)}
        row["temperature"] = temperature
        if len(columns) == 2:
            row |= _measure_errors(test, columns, temperature)
            row |= _measure_natural(test, columns, sites, natural_counts)
        rows.append(row)
    table = pd.DataFrame(rows)
    values = [c for c in table.columns if c not in (*keys, "n_sites")]

    def average(group: pd.DataFrame) -> pd.Series:
        weights = group["n_sites"].to_numpy(dtype=float)
        found = {}
        for name in values:
            numbers = group[name].to_numpy(dtype=float)
            known = np.isfinite(numbers)
            found[name] = None
            if known.any() and name == "calibration_p":  # a mean of p-values is none
                found[name] = combine_p_values(numbers[known])
            elif known.any():
                found[name] = float(np.average(numbers[known], weights=weights[known]))
        sizes = group.groupby("seed", dropna=False)["n_sites"].sum()
        return pd.Series({"n_sites": int(sizes.iloc[0]), **found})

    grouped = table.groupby(["kind", "model"], sort=True)[
        [*keys[2:], "n_sites", *values]
    ]
    return grouped.apply(average).reset_index()


def _measure_errors(
    test: pd.DataFrame, columns: list[str], temperature: float
) -> dict[str, float]:
    is_error = (test["label"] == 1).to_numpy()
    probabilities = test[columns].to_numpy(dtype=float)
    scaled = scale_probabilities(probabilities, temperature)[:, 1]
    known = np.full(len(test), is_error.mean())
    row = {"prevalence": float(is_error.mean())}
    row["top_k"] = compute_top_k(is_error, probabilities[:, 1])
    for precision in PRECISIONS:
        row[f"recall_at_precision_{precision:.0%}".rstrip("%")] = compute_recall_at(
            is_error, probabilities[:, 1], precision
        )
    for name, measure in CALIBRATION.items():
        row[name] = measure(is_error, probabilities[:, 1])
        row[f"{name}_scaled"] = measure(is_error, scaled)
        if name != "ece":
            row[f"{name}_of_prevalence"] = measure(is_error, known)
    check = check_calibration(is_error, probabilities[:, 1])
    row["ece_by_chance"], row["calibration_p"] = check.by_chance, check.p_value
    row["calibration_error"] = check.beyond_chance
    return row


def _measure_natural(
    test: pd.DataFrame,
    columns: list[str],
    sites: pd.DataFrame,
    natural_counts: Mapping[str, int] | None,
) -> dict[str, float]:
    """AUPRC with each call weighted up to its number in the genome."""
    if not natural_counts:
        return {}
    kinds = sites["pred_type"].reindex(test["site_id"])
    shares = sites["pred_type"].value_counts()
    factors = {
        kind: natural_counts.get(kind, count) / count for kind, count in shares.items()
    }
    weights = kinds.map(factors).to_numpy(dtype=float)
    is_error = (test["label"] == 1).to_numpy()
    return {
        "natural_prevalence": float(np.average(is_error, weights=weights)),
        "natural_auprc": float(
            compute_auprc(is_error, test[columns[1]].to_numpy(), weights[None])[0]
        ),
    }


def _choose_models(predictions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The models worth a closer look: all but the baselines, and the best of these.

    Returns:
        Model -> part, label, probability_0 and probability_1 by (fold, site_id), the
        mean over seeds. The best baseline is chosen on the validation part.
    """
    baselines = predictions[predictions["kind"] == "baseline"]
    columns = ["probability_0", "probability_1"]
    scores = {
        model: compute_macro_auprc(
            frame["label"].to_numpy(dtype=np.int64), frame[columns].to_numpy()
        )
        for model, frame in baselines[baselines["part"] == "validation"].groupby(
            "model"
        )
    }
    best = max(scores, key=scores.get) if scores else None
    is_chosen = predictions["kind"].isin(SCORED_KINDS[:-1])
    is_chosen |= (predictions["kind"] == "baseline") & (predictions["model"] == best)
    return {
        model: frame.groupby(["fold", "site_id"], sort=True).agg(
            {"part": "first", "label": "first", **dict.fromkeys(columns, "mean")}
        )
        for model, frame in predictions[is_chosen].groupby("model", sort=True)
    }


def _score_strata(
    chosen: dict[str, pd.DataFrame],
    sites: pd.DataFrame,
    split: pd.DataFrame,
    features: pd.DataFrame,
    draws: int,
    seed: int,
) -> pd.DataFrame:
    """Strata of the test sites; each site is in the test part of one fold.

    Sites are ranked within their fold: models of different folds are not comparable.
    """
    tables = {}
    for model, table in chosen.items():
        test = table[table["part"] == "test"]
        ranks = test.groupby(level="fold", dropna=False)["probability_1"].rank(pct=True)
        test = test.assign(probability_0=1 - ranks, probability_1=ranks)
        test = test.droplevel("fold")
        tables[model] = test[~test.index.duplicated()]
    first = next(iter(tables.values()))
    tested = split[split["part"] == "test"].drop_duplicates("site_id")
    tested = tested.set_index("site_id")
    strata = make_strata(
        sites.loc[first.index],
        tested["training_similarity"],
        features,
        tested.get("relative"),
    )
    return score_strata(
        strata,
        first["label"],
        {m: t[["probability_0", "probability_1"]] for m, t in tables.items()},
        sites["gene_id"],
        draws=draws,
        seed=seed,
    )


def _rerank(
    chosen: dict[str, pd.DataFrame],
    sites: pd.DataFrame,
    draws: int,
    seed: int,
) -> pd.DataFrame:
    first = next(iter(chosen.values()))
    ids = first.index.get_level_values("site_id")
    known = sites.loc[ids, ["pred_type", "score", "gene_id"]].reset_index(drop=True)
    table = first[["part", "label"]].reset_index("fold").reset_index(drop=True)
    table = table.join(known)
    return rerank_calls(
        table,
        {m: t.loc[first.index, "probability_1"].to_numpy() for m, t in chosen.items()},
        draws=draws,
        seed=seed,
    )
