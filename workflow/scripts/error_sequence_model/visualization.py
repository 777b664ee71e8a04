"""One sequence explained on paper, for notebooks."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from error_sequence_model.attention import extract_attention
from error_sequence_model.attribution import attribute
from error_sequence_model.classifier import ErrorClassifier
from error_sequence_model.datasets import SequenceDataset
from error_sequence_model.errors import InputError
from error_sequence_model.frames import resolve_tokenizer
from error_sequence_model.prediction import compute_probabilities, predict_logits
from error_sequence_model.sequence_elements import find_elements
from error_sequence_model.sequence_view import draw_sequence_view
from error_sequence_model.targets import ERROR_CLASSES
from error_sequence_model.token_store import TokenStore
from error_sequence_model.tokenizers import SequenceTokenizer

PREDICTION_TYPES = ("TP", "FP", "FN", "TN")
SHORTEST = 20


def visualize_attention_regions(
    model: ErrorClassifier,
    tokenizer: SequenceTokenizer | str | None = None,
    *,
    sequence: str,
    prediction_type: str = "FP",
    output_path: str | Path = "attention_regions.pdf",
    highlight_motifs: bool = True,
    junction: int | None = None,
) -> Path:
    """Draw a sequence with its attention, its attribution and what is known there.

    Args:
        model: From `train_error_sequence_model` or `load_model`.
        tokenizer: The model's tokenizer, its name, or None for ``model.tokenizer``.
        sequence: Transcript strand, 5' to 3'; A, C, G, T, U, N, any case.
        prediction_type: The predictor's call, for the title: TP, FP, FN or TN.
        output_path: The PDF to write.
        highlight_motifs: Mark splice consensus, polypyrimidine tract, branch point and
            G-runs.
        junction: First base 3' of the junction, 0-based; None: the middle.

    Returns:
        The path of the PDF. Attribution is by integrated gradients, on the log-odds of
        an error; how far its sum misses the change it explains is in the caption.

    Raises:
        InputError: The sequence is too short or not DNA, holds no base but N, or the
            junction lies outside.
    """
    if prediction_type not in PREDICTION_TYPES:
        raise InputError(
            f"prediction_type {prediction_type!r}: allowed are "
            f"{', '.join(PREDICTION_TYPES)}"
        )
    if len(sequence) < SHORTEST:
        raise InputError(
            f"the sequence has {len(sequence)} bases; at least {SHORTEST} are needed"
        )
    if not set(sequence.upper()) - {"N"}:
        raise InputError("the sequence is all N: there is nothing to explain")
    if tokenizer is None:
        tokenizer = model.tokenizer
    elif isinstance(tokenizer, str):
        tokenizer = resolve_tokenizer(tokenizer)
    sequence = sequence.upper().replace("U", "T")
    place = len(sequence) // 2 if junction is None else int(junction)
    if not 0 <= place <= len(sequence):
        raise InputError(
            f"junction {place} lies outside the sequence of {len(sequence)} bases"
        )
    dataset = _make_dataset(model, tokenizer, sequence, place)
    device = next(model.parameters()).device
    probabilities = compute_probabilities(predict_logits(model, dataset, device=device))
    maps = attribute(
        model, dataset, "integrated_gradients", window_length=len(sequence)
    )
    views = extract_attention(model, dataset, window_length=len(sequence))
    error = float(maps.completeness_error[0])
    return draw_sequence_view(
        sequence,
        output_path,
        attention=views.mean[0],
        attribution=maps.attributions[0],
        spans=dataset.get_encoding(0).spans,
        junction=place,
        prediction_type=prediction_type,
        probability=float(_sum_errors(probabilities[0], dataset.classes)),
        highlights=find_elements(sequence, place) if highlight_motifs else (),
        method=f"integrated gradients ({maps.baseline}), sum misses {error:.1%}",
        model=model.backbone.config.model_type,
    )


def _make_dataset(
    model: ErrorClassifier, tokenizer: SequenceTokenizer, sequence: str, junction: int
) -> SequenceDataset:
    encoding = tokenizer.encode(sequence, junction=junction)
    return SequenceDataset(
        TokenStore.from_encodings([encoding]),
        np.zeros(1, dtype=np.int64),
        np.zeros(1, dtype=np.int64),
        junctions=np.array([junction]),
        classes=model.config.classes,
        tokenizer=tokenizer,
    )


def _sum_errors(probabilities: np.ndarray, classes: tuple[str, ...]) -> float:
    if len(classes) == 2:
        return probabilities[1]
    named = zip(probabilities, classes, strict=True)
    return sum(share for share, name in named if name in ERROR_CLASSES)
