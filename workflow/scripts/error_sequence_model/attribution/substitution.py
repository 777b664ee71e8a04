"""Occlusion on the string: replace bases, tokenize again, compare predictions.

A substitution changes the tokens of a BPE model, so reference and changed sequence are
compared by prediction only, never token by token. Windows of a few bases are replaced
by random bases of the sequence's own composition: always plausible DNA, never [MASK].
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from error_sequence_model.attribution.integration import TOKENS_PER_PASS
from error_sequence_model.attribution.requests import MapBatch, MapRequest
from error_sequence_model.attribution.shuffling import draw_alternatives
from error_sequence_model.attribution.targets import compute_target
from error_sequence_model.classifier import ErrorClassifier
from error_sequence_model.core import InputError, evaluating
from error_sequence_model.datasets import SequenceDataset
from error_sequence_model.tokenizers import join_encodings, junction_tokens

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
    tokenizer, longest = dataset.tokenizer, dataset.max_length
    encodings = tokenizer.encode_many(sequences)
    lengths = np.diff(encodings.offsets)
    if longest is not None and lengths.max(initial=0) > longest:
        encodings = join_encodings(
            [
                tokenizer.encode(sequence, max_length=longest, junction=int(junction))
                for sequence, junction in zip(sequences, junctions, strict=True)
            ]
        )
        lengths = np.diff(encodings.offsets)
    values = np.zeros(len(sequences), dtype=np.float32)
    with evaluating(model):
        # Of one length each, so that nothing is padded.
        for length in np.unique(lengths):
            rows = np.flatnonzero(lengths == length)
            places = encodings.offsets[rows, None] + np.arange(length)
            ids, *spans = (tokens[places] for tokens in encodings[:3])
            beside = _find_junctions(*spans, junctions[rows])
            seen = np.ascontiguousarray(np.concatenate([ids, beside], axis=1))
            _, first, copies = np.unique(
                seen.view(np.dtype((np.void, seen[0].nbytes)))[:, 0],
                return_index=True,
                return_inverse=True,
            )
            step = max(1, TOKENS_PER_PASS // int(length))
            found = [
                _predict_rows(model, ids[part], beside[part], dataset.classes, device)
                for part in np.split(first, np.arange(step, len(first), step))
            ]
            values[rows] = np.concatenate(found)[copies]
    return values


def _find_junctions(
    starts: np.ndarray, ends: np.ndarray, junctions: np.ndarray
) -> np.ndarray:
    """Find the tokens on both sides of the junctions; see `junction_tokens`.

    Args:
        starts: First base of the tokens, int (n, tokens).
        ends: Base after them, likewise.
        junctions: int (n,).

    Returns:
        int64 (n, 2).
    """
    is_body = ends > starts
    low = np.where(is_body, starts, np.iinfo(starts.dtype).max).min(axis=1)
    high = ends.max(axis=1)
    for row in np.flatnonzero((junctions < low) | (junctions > high))[:1]:
        junction_tokens(np.stack([starts[row], ends[row]], axis=1), junctions[row])
    last = starts.shape[1] - 1
    beside = [np.maximum(junctions - 1, low), np.minimum(junctions, high - 1)]
    return np.stack(
        [
            last - (is_body & (starts <= base[:, None]))[:, ::-1].argmax(axis=1)
            for base in beside
        ],
        axis=1,
    )


@torch.inference_mode()
def _predict_rows(
    model: ErrorClassifier,
    ids: np.ndarray,
    beside: np.ndarray,
    classes: Sequence[str],
    device: torch.device,
) -> np.ndarray:
    """Predict rows of tokens (n, tokens) without padding: float32 (n,)."""
    output = model(
        input_ids=torch.from_numpy(ids).long().to(device),
        junction=torch.from_numpy(beside).to(device),
    )
    return compute_target(output.logits.float(), classes).cpu().numpy()


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
