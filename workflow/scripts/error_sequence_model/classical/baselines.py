"""Baselines that every language model is compared with, on the same sites and folds.

``prevalence`` knows nothing; ``score`` is the predictor's own score (a reference, not
a fair model: it helped to define the labels); ``strength`` is the splice consensus
alone; ``kmers`` is gradient boosting on words, ``boosting`` and ``logistic`` use every
feature, ``neighbour`` the training sites that are most alike. All is learnt from the
training part, and chosen on the validation part.

`classical/predictions.parquet`, `classical/cnn.parquet` and `classical/embeddings/`,
one row per model, fold and site of the validation and test parts:
    site_id int64, part, label int8, fold int16, model, kind (baseline | reference),
    then probability_{class index} float64
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from error_sequence_model.classical.models import (
    Rows,
    code_column,
    fit_boosting,
    fit_constant,
    fit_logistic,
    fit_neighbours,
)
from error_sequence_model.core import InputError, refuse_damage
from error_sequence_model.features import list_columns

logger = logging.getLogger(__name__)

COLUMNS_AT_ONCE = 64
AWARE_GROUPS = ("column", "annotation")


@dataclass(frozen=True)
class Baseline:
    """A baseline: an estimator and the features it sees.

    Attributes:
        fit: From `models`.
        groups: Groups of features; None: all. Empty: none.
        is_coded: Whether the estimator takes features binned to a byte.
        kind: "baseline", or "reference": no rival of the language models.
        uses_score: The predictor's score in place of features.
    """

    fit: Callable[[np.ndarray, Rows], np.ndarray]
    groups: tuple[str, ...] | None = None
    is_coded: bool = False
    kind: str = "baseline"
    uses_score: bool = False


BASELINES = {
    "prevalence": Baseline(fit_constant, (), kind="reference"),
    "score": Baseline(fit_logistic, (), kind="reference", uses_score=True),
    "strength": Baseline(fit_logistic, ("strength",)),
    "kmers": Baseline(fit_boosting, ("base", "kmer", "gc"), is_coded=True),
    "logistic": Baseline(fit_logistic),
    "boosting": Baseline(fit_boosting, is_coded=True),
    "neighbour": Baseline(fit_neighbours, ("kmer",)),
}
# Those that are fitted by steps of their own.
ELSEWHERE = ("cnn", "embeddings")


def fit_baselines(
    split: pd.DataFrame,
    sites: pd.DataFrame,
    features: Path,
    *,
    models: Iterable[str] = tuple(BASELINES),
    score_aware: bool = False,
    seed: int = 1,
) -> pd.DataFrame:
    """Fit baselines on every fold and predict validation and test.

    Args:
        split: ``split.parquet``.
        sites: ``sites.parquet``.
        features: ``features.parquet``.
        models: Names of `BASELINES`; those fitted elsewhere are passed over.
        score_aware: The features hold what the label is made of: models that use it
            are named so and are references, not baselines.
        seed: Seed of the boosting.

    Returns:
        One row per model, fold and held-out site: model, kind, fold, site_id, part,
        label, then probability_{class index}.

    Raises:
        InputError: An unknown model.
    """
    scores = sites.set_index("site_id")["score"].astype("float32")
    frames = []
    for fold, part in split[split["part"] != "excluded"].groupby("fold", sort=True):
        part = part.sort_values("site_id").reset_index(drop=True)
        rows = make_rows(part, seed)
        for name in models:
            if name in ELSEWHERE:
                continue
            baseline = get_baseline(name)
            if baseline.uses_score:
                matrix = scores.loc[part["site_id"]].to_numpy()[:, None].copy()
                if np.isnan(matrix).any():
                    logger.info("fold %s: no %s, sites have none", fold, name)
                    continue
            else:
                matrix = read_matrix(
                    features,
                    part["site_id"].to_numpy(),
                    fold=int(fold),
                    groups=baseline.groups,
                    train=rows.train if baseline.is_coded else None,
                )
            is_aware = score_aware and baseline.groups is None
            frames.append(
                make_predictions(
                    part,
                    rows,
                    baseline.fit(matrix, rows),
                    model=f"{name} score-aware" if is_aware else name,
                    kind="reference" if is_aware else baseline.kind,
                )
            )
    return pd.concat(frames, ignore_index=True)


def get_baseline(name: str) -> Baseline:
    """Look a baseline up.

    Raises:
        InputError: There is none of this name.
    """
    if name not in BASELINES:
        raise InputError(
            f"baselines.models: {name!r}; there are "
            f"{', '.join([*BASELINES, *ELSEWHERE])}"
        )
    return BASELINES[name]


def make_rows(part: pd.DataFrame, seed: int) -> Rows:
    """Which rows of a fold's table are fitted, chosen and predicted on.

    Args:
        part: site_id, label and part of the sites of one fold, none excluded.
        seed: Passed on.
    """
    names = part["part"].to_numpy()
    return Rows(
        labels=part["label"].to_numpy(dtype=np.int64),
        train=np.flatnonzero(names == "train"),
        validation=np.flatnonzero(names == "validation"),
        held_out=np.flatnonzero(names != "train"),
        seed=seed,
    )


def make_predictions(
    part: pd.DataFrame, rows: Rows, probabilities: np.ndarray, *, model: str, kind: str
) -> pd.DataFrame:
    """Put predictions into the one format that `compare` reads.

    Args:
        part: site_id, label, fold and part of the sites of one fold.
        rows: Its rows.
        probabilities: float (held-out rows, classes).
        model: Name in tables.
        kind: "baseline" or "reference".
    """
    held_out = part.loc[rows.held_out, ["site_id", "part", "label", "fold"]].copy()
    held_out["model"] = model
    held_out["kind"] = kind
    for index in range(probabilities.shape[1]):
        held_out[f"probability_{index}"] = probabilities[:, index]
    return held_out


def read_matrix(
    path: Path,
    site_ids: np.ndarray,
    *,
    fold: int,
    groups: Sequence[str] | None = None,
    train: np.ndarray | None = None,
) -> np.ndarray:
    """Read features of some sites as a matrix, a few columns at a time.

    Args:
        path: ``features.parquet``.
        site_ids: int64 (n,), in the order wanted.
        fold: Whose learnt features.
        groups: Which groups; None: all.
        train: Training rows to bin by (see `code_column`); None: values as they are.

    Returns:
        float32 (n, features), or uint8 where binned: a quarter of the memory.

    Raises:
        InputError: No such file, it cannot be read, or it lacks a site.
    """
    columns = [
        column
        for name, column in list_columns(path, fold).items()
        if groups is None or name.split(":")[0] in groups
    ]
    with refuse_damage(path):
        file = pq.ParquetFile(path, memory_map=True)
        known = file.read(columns=["site_id"])["site_id"].to_numpy()
    order = np.searchsorted(known, site_ids)
    if len(known) == 0 or (known[np.minimum(order, len(known) - 1)] != site_ids).any():
        raise InputError(f"{path}: some sites of the split are missing; make it again")
    dtype = np.float32 if train is None else np.uint8
    matrix = np.empty((len(site_ids), len(columns)), dtype=dtype, order="F")
    for start in range(0, len(columns), COLUMNS_AT_ONCE):
        chosen = columns[start : start + COLUMNS_AT_ONCE]
        with refuse_damage(path):
            table = file.read(columns=chosen)
            table.validate()
        for number, column in enumerate(chosen, start):
            values = table[column].to_numpy()[order]
            matrix[:, number] = values if train is None else code_column(values, train)
    return matrix
