"""How much each base pushes a site towards "error": gradients and substitutions.

Maps lie on the base axis of the window, index 0 the most 5' base; the junction lies
between index ``upstream - 1`` and ``upstream``. Positive means towards an error. All
computation is in float32, whatever the training precision was.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch

from error_sequence_model.batching import cut_batches
from error_sequence_model.classifier import ErrorClassifier
from error_sequence_model.datasets import SequenceDataset, collate
from error_sequence_model.errors import InputError
from error_sequence_model.integration import (
    FEWEST_NODES,
    SMALLEST_DIFFERENCE,
    TOKENS_PER_PASS,
    choose_baseline,
    integrate_paths,
    make_baselines,
    run_embedded,
)
from error_sequence_model.logs import get_progress
from error_sequence_model.substitution import attribute_by_substitution
from error_sequence_model.tokenizers import project_to_bases

logger = logging.getLogger(__name__)


class Attribution(NamedTuple):
    """Maps of one method.

    Attributes:
        attributions: float32 (n, window_length), signed unless the method is unsigned.
        target: Log-odds of an error of each site, float32 (n,).
        baseline_target: Of its baseline; NaN where the method has none.
        completeness_error: Share of the change in the target that the map's sum
            misses; NaN where the method promises no sum.
        baseline: What the method compares with.
    """

    attributions: np.ndarray
    target: np.ndarray
    baseline_target: np.ndarray
    completeness_error: np.ndarray
    baseline: str


def attribute(
    model: ErrorClassifier,
    dataset: SequenceDataset,
    method: str,
    *,
    sequences: Sequence[str] | None = None,
    window_length: int | None = None,
    baseline: str = "auto",
    device: torch.device | None = None,
    seed: int = 1,
) -> Attribution:
    """Attribute the log-odds of an error to bases.

    Args:
        model: The fine-tuned classifier; its mode is restored.
        dataset: The sites to explain.
        method: "integrated_gradients" (Sundararajan 2017), "saliency" (gradient norm,
            unsigned), "input_x_gradient", "substitution" or its alias "occlusion".
        sequences: The windows' bases; needed for substitution.
        window_length: Bases per window; None: the end of the last token.
        baseline: Start of integrated gradients: "mean" (mean embedding of the bases),
            "mask" (the mask token), "shuffle" (dinucleotide shuffles, single-base
            tokens only), or "auto": shuffle for single-base tokens, else mask, else
            mean.
        device: Where to compute; None: where the model is.
        seed: Seed of shuffles and substitutions.

    Returns:
        The maps with their evidence.

    Raises:
        InputError: The method or baseline is unknown or does not suit the tokenizer.
    """
    device = device or next(model.parameters()).device
    length = window_length or _find_length(dataset)
    was_training = model.training
    model.eval()
    try:
        if method in ("substitution", "occlusion"):
            if sequences is None:
                raise InputError("substitution works on the bases: give `sequences`")
            maps, target = attribute_by_substitution(
                model, dataset, sequences, device=device, seed=seed
            )
            nothing = np.full(len(dataset), np.nan, dtype=np.float32)
            return Attribution(maps, target, nothing, nothing, "random substitution")
        if method == "integrated_gradients":
            baseline = choose_baseline(model, dataset, baseline)
            return _integrate(model, dataset, length, baseline, device, seed)
        if method in ("saliency", "input_x_gradient"):
            return _take_gradient(model, dataset, length, method, device)
    finally:
        model.train(was_training)
    raise InputError(
        f"explanation method {method!r} is unknown; allowed: integrated_gradients, "
        "saliency, input_x_gradient, substitution; set `explanation.methods`"
    )


def _find_length(dataset: SequenceDataset) -> int:
    return max(int(dataset.get_encoding(i).spans.max()) for i in range(len(dataset)))


def _read_batches(
    dataset: SequenceDataset, tokens: int, what: str
) -> Iterator[tuple[np.ndarray, list, dict[str, torch.Tensor]]]:
    batches = cut_batches(
        np.arange(len(dataset)), dataset.lengths, tokens_per_batch=tokens
    )
    for indices in get_progress(batches, what=what, unit="batches"):
        items = [dataset[int(index)] for index in indices]
        yield (
            indices,
            items,
            collate(items, pad_token_id=dataset.tokenizer.pad_token_id),
        )


def _integrate(
    model: ErrorClassifier,
    dataset: SequenceDataset,
    length: int,
    baseline: str,
    device: torch.device,
    seed: int,
) -> Attribution:
    maps = np.zeros((len(dataset), length), dtype=np.float32)
    target = np.zeros(len(dataset), dtype=np.float32)
    start_target = np.zeros(len(dataset), dtype=np.float32)
    error = np.zeros(len(dataset), dtype=np.float32)
    tokens = TOKENS_PER_PASS // FEWEST_NODES
    for indices, items, inputs in _read_batches(
        dataset, tokens, "integrated gradients"
    ):
        inputs = {name: tensor.to(device) for name, tensor in inputs.items()}
        special = _find_special(items, inputs["input_ids"].shape[1]).to(device)
        starts = make_baselines(model, dataset, items, inputs, special, baseline, seed)
        scores, end, start = integrate_paths(model, inputs, starts)
        difference = end - start
        missed = np.abs(scores.sum(axis=1) - difference)
        error[indices] = missed / np.maximum(np.abs(difference), SMALLEST_DIFFERENCE)
        target[indices], start_target[indices] = end, start
        for row, index in enumerate(indices):
            spans = items[row]["spans"]
            maps[index] = project_to_bases(scores[row, : len(spans)], spans, length)
    return Attribution(maps, target, start_target, error, baseline)


def _find_special(items: Sequence[dict], width: int) -> torch.Tensor:
    """Mark tokens that keep their embedding on the path: specials and padding."""
    special = np.ones((len(items), width), dtype=bool)
    for row, item in enumerate(items):
        spans = item["spans"]
        special[row, : len(spans)] = spans[:, 0] == spans[:, 1]
    return torch.from_numpy(special)


def _take_gradient(
    model: ErrorClassifier,
    dataset: SequenceDataset,
    length: int,
    method: str,
    device: torch.device,
) -> Attribution:
    if method == "input_x_gradient":
        logger.warning(
            "input_x_gradient on token embeddings is no better than chance on some "
            "models; use integrated_gradients or substitution for claims"
        )
    maps = np.zeros((len(dataset), length), dtype=np.float32)
    target = np.zeros(len(dataset), dtype=np.float32)
    for indices, items, inputs in _read_batches(dataset, TOKENS_PER_PASS, method):
        inputs = {name: tensor.to(device) for name, tensor in inputs.items()}
        embedded = model.get_input_embeddings()(inputs["input_ids"]).detach()
        embedded.requires_grad_(True)
        value = run_embedded(model, inputs, embedded)
        slopes = torch.autograd.grad(value.sum(), embedded)[0]
        if method == "saliency":
            scores = slopes.norm(dim=-1)
        else:
            scores = (slopes * embedded).sum(dim=-1)
        scores = scores.detach().cpu().numpy()
        target[indices] = value.detach().cpu().numpy()
        for row, index in enumerate(indices):
            spans = items[row]["spans"]
            maps[index] = project_to_bases(scores[row, : len(spans)], spans, length)
    nothing = np.full(len(dataset), np.nan, dtype=np.float32)
    return Attribution(maps, target, nothing, nothing, "none")
