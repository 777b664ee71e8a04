"""Stacking: one model from all models, weighted by what each adds on unseen sites.

The stack is a log-linear pool, ``softmax(sum_m w_m * log p_m + b)`` with weights that
are never negative. It is fitted on the validation part of each fold, which no member
was fitted on, and judged on the test part: a weight cannot reward memory. A penalty
pulls towards the plain mean of the members, so that few sites or pure noise end there.
(Wolpert 1992; Breiman 1996 for the sign of the weights.)

`ensemble/predictions.parquet`, one row per fold and site of the validation and test
parts:
    site_id int64, part, label int8, model and kind ("ensemble"), fold, then
    probability_{class index} float64
`ensemble/weights.tsv`, one row per fold and member: fold, model, kind, weight, share of
    the fold's sum.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import log_softmax

from error_sequence_model.core import InputError

logger = logging.getLogger(__name__)

NAME = "ensemble"
SMALLEST_PROBABILITY = 1e-4
# In units of one site's log loss: with a few hundred sites the data have the say.
PENALTY = 4.0


class Stack(NamedTuple):
    """A fitted pool.

    Attributes:
        weights: Weight of each member, float64 (members,), never negative.
        offsets: Added per class, float64 (classes,), the first is 0.
    """

    weights: np.ndarray
    offsets: np.ndarray

    def predict(self, log_probabilities: np.ndarray) -> np.ndarray:
        """Pool members: float (members, n, classes) -> probabilities (n, classes)."""
        pooled = np.tensordot(self.weights, log_probabilities, axes=1) + self.offsets
        return np.exp(log_softmax(pooled, axis=1))


def fit_stack(log_probabilities: np.ndarray, labels: np.ndarray) -> Stack:
    """Fit the weights of a pool by penalised log loss.

    Args:
        log_probabilities: Of each member, float (members, n, classes).
        labels: Class index, int (n,).

    Returns:
        The pool; without sites, or with one class only, the mean of the members.
    """
    members, sites, classes = log_probabilities.shape
    plain = np.full(members, 1 / members)
    if sites == 0 or len(np.unique(labels)) < 2:
        return Stack(plain, np.zeros(classes))
    truth = np.eye(classes)[labels]

    def measure(values: np.ndarray) -> tuple[float, np.ndarray]:
        weights = values[:members]
        offsets = np.append(0.0, values[members:])
        pooled = np.tensordot(weights, log_probabilities, axes=1) + offsets
        logs = log_softmax(pooled, axis=1)
        miss = np.exp(logs) - truth
        slope = np.einsum("mnk,nk->m", log_probabilities, miss)
        away = weights - plain
        loss = -(logs * truth).sum() + PENALTY * members * (away**2).sum()
        slopes = [slope + 2 * PENALTY * members * away, miss.sum(axis=0)[1:]]
        return float(loss), np.concatenate(slopes)

    from scipy.optimize import minimize  # takes longer to load than to run

    found = minimize(
        measure,
        np.append(plain, np.zeros(classes - 1)),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, None)] * members + [(None, None)] * (classes - 1),
    )
    return Stack(found.x[:members], np.append(0.0, found.x[members:]))


def stack_models(predictions: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Stack all models but the references, fold by fold.

    Args:
        predictions: Of backbones and baselines: model, kind, seed, fold, site_id,
            part, label, probability_{class index}. Seeds of a model are averaged (the
            mean of their log probabilities) before they are weighted.

    Returns:
        Predictions of the model "ensemble" in the same format; and the weights: fold,
        model, kind, weight, share (of the fold's sum).

    Raises:
        InputError: Two members were tested on different sites.
    """
    columns = sorted(c for c in predictions.columns if c.startswith("probability_"))
    members = predictions[predictions["kind"] != "reference"]
    stacked, weights = [], []
    for fold, part in members.groupby("fold", sort=True):
        names, rows, values = _align_members(part, columns)
        is_fitted = (rows["part"] == "validation").to_numpy()
        labels = rows["label"].to_numpy(dtype=np.int64)
        stack = fit_stack(values[:, is_fitted], labels[is_fitted])
        pooled = stack.predict(values)
        frame = rows.assign(model=NAME, kind="ensemble", fold=fold)
        stacked.append(frame.assign(**dict(zip(columns, pooled.T, strict=True))))
        total = max(stack.weights.sum(), 1e-12)
        for (kind, model), weight in zip(names, stack.weights, strict=True):
            row = {"fold": fold, "model": model, "kind": kind, "weight": weight}
            weights.append({**row, "share": weight / total})
    table = pd.DataFrame(weights)
    logger.info(
        "ensemble: %s",
        ", ".join(
            f"{model} {share:.0%}"
            for model, share in table.groupby("model")["share"].mean().items()
        ),
    )
    return pd.concat(stacked, ignore_index=True), table


def _align_members(
    part: pd.DataFrame, columns: list[str]
) -> tuple[list[tuple[str, str]], pd.DataFrame, np.ndarray]:
    """Put the members of one fold on the same sites.

    Returns:
        (kind, model) of each; site_id, part and label of each site; log probabilities,
        float64 (members, n, classes).
    """
    names, values = [], []
    rows: pd.DataFrame | None = None
    for key, frame in part.groupby(["kind", "model"], sort=True):
        logs = np.log(frame[columns].clip(lower=SMALLEST_PROBABILITY))
        frame = frame[["site_id", "part", "label"]].join(logs)
        by = ["site_id", "part", "label"]
        mean = frame.groupby(by, sort=True, as_index=False)[columns].mean()
        if rows is None:
            rows = mean[by]
        elif not np.array_equal(rows["site_id"], mean["site_id"]):
            raise InputError(
                f"{key[1]} and {names[0][1]} were tested on different sites; make both "
                "predictions again from the same split"
            )
        names.append(key)
        values.append(log_softmax(mean[columns].to_numpy(), axis=1))
    return names, rows, np.stack(values)
