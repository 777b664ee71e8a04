"""The language model and the classical features in one model, and what each adds.

A fine-tuned model knows its training sites by heart, so nothing here is fitted on them:
both hybrids are fitted on the validation part, which the model was not trained on, and
judged on the test part. Within the validation part every site is predicted by a fit
without its gene, so that an ensemble may weigh these predictions like all others.

- ``{backbone} + features``: one linear head over the model's log odds, the components
  of its embedding and the features.
- ``{backbone} + features, trees``: gradient boosting on the model's log odds, the
  components of its embedding and the features; its SHAP values say, site by site, what
  the language model did not know (Lundberg 2020).

`hybrid.parquet`, one row per hybrid and site of the validation and test parts:
    site_id int64, part, label int8, model, kind ("hybrid"), probability_{class index}
    float64, seed, fold
`shap.parquet` and `shap_values.parquet`, one row per test site:
    site_id int64, then a float32 column per feature of the trees: its push on the log
    odds of an error, and what the feature was
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from error_sequence_model.classical.models import measure_separation, scale_features
from error_sequence_model.core import InputError
from error_sequence_model.statistics import (
    compute_macro_auprc,
    fill_empty_columns,
    number_groups,
    restore_prior,
)

logger = logging.getLogger(__name__)

COMPONENTS = 16
# A second model on few sites sees few features, those that part the training sites.
FEWEST_FEATURES, SITES_PER_FEATURE = 40, 5
FEWEST_SITES = 40  # of the validation part; fewer carry no second model
INNER_FOLDS = 5
PENALTIES = (1e-3, 1e-2, 1e-1)
TREES = 60
SHAP_SITES = 2000  # test sites whose SHAP values are computed, at most
Model = LogisticRegression | HistGradientBoostingClassifier


class HeldOut(NamedTuple):
    """What is known of the held-out sites of a run, all by the same rows.

    Attributes:
        rows: site_id, part (validation or test), label.
        genes: Number of each site's gene, int (n,).
        log_odds: The model's log probabilities, float (n, classes).
        vectors: Its embedding, float32 (n, width).
        features: Classical features, float32 (n, features), NaN where unknown.
        names: Of the features.
    """

    rows: pd.DataFrame
    genes: np.ndarray
    log_odds: np.ndarray
    vectors: np.ndarray
    features: np.ndarray
    names: list[str]


class Hybrid(NamedTuple):
    """Two hybrid models of a run.

    Attributes:
        predictions: Of both, in the format that ``compare`` reads but for seed and
            fold; empty with fewer than `FEWEST_SITES` validation sites.
        shap: site_id, then one float32 column per feature of the trees: its push on
            the log odds of an error; empty with more than two classes.
        values: The same columns: what the feature was.
    """

    predictions: pd.DataFrame
    shap: pd.DataFrame
    values: pd.DataFrame


def fit_hybrids(held_out: HeldOut, *, name: str, seed: int = 1) -> Hybrid:
    """Fit both hybrids on the validation part and predict all held-out sites.

    Args:
        held_out: The sites.
        name: Of the backbone.
        seed: Of components and trees.
    """
    is_fitted = (held_out.rows["part"] == "validation").to_numpy()
    labels = held_out.rows["label"].to_numpy(dtype=np.int64)
    empty = pd.DataFrame()
    if is_fitted.sum() < FEWEST_SITES or len(np.unique(labels[is_fitted])) < 2:
        logger.warning(
            "%d validation sites are too few for a hybrid (%d are needed, of both "
            "classes)",
            is_fitted.sum(),
            FEWEST_SITES,
        )
        return Hybrid(empty, empty, empty)
    joined, names = join_features(held_out, is_fitted, seed)
    linear = _predict_head(joined, labels, is_fitted, held_out.genes)
    trees, model = _predict_trees(joined, labels, is_fitted, held_out.genes, seed)
    frames = []
    for suffix, probabilities in (("", linear), (", trees", trees)):
        frame = held_out.rows.assign(model=f"{name} + features{suffix}", kind="hybrid")
        for index in range(probabilities.shape[1]):
            frame[f"probability_{index}"] = probabilities[:, index]
        frames.append(frame)
    predictions = pd.concat(frames, ignore_index=True)
    if held_out.log_odds.shape[1] > 2:
        return Hybrid(predictions, empty, empty)
    test = np.flatnonzero(~is_fitted)[:SHAP_SITES]
    pushes = explain_trees(model, joined[test])
    site_ids = held_out.rows["site_id"].to_numpy()[test]
    tables = []
    for values in (pushes, joined[test]):
        table = pd.DataFrame(values.astype(np.float32), columns=names)
        table.insert(0, "site_id", site_ids)
        tables.append(table)
    return Hybrid(predictions, *tables)


def join_features(
    held_out: HeldOut, is_fitted: np.ndarray, seed: int
) -> tuple[np.ndarray, list[str]]:
    """Put log odds, components of the embedding and features side by side.

    Returns:
        float32 (n, columns) and the columns' names.
    """
    width = min(COMPONENTS, held_out.vectors.shape[1], int(is_fitted.sum()) - 1)
    analysis = PCA(width, svd_solver="randomized", random_state=seed)
    analysis.fit(held_out.vectors[is_fitted])
    odds = held_out.log_odds[:, 1:] - held_out.log_odds[:, :1]
    odd_names = (
        ["model:log odds"]
        if odds.shape[1] == 1
        else [f"model:log odds {k + 1}" for k in range(odds.shape[1])]
    )
    joined = np.concatenate(
        [odds, analysis.transform(held_out.vectors), held_out.features],
        axis=1,
    ).astype(np.float32)
    components = [f"model:component {k + 1}" for k in range(width)]
    return joined, [*odd_names, *components, *held_out.names]


def _predict_head(
    joined: np.ndarray, labels: np.ndarray, is_fitted: np.ndarray, genes: np.ndarray
) -> np.ndarray:
    scaled = joined.copy()
    scale_features(scaled, np.flatnonzero(is_fitted))

    def make(penalty: float) -> Callable[[], Model]:
        return lambda: LogisticRegression(
            C=penalty, class_weight="balanced", max_iter=500
        )

    found = {}
    for penalty in PENALTIES:
        predicted, _ = _cross_fit(make(penalty), scaled, labels, is_fitted, genes)
        score = compute_macro_auprc(labels[is_fitted], predicted[is_fitted])
        found[penalty] = (score, predicted)
    best = max(found, key=lambda penalty: found[penalty][0])
    logger.info("hybrid head: C %g, validation AUPRC %.3f", best, found[best][0])
    return found[best][1]


def _predict_trees(
    joined: np.ndarray,
    labels: np.ndarray,
    is_fitted: np.ndarray,
    genes: np.ndarray,
    seed: int,
) -> tuple[np.ndarray, Model]:
    def make() -> Model:
        return HistGradientBoostingClassifier(
            max_iter=TREES,
            learning_rate=0.1,
            max_leaf_nodes=8,
            min_samples_leaf=10,
            l2_regularization=1.0,
            max_features=0.3,
            class_weight="balanced",
            early_stopping=False,
            random_state=seed,
        )

    return _cross_fit(make, joined, labels, is_fitted, genes)


def _cross_fit(
    make: Callable[[], Model],
    values: np.ndarray,
    labels: np.ndarray,
    is_fitted: np.ndarray,
    genes: np.ndarray,
) -> tuple[np.ndarray, Model]:
    """Predict fitted rows by fits without their gene, the others by a fit on all.

    Returns:
        float64 (n, classes), and the fit on all fitted rows.
    """
    classes = int(labels.max()) + 1
    predicted = np.zeros((len(labels), classes))

    def fit(rows: np.ndarray, wanted: np.ndarray) -> Model:
        model = make().fit(fill_empty_columns(values[rows]), labels[rows])
        predicted[np.ix_(wanted, model.classes_)] = model.predict_proba(values[wanted])
        predicted[wanted] = restore_prior(predicted[wanted], labels[rows])
        return model

    fitted = np.flatnonzero(is_fitted)
    folds = min(INNER_FOLDS, len(np.unique(genes[fitted])))
    if folds > 1:
        splitter = GroupKFold(folds)
        for train, held in splitter.split(fitted, groups=genes[fitted]):
            if len(np.unique(labels[fitted[train]])) > 1:
                fit(fitted[train], fitted[held])
            else:
                shares = np.bincount(labels[fitted[train]], minlength=classes)
                predicted[fitted[held]] = shares / shares.sum()
    return predicted, fit(fitted, np.flatnonzero(~is_fitted))


def explain_trees(model: Model, values: np.ndarray) -> np.ndarray:
    """SHAP values of the log odds of an error: float64 (n, features)."""
    import shap  # takes seconds to import

    return np.asarray(shap.TreeExplainer(model).shap_values(values))


def choose_features(features: pd.DataFrame, labels: pd.Series, most: int) -> list[str]:
    """Choose the features that part the classes of the training sites most.

    The training part may be looked at here: features know nothing of the model.

    Args:
        features: By site_id.
        labels: Labels of the training sites by site_id.
        most: How many to choose.
    """
    values = np.nan_to_num(features.loc[labels.index].to_numpy(dtype=np.float32))
    truth = labels.to_numpy(dtype=np.int64)
    strength = measure_separation(values, truth)
    best = np.sort(np.argsort(-strength, kind="stable")[:most])
    return [features.columns[k] for k in best]


def align_held_out(
    predictions: pd.DataFrame,
    embeddings: pd.DataFrame,
    features: pd.DataFrame,
    genes: pd.Series,
    training: pd.Series,
) -> HeldOut:
    """Put everything known of a run's held-out sites on the same rows.

    Args:
        predictions: ``predictions.parquet`` of the run.
        embeddings: ``embeddings.parquet`` of the run: site_id, then the vectors.
        features: Features by site_id; those that part the training sites are kept.
        genes: Gene by site_id.
        training: Labels of the training sites by site_id.

    Raises:
        InputError: A site is not in all of them.
    """
    rows = predictions[["site_id", "part", "label"]].reset_index(drop=True)
    ids = rows["site_id"]
    vectors = embeddings.set_index("site_id")
    for name, table in (("embeddings", vectors), ("features", features)):
        if not ids.isin(table.index).all():
            raise InputError(
                f"the {name} do not hold all sites of the predictions; make both again"
            )
    columns = [c for c in predictions.columns if c.startswith("probability_")]
    probabilities = predictions[columns].to_numpy(dtype=float)
    fitted = int((rows["part"] == "validation").sum())
    most = max(FEWEST_FEATURES, fitted // SITES_PER_FEATURE)
    names = choose_features(features, training, most)
    return HeldOut(
        rows=rows,
        genes=number_groups(genes.reindex(ids).to_numpy(dtype=object), len(rows)),
        log_odds=np.log(np.maximum(probabilities, 1e-6)),
        vectors=vectors.loc[ids].to_numpy(dtype=np.float32),
        features=features.loc[ids, names].to_numpy(dtype=np.float32),
        names=names,
    )
