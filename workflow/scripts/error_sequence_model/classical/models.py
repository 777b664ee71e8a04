"""The classical models: fitted on training rows, tuned on validation AUPRC alone.

Each takes the same data and returns the class probabilities of every held-out row, so
that a model is one function and a set of features.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from error_sequence_model.statistics import (
    calibrate_about_prior,
    compute_macro_auprc,
    fill_empty_columns,
    restore_prior,
)

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

logger = logging.getLogger(__name__)

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1)  # inverse strengths C of the ridge
TREES = 120
STEP = 10  # trees between two looks at the validation part
BINS = 64
# Boosting on few sites sees the features that part the training classes most: with
# 1,900 for 1,500 sites the others cost time and gain nothing (measured on real errors).
SCREENED = 400
NEIGHBOURS = (1, 5, 20, 50, 100)
ROWS_AT_ONCE = 2048


@dataclass(frozen=True)
class Rows:
    """What is fitted, chosen and predicted on; index arrays into the features' rows.

    Attributes:
        labels: Class indices of all rows, int (n,).
        train: Rows to fit on.
        validation: Rows to choose settings on.
        held_out: Rows to predict; the validation rows are among them.
        seed: Of everything drawn.
    """

    labels: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    held_out: np.ndarray
    seed: int = 1

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self.labels.max()) + 1

    def judge(self, probabilities: np.ndarray) -> float:
        """Validation AUPRC of probabilities of the held-out rows; 0 if undefined."""
        is_validation = np.isin(self.held_out, self.validation)
        labels = self.labels[self.held_out[is_validation]]
        if len(np.unique(labels)) < 2:
            return 0.0
        return compute_macro_auprc(labels, probabilities[is_validation])

    def calibrate(self, probabilities: np.ndarray) -> np.ndarray:
        """Scale probabilities of the held-out rows by a temperature (validation)."""
        shares = np.bincount(self.labels[self.train], minlength=self.classes)
        is_validation = np.isin(self.held_out, self.validation)
        return calibrate_about_prior(
            probabilities,
            self.labels[self.held_out],
            np.flatnonzero(is_validation),
            shares / shares.sum(),
        )

    def place(self, found: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        """Put columns of the classes seen in training, which were balanced, in place.

        Returns:
            Probabilities at the classes' own frequencies, float64 (n, classes).
        """
        placed = np.zeros((len(probabilities), self.classes))
        placed[:, found] = probabilities
        return restore_prior(placed, self.labels[self.train])


def fit_constant(features: np.ndarray, rows: Rows) -> np.ndarray:
    """Predict the shares of the classes in training for every row."""
    shares = np.bincount(rows.labels[rows.train], minlength=rows.classes)
    return np.tile(shares / shares.sum(), (len(rows.held_out), 1))


def fit_logistic(features: np.ndarray, rows: Rows) -> np.ndarray:
    """Ridge-penalised logistic regression on scaled features.

    Args:
        features: float (n, features); NaN is replaced by the training median. The
            array is overwritten.
        rows: What to fit on.

    Returns:
        float64 (held-out rows, classes), of the penalty with the best validation AUPRC.
    """
    scale_features(features, rows.train)
    from sklearn.linear_model import LogisticRegression  # other models do without

    best: tuple[float, float, np.ndarray] | None = None
    for penalty in PENALTIES:
        model = LogisticRegression(C=penalty, class_weight="balanced", max_iter=300)
        model.fit(features[rows.train], rows.labels[rows.train])
        found = rows.place(model.classes_, model.predict_proba(features[rows.held_out]))
        score = rows.judge(found)
        if best is None or score > best[0]:
            best = (score, penalty, found)
    logger.info("logistic: C %g, validation AUPRC %.3f", best[1], best[0])
    return rows.calibrate(best[2])


def scale_features(features: np.ndarray, train: np.ndarray) -> None:
    """Impute and standardise in place, by the training rows; constants become 0."""
    for column in range(features.shape[1]):
        values = features[:, column]
        known = values[train]
        known = known[np.isfinite(known)]
        centre = np.median(known) if len(known) else 0.0
        values = np.where(np.isfinite(values), values, centre)
        spread = values[train].std()
        mean = values[train].mean()
        features[:, column] = (values - mean) / spread if spread > 1e-9 else 0.0


def fit_boosting(features: np.ndarray, rows: Rows) -> np.ndarray:
    """Histogram gradient boosting, cut where validation AUPRC is best.

    Args:
        features: uint8 codes from `code_column`, or float, (n, features); NaN is a
            value of its own.
        rows: What to fit on.

    Returns:
        float64 (held-out rows, classes).
    """
    features = features[:, screen_features(features, rows)]
    model = make_boosting(rows.seed)
    model.fit(fill_empty_columns(features[rows.train]), rows.labels[rows.train])
    best = (-1.0, 0, np.zeros((0, 0)))
    stages = model.staged_predict_proba(features[rows.held_out])
    for trees, stage in enumerate(stages, start=1):
        if trees % STEP == 0:
            found = rows.place(model.classes_, stage)
            score = rows.judge(found)
            if score > best[0]:
                best = (score, trees, found)
    logger.info("boosting: %d trees, validation AUPRC %.3f", best[1], best[0])
    return rows.calibrate(best[2])


def screen_features(features: np.ndarray, rows: Rows) -> np.ndarray:
    """Choose the columns that boosting sees, rising: all of them for many sites."""
    kept = max(SCREENED, len(rows.train) // 10)
    if features.shape[1] <= kept:
        return np.arange(features.shape[1])
    strength = measure_separation(
        features[rows.train].astype(np.float32), rows.labels[rows.train]
    )
    return np.sort(np.argsort(-strength, kind="stable")[:kept])


def measure_separation(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Share of each feature's variance that lies between the classes.

    The F statistic of a one-way analysis of variance rises with it.

    Args:
        features: float (n, features), without NaN.
        labels: int (n,).

    Returns:
        float64 (features,); 0 for a constant.
    """
    between = np.zeros(features.shape[1])
    for label in np.unique(labels):
        part = features[labels == label]
        between += len(part) * (part.mean(axis=0) - features.mean(axis=0)) ** 2
    return between / np.maximum(len(features) * features.var(axis=0), 1e-12)


