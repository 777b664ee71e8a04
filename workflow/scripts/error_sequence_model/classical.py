"""Baselines that every language model is compared with, on the same sites and folds.

``prevalence`` knows nothing; ``score`` is the predictor's own score (a reference, not
a fair model: it helped to define the labels); ``strength`` is the splice consensus as a
position weight matrix; ``kmers`` is gradient boosting on 4-mer counts either side of
the junction, the bases next to it, and GC. All of it is learnt from the training part.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from error_sequence_model.windows import Windows

logger = logging.getLogger(__name__)

BASES = np.frombuffer(b"ACGT", dtype=np.uint8)
KMER = 4
# Offsets of the consensus around the junction: (first, last + 1).
CONSENSUS = {"donor": (-3, 6), "acceptor": (-20, 3)}
FLANK = 20  # bases on each side that boosting sees one by one
REFERENCES = ("prevalence", "score")


def fit_baselines(
    split: pd.DataFrame, sites: pd.DataFrame, windows: Windows, *, seed: int
) -> pd.DataFrame:
    """Fit every baseline on every fold and predict validation and test.

    Args:
        split: ``split.parquet``.
        sites: ``sites.parquet``.
        windows: The windows of the sites.
        seed: Seed of the boosting.

    Returns:
        One row per model, fold and held-out site: model, kind ("baseline" or
        "reference"), fold, site_id, part, label, then probability_{class index}.
    """
    sites = sites.set_index("site_id", drop=False)
    frames = []
    for fold, rows in split[split["part"] != "excluded"].groupby("fold", sort=True):
        rows = rows.sort_values("site_id").reset_index(drop=True)
        here = sites.loc[rows["site_id"]]
        codes = encode_bases(windows.get_matrix(rows["site_id"].to_numpy()))
        is_train = (rows["part"] == "train").to_numpy()
        labels = rows["label"].to_numpy(dtype=np.int64)
        classes = int(labels.max()) + 1
        for name, make_features in FEATURES.items():
            features = make_features(here, codes, windows.upstream, is_train)
            if features is None:
                logger.info("fold %s: no %s baseline, sites have none", fold, name)
                continue
            probabilities = _fit(name, features, labels, is_train, classes, seed)
            held_out = rows.loc[~is_train, ["site_id", "part", "label", "fold"]].copy()
            held_out["model"] = name
            held_out["kind"] = "reference" if name in REFERENCES else "baseline"
            for index in range(classes):
                held_out[f"probability_{index}"] = probabilities[~is_train, index]
            frames.append(held_out)
    return pd.concat(frames, ignore_index=True)


def _fit(
    name: str,
    features: np.ndarray,
    labels: np.ndarray,
    is_train: np.ndarray,
    classes: int,
    seed: int,
) -> np.ndarray:
    """Fit on the training rows, predict all: float64 (n, classes)."""
    if name == "kmers":
        model = HistGradientBoostingClassifier(
            max_iter=120,
            learning_rate=0.1,
            max_leaf_nodes=15,
            min_samples_leaf=10,
            l2_regularization=1.0,
            max_features=0.3,
            class_weight="balanced",
            early_stopping=False,
            random_state=seed,
        )
    else:
        model = make_pipeline(
            StandardScaler(), LogisticRegression(class_weight="balanced")
        )
    model.fit(features[is_train], labels[is_train])
    probabilities = np.zeros((len(labels), classes))
    probabilities[:, model.classes_] = model.predict_proba(features)
    return probabilities


def encode_bases(matrix: np.ndarray) -> np.ndarray:
    """Number bases: A 0, C 1, G 2, T 3, anything else 4. int8, same shape."""
    codes = np.full(256, 4, dtype=np.int8)
    codes[BASES] = np.arange(4)
    return codes[matrix]


def _use_nothing(
    sites: pd.DataFrame, codes: np.ndarray, upstream: int, is_train: np.ndarray
) -> np.ndarray:
    return np.zeros((len(sites), 1))


def _use_score(
    sites: pd.DataFrame, codes: np.ndarray, upstream: int, is_train: np.ndarray
) -> np.ndarray | None:
    scores = sites["score"].astype("float64").to_numpy()
    return None if np.isnan(scores).any() else scores[:, None]


def _use_strength(
    sites: pd.DataFrame, codes: np.ndarray, upstream: int, is_train: np.ndarray
) -> np.ndarray:
    """Score the consensus with a matrix learnt from annotated training sites."""
    strength = np.zeros((len(sites), 1))
    annotated = sites["pred_type"].isin(["TP", "FN"]).to_numpy() & is_train
    for splice_type, (first, last) in CONSENSUS.items():
        is_type = (sites["splice_type"] == splice_type).to_numpy()
        if not is_type.any():
            continue
        teachers = annotated & is_type
        if not teachers.any():
            teachers = is_train & is_type
        around = codes[:, max(upstream + first, 0) : upstream + last]
        weights = learn_matrix(around[teachers], codes[teachers])
        strength[is_type, 0] = score_matrix(around[is_type], weights)
    return strength


def learn_matrix(aligned: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Learn a position weight matrix.

    Args:
        aligned: Base codes of aligned sites, int (n, width).
        background: Base codes that give the background composition, any shape.

    Returns:
        log2 of base frequency over background, float64 (width, 5); 0 for other bases.
    """
    counts = (
        np.stack([(aligned == base).sum(axis=0) for base in range(4)], axis=1) + 1.0
    )
    shares = np.array([(background == base).sum() for base in range(4)]) + 1.0
    weights = np.zeros((aligned.shape[1], 5))
    weights[:, :4] = np.log2(
        counts / counts.sum(axis=1, keepdims=True) / (shares / shares.sum())
    )
    return weights


def score_matrix(aligned: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sum a matrix over aligned sites, in bits: float64 (n,)."""
    return weights[np.arange(aligned.shape[1]), aligned].sum(axis=1)


def _use_kmers(
    sites: pd.DataFrame, codes: np.ndarray, upstream: int, is_train: np.ndarray
) -> np.ndarray:
    near = codes[:, max(upstream - FLANK, 0) : upstream + FLANK]
    sides = [codes[:, :upstream], codes[:, upstream:]]
    gc = [((side == 1) | (side == 2)).mean(axis=1, keepdims=True) for side in sides]
    kind = (sites["splice_type"] == "donor").to_numpy(dtype=np.float64)[:, None]
    return np.hstack(
        [count_kmers(side) for side in sides]
        + [(near == base).astype(np.float64) for base in range(4)]
        + [*gc, _use_strength(sites, codes, upstream, is_train), kind]
    )


def count_kmers(codes: np.ndarray) -> np.ndarray:
    """Count k-mers without other letters: float32 (n, 4**k)."""
    width = codes.shape[1] - KMER + 1
    words = np.zeros((len(codes), width), dtype=np.int64)
    is_word = np.ones((len(codes), width), dtype=bool)
    for place in range(KMER):
        part = codes[:, place : place + width]
        words = words * 4 + part
        is_word &= part < 4
    rows = np.repeat(np.arange(len(codes)), width).reshape(words.shape)
    flat = rows[is_word] * 4**KMER + words[is_word]
    counts = np.bincount(flat, minlength=len(codes) * 4**KMER)
    return counts.reshape(len(codes), 4**KMER).astype(np.float32)


FEATURES: dict[str, Callable[..., np.ndarray | None]] = {
    "prevalence": _use_nothing,
    "score": _use_score,
    "strength": _use_strength,
    "kmers": _use_kmers,
}
