"""Occlusion on the string: replace bases, tokenize again, compare predictions.

A substitution changes the tokens of a BPE model, so reference and changed sequence are
compared by prediction only, never token by token. Windows of a few bases are replaced
by random bases of the sequence's own composition: always plausible DNA, never [MASK].
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from error_sequence_model.attribution.requests import MapBatch, MapRequest
from error_sequence_model.attribution.shuffling import draw_alternatives
from error_sequence_model.attribution.targets import compute_target
from error_sequence_model.classifier import ErrorClassifier, predict_logits
from error_sequence_model.core import InputError
from error_sequence_model.datasets import SequenceDataset
from error_sequence_model.tokenizers import TokenStore, junction_tokens

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

    Sequences with the same tokens are predicted once.

    Args:
        model: The classifier.
        dataset: Gives tokenizer, classes and max_length.
        sequences: Bases.
        junctions: First base 3' of the junction in each, int (n,).
        device: Where to compute.

    Returns:
        float32 (n,).
    """
    numbers: dict[tuple[bytes, tuple[int, int]], int] = {}
    encodings, kept, copies = [], [], []
    for sequence, junction in zip(sequences, junctions, strict=True):
        encoding = dataset.tokenizer.encode(
            sequence, max_length=dataset.max_length, junction=int(junction)
        )
        places = junction_tokens(encoding.spans, int(junction))
        key = (encoding.input_ids.tobytes(), places)
        if key not in numbers:
            numbers[key] = len(encodings)
            encodings.append(encoding)
            kept.append(int(junction))
        copies.append(numbers[key])
    changed = SequenceDataset(
        TokenStore.from_encodings(encodings),
        np.arange(len(encodings)),
        np.zeros(len(encodings), dtype=np.int64),
        junctions=np.array(kept),
        classes=dataset.classes,
        tokenizer=dataset.tokenizer,
    )
    logits = predict_logits(model, changed, device=device)
    return compute_target(torch.from_numpy(logits), dataset.classes).numpy()[copies]


def substitute_batch(request: MapRequest, indices: np.ndarray) -> MapBatch:
    """Attribute some sites by replacing short windows of bases."""
    maps, target = attribute_by_substitution(
        request.model,
        request.dataset.select(indices),
        request.get_sequences(indices, "substitution"),
        device=request.device,
        seed=request.seed,
        length=request.length,
        draws=1 if request.is_rough else DRAWS,
    )
    return MapBatch(maps, target)


def attribute_by_substitution(
    model: ErrorClassifier,
    dataset: SequenceDataset,
    sequences: Sequence[str],
    *,
    device: torch.device,
    seed: int,
    length: int | None = None,
    width: int = WIDTH,
    stride: int = STRIDE,
    draws: int = DRAWS,
) -> tuple[np.ndarray, np.ndarray]:
    """Attribute the log-odds of an error by replacing short windows of bases.

    Args:
        model: The classifier.
        dataset: The sites.
        sequences: Their windows, one string per site.
        device: Where to compute.
        seed: Seed of the random bases.
        length: Bases per map; None: all windows are equally long.
        width: Bases replaced at once.
        stride: Bases between two windows.
        draws: Random replacements per window.

    Returns:
        float32 (n, length): per base the mean, over the windows that cover it, of the
        log-odds lost by the replacement per replaced base; and the log-odds of the
        unchanged sites, float32 (n,).

    Raises:
        InputError: The sequences are not of one length, or longer than the maps.
    """
    if length is None and len(set(map(len, sequences))) > 1:
        raise InputError("substitution needs sequences of one length, a map per base")
    length = length or len(sequences[0])
    changed, counts = [], []
    for site, sequence in enumerate(sequences):
        if len(sequence) > length:
            raise InputError(
                f"site {dataset.site_ids[site]}: {len(sequence)} bases do not fit into "
                f"maps of {length}; give a larger `window_length`"
            )
        rng = np.random.default_rng([seed, int(dataset.site_ids[site])])
        starts = place_windows(len(sequence), width, stride)
        mutants = replace_windows(sequence, starts, width, draws, rng)
        changed += [sequence, *mutants]
        counts.append(1 + len(mutants))
    junctions = np.repeat(dataset.junctions, counts)
    values = predict_targets(model, dataset, changed, junctions, device=device)
    maps = np.zeros((len(sequences), length), dtype=np.float32)
    targets = np.zeros(len(sequences), dtype=np.float32)
    for site, own in enumerate(np.split(values, np.cumsum(counts)[:-1])):
        starts = place_windows(len(sequences[site]), width, stride)
        lost = (own[0] - own[1:]).reshape(len(starts), draws).mean(axis=1)
        covered = np.zeros(length)
        for start, value in zip(starts, lost, strict=True):
            end = min(start + width, len(sequences[site]))
            maps[site, start:end] += value / (end - start)
            covered[start:end] += 1
        maps[site] /= np.maximum(covered, 1)
        targets[site] = own[0]
    return maps, targets


def place_windows(length: int, width: int, stride: int) -> np.ndarray:
    """Place windows of ``width`` over a sequence: starts, int64; the last bases too."""
    width = min(width, length)
    starts = np.arange(0, length - width + 1, stride)
    if starts[-1] < length - width:
        starts = np.append(starts, length - width)
    return starts


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
