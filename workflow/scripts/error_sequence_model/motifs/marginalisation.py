"""What a motif does to a model: put into windows that lack it, taken out of errors.

In: the likeliest word replaces the bases at one of the places it was found at. The
control replaces the same bases of the same window by what another window without the
motif has there: natural sequence of that place, as unlike the original.

Out: every hit of an error gives way to what another window without the motif has there.
The control replaces as many bases of the same window beside each hit likewise. What is
left between two such windows is the motif's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from error_sequence_model.motifs.enrichment import SearchedSites
from error_sequence_model.statistics import get_mean_interval

WINDOWS = 40
FEWEST_WINDOWS = 10
DRAWS = 1000
BASES = "ACGT"

Predict = Callable[[list[str]], np.ndarray]
# Windows that were edited, and for each the text with the edit, then its control.
Edits = tuple[np.ndarray, list[str]]


class Effect(NamedTuple):
    """Mean change of the log-odds of an error, against the control edits.

    Attributes:
        delta_logit: Natural log-odds; NaN with fewer than ten windows.
        low: Lower end of the 95 % interval, bootstrap over genes; NaN with few genes.
        high: Upper end.
        n_windows: Windows that were edited.
    """

    delta_logit: float
    low: float
    high: float
    n_windows: int


UNKNOWN_EFFECT = Effect(np.nan, np.nan, np.nan, 0)


class Insertion(NamedTuple):
    """A motif to be put into windows, and taken out of them.

    Attributes:
        matrix: Share of each base, float (width, 4).
        starts: Columns it was found at, int (m,).
        lacking: Rows of the windows without it at its usual place, int (k,).
        carrying: Rows of the errors that have it at its place, int (j,).
        hits: Where it starts there: place in ``carrying`` and column, int (h, 2).
    """

    matrix: np.ndarray
    starts: np.ndarray
    lacking: np.ndarray
    carrying: np.ndarray
    hits: np.ndarray


def measure_effects(
    predict: Predict,
    insertions: Sequence[Insertion],
    sites: SearchedSites,
    *,
    seed: int = 0,
) -> list[tuple[Effect, Effect]]:
    """Measure what each motif adds to the log-odds of an error, and what it takes away.

    Args:
        predict: Sequences -> log-odds of an error, float (n,).
        insertions: The motifs.
        sites: Held-out sites.
        seed: Of the windows, places and bootstrap.

    Returns:
        Per motif the effect of putting it in, and of taking it out of errors.
    """
    sequences = spell_windows(sites.codes)
    edits: list[Edits] = []
    for number, insertion in enumerate(insertions):
        rng = np.random.default_rng([seed, number])
        edits += [_insert(insertion, sequences, rng)]
        edits += [_remove(insertion, sequences, rng)]
    texts = [text for _, pairs in edits for text in pairs]
    values = np.asarray(predict(texts), dtype=np.float64) if texts else np.zeros(0)
    effects, first = [], 0
    for rows, pairs in edits:
        last = first + len(pairs)
        changes = values[first:last:2] - values[first + 1 : last : 2]
        effects.append(_summarise(changes, sites.genes[rows], seed))
        first = last
    return list(zip(effects[::2], effects[1::2], strict=True))


def make_insertion(
    matrix: np.ndarray, starts: np.ndarray, hits: np.ndarray, sites: SearchedSites
) -> Insertion:
    """Put together what edits of a motif need from its hits at its place."""
    has_hit = hits.any(axis=1)
    carrying = np.flatnonzero(has_hit & sites.is_error)
    lacking, places = np.flatnonzero(~has_hit), np.argwhere(hits[carrying])
    return Insertion(matrix, starts, lacking, carrying, places)


def spell_windows(codes: np.ndarray) -> list[str]:
    """Turn base codes, int (n, length), into strings; other letters are N."""
    letters = np.frombuffer(b"ACGTN", dtype=np.uint8)[codes]
    return [row.tobytes().decode() for row in letters]


def _insert(
    insertion: Insertion, sequences: Sequence[str], rng: np.random.Generator
) -> Edits:
    if min(len(insertion.lacking), len(insertion.starts) * WINDOWS) < FEWEST_WINDOWS:
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


def _remove(
    insertion: Insertion, sequences: Sequence[str], rng: np.random.Generator
) -> Edits:
    few = min(len(insertion.lacking), len(insertion.carrying))
    if few < FEWEST_WINDOWS:
        return np.zeros(0, dtype=int), []
    drawn = rng.permutation(len(insertion.carrying))[:WINDOWS]
    rows = insertion.carrying[drawn]
    width, texts = len(insertion.matrix), []
    for number, row in zip(drawn, rows, strict=True):
        own = sequences[row]
        other = sequences[int(rng.choice(insertion.lacking))]
        starts = insertion.hits[insertion.hits[:, 0] == number, 1]
        columns = np.unique(starts[:, None] + np.arange(width))
        # As far beside the hits as they are long, on the side that has room.
        away = width if columns.max() + width < len(own) else -width
        beside = np.setdiff1d(columns + away, columns)
        texts += [replace_letters(own, other, at) for at in (columns, beside)]
    return rows, texts


def replace_letters(own: str, other: str, columns: np.ndarray) -> str:
    """Put another sequence's letters into some columns."""
    letters = np.array(list(own))
    letters[columns] = np.array(list(other))[columns]
    return "".join(letters)


def _summarise(changes: np.ndarray, genes: np.ndarray, seed: int) -> Effect:
    if not len(changes):
        return UNKNOWN_EFFECT
    ends = get_mean_interval(changes, genes, draws=DRAWS, seed=seed)
    return Effect(float(changes.mean()), *ends, len(changes))


def describe_effects(put_in: Effect, taken_out: Effect) -> dict[str, float]:
    """Columns of the tables of motifs and elements."""
    return {
        "delta_logit": put_in.delta_logit,
        "delta_low": put_in.low,
        "delta_high": put_in.high,
        "n_windows": put_in.n_windows,
        "knockout_logit": taken_out.delta_logit,
        "knockout_low": taken_out.low,
        "knockout_high": taken_out.high,
        "n_knocked_out": taken_out.n_windows,
    }


EFFECT_COLUMNS = {
    "delta_logit": "change of the log-odds of an error when it is put into windows",
    "delta_low": "lower end of its 95 % interval, bootstrap over genes",
    "delta_high": "upper end of it",
    "n_windows": "windows it was put into",
    "knockout_logit": "change of the log-odds when it is taken out of errors",
    "knockout_low": "lower end of its 95 % interval, bootstrap over genes",
    "knockout_high": "upper end of it",
    "n_knocked_out": "held-out errors it was taken out of",
}