def make_boosting(seed: int) -> HistGradientBoostingClassifier:
    """The boosting that all models of trees share."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=TREES,
        learning_rate=0.1,
        max_leaf_nodes=15,
        min_samples_leaf=10,
        l2_regularization=1.0,
        max_features=0.3,
        max_bins=BINS,
        class_weight="balanced",
        early_stopping=False,
        random_state=seed,
    )


def code_column(values: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Bin a feature by the quantiles of its training rows, so that it fits a byte.

    Args:
        values: float (n,).
        train: Training rows.

    Returns:
        uint8 (n,): 0 to 62 in the order of the values, 63 where there is none.
    """
    known = values[train]
    distinct = np.unique(known[np.isfinite(known)])
    if len(distinct) >= BINS - 1:
        shares = np.linspace(0, 1, BINS)[1:-1]
        distinct = np.unique(np.quantile(known[np.isfinite(known)], shares))
        edges = distinct
    else:
        edges = (distinct[1:] + distinct[:-1]) / 2
    codes = np.searchsorted(edges, values, side="right").astype(np.uint8)
    codes[~np.isfinite(values)] = BINS - 1
    return codes


def fit_neighbours(features: np.ndarray, rows: Rows) -> np.ndarray:
    """Vote of the training sites whose k-mers are most alike (cosine).

    Args:
        features: k-mer counts, float32 (n, features); overwritten.
        rows: What to fit on.

    Returns:
        float64 (held-out rows, classes), of the number of neighbours with the best
        validation AUPRC.
    """
    np.sqrt(features, out=features)
    features -= features[rows.train].mean(axis=0)
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    features /= np.maximum(norms, 1e-9)
    train = features[rows.train]
    is_class = np.eye(rows.classes)[rows.labels[rows.train]]
    most = min(max(NEIGHBOURS), len(train))
    counts = sorted({min(k, most) for k in NEIGHBOURS})
    votes = {k: [] for k in counts}
    for block in _cut(rows.held_out):
        likeness = features[block] @ train.T
        nearest = np.argpartition(-likeness, most - 1, axis=1)[:, :most]
        ranked = np.take_along_axis(likeness, nearest, axis=1)
        order = np.argsort(-ranked, axis=1, kind="stable")
        nearest = np.take_along_axis(nearest, order, axis=1)
        weights = np.maximum(np.take_along_axis(ranked, order, axis=1), 1e-6)
        for k in counts:
            share = weights[:, :k, None] * is_class[nearest[:, :k]]
            votes[k].append(share.sum(axis=1) / weights[:, :k].sum(axis=1)[:, None])
    found = {k: np.concatenate(parts) for k, parts in votes.items()}
    best = max(counts, key=lambda k: rows.judge(found[k]))
    logger.info("neighbours: %d, validation AUPRC %.3f", best, rows.judge(found[best]))
    return found[best]


def _cut(rows: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), ROWS_AT_ONCE):
        yield rows[start : start + ROWS_AT_ONCE]
