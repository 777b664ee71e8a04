"""What a motif does to a model: put it into windows that lack it, and predict.

The motif's likeliest word replaces the bases at one of the places it was found at. The
control replaces the same bases of the same window by what another window without the
motif has there: natural sequence of that place, as unlike the original. What is left
between the two is the motif's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from error_sequence_model.statistics import draw_gene_weights, number_groups

WINDOWS = 40
FEWEST_WINDOWS = 10
DRAWS = 1000
BASES = "ACGT"


class Effect(NamedTuple):
    """Mean change of the log-odds of an error, against the control insertions.

    Attributes:
        delta_logit: Natural log-odds; NaN with fewer than ten windows.
        low: Lower end of the 95 % interval, bootstrap over genes.
        high: Upper end.
        n_windows: Windows it was put into.
    """

    delta_logit: float
    low: float
    high: float
    n_windows: int


class Insertion(NamedTuple):
    """A motif to be put into windows.

    Attributes:
        matrix: Share of each base, float (width, 4).
        starts: Columns it was found at, int (m,).
        lacking: Rows of the windows without it at its usual place, int (k,).
    """

    matrix: np.ndarray
    starts: np.ndarray
    lacking: np.ndarray


def measure_effects(
    predict: Callable[[list[str]], np.ndarray],
    insertions: Sequence[Insertion],
    sequences: Sequence[str],
    genes: np.ndarray,
    *,
    seed: int = 0,
) -> list[Effect]:
    """Measure what each motif adds to the log-odds of an error.

    Args:
        predict: Sequences -> log-odds of an error, float (n,).
        insertions: The motifs.
        sequences: Held-out windows, one length.
        genes: Gene of each window, (n,).
        seed: Of the windows, places and bootstrap.

    Returns:
        One effect per motif.
    """
    texts: list[str] = []
    chosen = []
    for number, insertion in enumerate(insertions):
        rng = np.random.default_rng([seed, number])
        rows, pairs = _insert(insertion, sequences, rng)
        chosen.append(rows)
        texts += pairs
    values = np.asarray(predict(texts), dtype=np.float64) if texts else np.zeros(0)
    effects, first = [], 0
    for rows in chosen:
        last = first + 2 * len(rows)
        changes = values[first:last:2] - values[first + 1 : last : 2]
        effects.append(_summarise(changes, genes[rows], seed))
        first = last
    return effects


def _insert(
    insertion: Insertion, sequences: Sequence[str], rng: np.random.Generator
) -> tuple[np.ndarray, list[str]]:
    """Choose windows; per window the text with the motif, then with the control."""
    if len(insertion.lacking) < FEWEST_WINDOWS:
        return np.zeros(0, dtype=int), []
    word = "".join(BASES[base] for base in insertion.matrix.argmax(axis=1))
    rows = rng.permutation(insertion.lacking)[:WINDOWS]
    texts = []
    for row in rows:
        start = int(rng.choice(insertion.starts))
        end = start + len(word)
        others = insertion.lacking[insertion.lacking != row]
        control = sequences[int(rng.choice(others))][start:end]
        own = sequences[row]
        texts += [own[:start] + text + own[end:] for text in (word, control)]
    return rows, texts


def _summarise(changes: np.ndarray, genes: np.ndarray, seed: int) -> Effect:
    if not len(changes):
        return Effect(np.nan, np.nan, np.nan, 0)
    groups = np.unique(number_groups(genes, len(genes)), return_inverse=True)[1]
    drawn = []
    for weights in draw_gene_weights(groups, draws=DRAWS, seed=seed):
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn.append(weights @ changes / weights.sum(axis=1))
    means = np.concatenate(drawn)
    low, high = np.quantile(means[np.isfinite(means)], [0.025, 0.975])
    return Effect(float(changes.mean()), float(low), float(high), len(changes))
