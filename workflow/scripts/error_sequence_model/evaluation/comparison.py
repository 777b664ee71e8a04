"""Backbones and baselines side by side: metrics, paired differences, intervals.

`comparison.tsv`: one row per model, seed and fold; columns `COLUMNS`. Intervals are by
gene; ``delta_auprc`` is what the model adds to the best of its rivals, ``against``.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from error_sequence_model.core import InputError, read_saved_table
from error_sequence_model.statistics import (
    compute_macro_auprc,
    compute_metrics,
    compute_sampled_auprc,
    count_genes,
    get_interval,
    number_groups,
)

COLUMNS = (
    "model",
    "kind",
    "seed",
    "fold",
    "n_sites",
    "n_genes",
    "prevalence",
    "auprc",
    "auprc_low",
    "auprc_high",
    "auroc",
    "auroc_low",
    "auroc_high",
    "delta_auprc",
    "delta_low",
    "delta_high",
    "against",
)

# What a kind of model has to be better than.
RIVALS = {"backbone": "baseline", "hybrid": "baseline", "ensemble": "single"}


def read_run_predictions(runs: Iterable[Path]) -> pd.DataFrame:
    """Read the predictions of runs; backbone, seed and fold are in their paths.

    Returns:
        model, kind ("backbone"), seed, fold, site_id, part, label and
        probability_{class index}.
    """
    frames = []
    for run in runs:
        frame = read_saved_table(run / "predictions.parquet")
        columns = [c for c in frame.columns if c.startswith("probability_")]
        numbers = {name: f"probability_{i}" for i, name in enumerate(columns)}
        frame = frame[["site_id", "part", "label", *columns]].rename(columns=numbers)
        frames.append(
            frame.assign(
                model=run.parent.parent.name,
                kind="backbone",
                seed=int(run.parent.name.removeprefix("seed")),
                fold=int(run.name.removeprefix("fold")),
            )
        )
    return pd.concat(frames, ignore_index=True)


def read_all_predictions(tables: Iterable[Path], runs: Iterable[Path]) -> pd.DataFrame:
    """Read the predictions of baselines and other tables, and those of runs."""
    frames = [read_saved_table(path) for path in tables]
    return pd.concat([*frames, read_run_predictions(runs)], ignore_index=True)


def compare_models(
    predictions: pd.DataFrame,
    genes: pd.Series,
    *,
    draws: int = 2000,
    seed: int = 1,
) -> pd.DataFrame:
    """Compare models on the test part of each fold.

    The best baseline of a fold is chosen by its AUPRC on the validation part. The
    difference of each backbone to it is paired: the same genes are drawn for both. An
    ensemble is held to the best single model instead, chosen likewise.

    Args:
        predictions: Of backbones and baselines: model, kind, seed, fold, site_id,
            part, label, probability_{class index}.
        genes: Gene of each site, indexed by site_id.
        draws: Bootstrap samples of genes.
        seed: Seed of the bootstrap.

    Returns:
        One row per model, seed and fold; columns `COLUMNS`.
    """
    rows = []
    for fold, part in predictions.groupby("fold", sort=True):
        rivals = {
            "baseline": _find_best(part, ("baseline",)),
            "single": _find_best(part, ("backbone", "hybrid", "baseline")),
        }
        for (kind, model, run_seed), frame in part.groupby(
            ["kind", "model", "seed"], sort=True, dropna=False
        ):
            row = _describe(_get_test(frame), genes, draws, seed)
            row.update(model=model, kind=kind, seed=run_seed, fold=fold)
            rival = rivals[RIVALS[kind]] if kind in RIVALS else None
            if rival is not None:
                test, reference = _get_test(frame), _get_test(rival)
                delta = _compare(test, reference, genes, draws, seed)
                row.update(delta, against=rival["model"].iloc[0])
            rows.append(row)
    return pd.DataFrame(rows).reindex(columns=COLUMNS)


def _get_test(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["part"] == "test"].sort_values("site_id")


def _get_arrays(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    columns = sorted(c for c in frame.columns if c.startswith("probability_"))
    return frame["label"].to_numpy(dtype=np.int64), frame[columns].to_numpy()


def _find_best(part: pd.DataFrame, kinds: tuple[str, ...]) -> pd.DataFrame | None:
    """Rows of the model, of one seed, that is best on the validation part."""
    runs = {
        key: frame
        for key, frame in part[part["kind"].isin(kinds)].groupby(
            ["model", "seed"], sort=True, dropna=False
        )
        if (frame["part"] == "validation").any()
    }
    if not runs:
        return None

    def judge(key: tuple[str, float]) -> float:
        held = runs[key][runs[key]["part"] == "validation"]
        return compute_macro_auprc(*_get_arrays(held))

    return runs[max(runs, key=judge)]


def _describe(
    frame: pd.DataFrame, genes: pd.Series, draws: int, seed: int
) -> dict[str, object]:
    labels, probabilities = _get_arrays(frame)
    metrics = compute_metrics(
        labels,
        probabilities,
        threshold=0.5,
        groups=genes.reindex(frame["site_id"]).to_numpy(dtype=object),
        draws=draws,
        seed=seed,
    )
    row = {name: metrics[name] for name in ("n_sites", "n_genes", "prevalence")}
    for name in ("auprc", "auroc"):
        low, high = metrics["intervals"][name] or (None, None)
        row.update({name: metrics[name], f"{name}_low": low, f"{name}_high": high})
    return row


def _compare(
    frame: pd.DataFrame,
    reference: pd.DataFrame,
    genes: pd.Series,
    draws: int,
    seed: int,
) -> dict[str, float]:
    if not np.array_equal(frame["site_id"], reference["site_id"]):
        raise InputError(
            f"{frame['model'].iloc[0]} and {reference['model'].iloc[0]} were tested on "
            "different sites; make both predictions again from the same split"
        )
    labels, mine = _get_arrays(frame)
    _, theirs = _get_arrays(reference)
    groups = number_groups(
        genes.reindex(frame["site_id"]).to_numpy(dtype=object), len(frame)
    )
    sampled = [
        compute_sampled_auprc(labels, probabilities, groups, draws=draws, seed=seed)
        for probabilities in (mine, theirs)
    ]
    low, high = get_interval(sampled[0] - sampled[1], count_genes(labels, groups))
    value = compute_macro_auprc(labels, mine) - compute_macro_auprc(labels, theirs)
    return {"delta_auprc": value, "delta_low": low, "delta_high": high}
