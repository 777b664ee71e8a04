"""One sequence explained on paper, for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from pathlib import Path

import numpy as np

from error_sequence_model.attention import AttentionViews, extract_attention
from error_sequence_model.attribution import ERROR_CLASSES, Attribution, attribute
from error_sequence_model.backbones import resolve_tokenizer
from error_sequence_model.classifier import (
    ErrorClassifier,
    compute_probabilities,
    predict_logits,
    refuse_other_tokenizer,
    require_model,
)
from error_sequence_model.core import InputError
from error_sequence_model.datasets import SequenceDataset
from error_sequence_model.faithfulness import (
    COMPLETENESS_LIMIT,
    RankedMaps,
    check_perturbation,
)
from error_sequence_model.figures import (
    Element,
    SequenceView,
    draw_sequence_view,
    find_elements,
    format_signed,
)
from error_sequence_model.statistics import find_high_regions, find_threshold
from error_sequence_model.tokenizers import SequenceTokenizer, TokenStore

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
    motifs: Sequence[tuple[int, int, str]] = (),
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
        motifs: Found motifs to mark as well: start, end (0-based, half-open in the
            sequence) and name.

    Returns:
        The path of the PDF. Attribution is by integrated gradients, on the log-odds of
        an error. How far its sum misses the change it explains, and whether replacing
        the bases it names moves the prediction more than replacing random ones, is in
        the caption; where it fails, above the tracks. So it is for attention.

    Raises:
        InputError: The sequence is too short or not DNA, holds no base but N, is longer
            than the model takes, or the junction or a motif lies outside.
    """
    if prediction_type not in PREDICTION_TYPES:
        raise InputError(
            f"prediction_type {prediction_type!r}: allowed are "
            f"{', '.join(PREDICTION_TYPES)}"
        )
    require_model(model)
    if not isinstance(sequence, str):
        raise InputError(f"sequence is a {type(sequence).__name__}; give it as a str")
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
    refuse_other_tokenizer(model, tokenizer)
    sequence = sequence.upper().replace("U", "T")
    if not isinstance(junction, (Integral, type(None))):
        raise InputError(f"junction {junction!r} is no whole number")
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
    views = extract_attention(
        model, dataset, window_length=len(sequence), with_gradients=False
    )
    checks, warnings = _check(model, dataset, sequence, maps, views)
    scores = maps.attributions[0]
    elements = find_elements(sequence, place) if highlight_motifs else []
    elements += [Element(start, end, name, "motif") for start, end, name in motifs]
    high = find_high_regions(scores, find_threshold(scores))
    view = SequenceView(
        sequence,
        attention=views.mean[0],
        attribution=scores,
        spans=dataset.get_encoding(0).spans,
        junction=place,
        prediction_type=prediction_type,
        probability=float(_sum_errors(probabilities[0], dataset.classes)),
        highlights=elements,
        regions=[(region.start, region.end) for region in high],
        method=f"integrated gradients ({maps.baseline})",
        model=model.backbone.config.model_type,
        checks=checks,
        warnings=warnings,
    )
    return draw_sequence_view(view, Path(output_path))


def _check(
    model: ErrorClassifier,
    dataset: SequenceDataset,
    sequence: str,
    maps: Attribution,
    views: AttentionViews,
) -> tuple[str, list[str]]:
    """Check both maps on this one sequence: what was found, and what failed."""
    missed = float(maps.completeness_error[0])
    texts = [f"the sum of integrated gradients misses {missed:.1%}"]
    warnings = []
    if missed > COMPLETENESS_LIMIT:
        warnings.append(
            f"integrated gradients FAILED completeness: the sum misses {missed:.1%} of "
            "the change it explains. Do not rely on this map."
        )
    moved = check_perturbation(
        model,
        dataset,
        [sequence],
        {
            "integrated gradients": RankedMaps(maps.attributions, "signed"),
            "attention": RankedMaps(views.mean, "unsigned"),
        },
        device=next(model.parameters()).device,
        seed=1,
    )
    for name, found in moved.items():
        gain, expected = found["deletion"]["area"], found["deletion"]["random_area"]
        texts.append(
            f"replacing the bases that {name} ranks highest costs "
            f"{format_signed(gain)} log-odds (random bases: {format_signed(expected)})"
        )
        if gain <= max(expected, 0.0):
            warnings.append(
                f"{name} FAILED on this sequence: the bases it ranks highest matter no "
                "more than random ones."
            )
    return f"Checked on this sequence: {'; '.join(texts)}.", warnings


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
