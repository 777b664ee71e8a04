"""Occlusion on the string: replace bases, tokenize again, compare predictions.

A substitution changes the tokens of a BPE model, so reference and changed sequence are
compared by prediction only, never token by token. Windows of a few bases are replaced
by random bases of the sequence's own composition: always plausible DNA, never [MASK].
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from error_sequence_model.classifier import ErrorClassifier
from error_sequence_model.datasets import SequenceDataset
from error_sequence_model.errors import InputError
from error_sequence_model.logs import get_progress
from error_sequence_model.prediction import predict_logits
from error_sequence_model.shuffling import draw_alternatives
from error_sequence_model.targets import compute_target
from error_sequence_model.token_store import TokenStore

WIDTH, STRIDE, DRAWS = 4, 2, 3


def predict_targets(
    model: ErrorClassifier,
    dataset: SequenceDataset,
    sequences: Sequence[str],
    junctions: np.ndarray,
    *,
    device: torch.device,
) -> np.ndarray:
    """Predict the log-odds of an error of any sequences, in float32.

    Args:
        model: The classifier.
        dataset: Gives tokenizer, classes and max_length.
        sequences: Bases.
        junctions: First base 3' of the junction in each, int (n,).
        device: Where to compute.

    Returns:
        float32 (n,).
    """
    encodings = [
        dataset.tokenizer.encode(sequence, junction=int(junction))
        for sequence, junction in zip(sequences, junctions, strict=True)
    ]
    changed = SequenceDataset(
        TokenStore.from_encodings(encodings),
        np.arange(len(encodings)),
        np.zeros(len(encodings), dtype=np.int64),
        junctions=junctions,
        classes=dataset.classes,
        tokenizer=dataset.tokenizer,
        max_length=dataset.max_length,
    )
    logits = predict_logits(model, changed, device=device)
    return compute_target(torch.from_numpy(logits), dataset.classes).numpy()


def attribute_by_substitution(
    model: ErrorClassifier,
    dataset: SequenceDataset,
    sequences: Sequence[str],
    *,
    device: torch.device,
    seed: int,
    width: int = WIDTH,
    stride: int = STRIDE,
    draws: int = DRAWS,
) -> tuple[np.ndarray, np.ndarray]:
    """Attribute the log-odds of an error by replacing short windows of bases.

    Args:
        model: The classifier.
        dataset: The sites.
        sequences: Their windows, one string per site, equally long.
        device: Where to compute.
        seed: Seed of the random bases.
        width: Bases replaced at once.
        stride: Bases between two windows.
        draws: Random replacements per window.

    Returns:
        float32 (n, length): per base the mean, over the windows that cover it, of the
        log-odds lost by the replacement per replaced base; and the log-odds of the
        unchanged sites, float32 (n,).
    """
    length = len(sequences[0])
    if any(len(sequence) != length for sequence in sequences):
        raise InputError("substitution needs sequences of one length, a map per base")
    width = min(width, length)
    starts = np.arange(0, length - width + 1, stride)
    if starts[-1] < length - width:
        starts = np.append(starts, length - width)  # the last bases count too
    maps = np.zeros((len(sequences), length), dtype=np.float32)
    targets = np.zeros(len(sequences), dtype=np.float32)
    sites = range(len(sequences))
    for site in get_progress(sites, what="substitution", unit="sites"):
        rng = np.random.default_rng([seed, int(dataset.site_ids[site])])
        changed = [sequences[site]]
        changed += replace_windows(sequences[site], starts, width, draws, rng)
        junctions = np.full(len(changed), dataset.junctions[site])
        values = predict_targets(model, dataset, changed, junctions, device=device)
        lost = (values[0] - values[1:]).reshape(len(starts), draws).mean(axis=1)
        covered = np.zeros(length)
        for start, value in zip(starts, lost, strict=True):
            maps[site, start : start + width] += value / width
            covered[start : start + width] += 1
        maps[site] /= np.maximum(covered, 1)
        targets[site] = values[0]
    return maps, targets


def replace_windows(
    sequence: str,
    starts: np.ndarray,
    width: int,
    draws: int,
    rng: np.random.Generator,
) -> list[str]:
    """Replace each window ``draws`` times: all draws of a window follow each other."""
    letters = np.frombuffer(sequence.encode(), dtype="S1")
    alternatives = draw_alternatives(sequence, draws, rng)
    replaced = []
    for start in starts:
        for alternative in alternatives:
            changed = letters.copy()
            changed[start : start + width] = alternative[start : start + width]
            replaced.append(changed.tobytes().decode())
    return replaced
