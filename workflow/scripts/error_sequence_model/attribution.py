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
from error_sequence_model.logs import get_progress
from error_sequence_model.shuffling import shuffle_dinucleotides
from error_sequence_model.substitution import attribute_by_substitution
from error_sequence_model.targets import compute_target
from error_sequence_model.tokenizer_characters import CharacterTokenizer
from error_sequence_model.tokenizers import project_to_bases

logger = logging.getLogger(__name__)

TOKENS_PER_PASS = 16384
FEWEST_NODES, MOST_NODES = 16, 128
COMPLETENESS_GOAL = 0.01
SMALLEST_DIFFERENCE = 0.1  # logits; below it a relative error says nothing
SHUFFLES = 10
BASELINES = ("auto", "mean", "mask", "shuffle")


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


def choose_baseline(model: ErrorClassifier, dataset: SequenceDataset, name: str) -> str:
    """Choose the baseline that suits the tokenizer; refuse one that does not.

    Raises:
        InputError: It is unknown, the tokenizer has no mask token, or shuffling changes
            the tokens.
    """
    tokenizer = dataset.tokenizer
    has_single_bases = isinstance(tokenizer, CharacterTokenizer)
    if name not in BASELINES:
        raise InputError(
            f"baseline {name!r} is unknown; allowed: {', '.join(BASELINES)}; set "
            "`explanation.baseline`"
        )
    if name == "auto":
        if has_single_bases:
            return "shuffle"
        return "mask" if tokenizer.mask_token_id is not None else "mean"
    if name == "mask" and tokenizer.mask_token_id is None:
        raise InputError(
            f"baseline mask: the {tokenizer.family} tokenizer has no mask token; set "
            "`explanation.baseline` to mean"
        )
    if name == "shuffle" and not has_single_bases:
        raise InputError(
            f"baseline shuffle: shuffled bases would be other {tokenizer.family} "
            "tokens; set `explanation.baseline` to mask or mean"
        )
    return name


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
        starts = _make_baselines(model, dataset, items, inputs, special, baseline, seed)
        scores, end, start = _integrate_paths(model, inputs, starts)
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


def _make_baselines(
    model: ErrorClassifier,
    dataset: SequenceDataset,
    items: Sequence[dict],
    inputs: dict[str, torch.Tensor],
    special: torch.Tensor,
    baseline: str,
    seed: int,
) -> list[torch.Tensor]:
    """Embed the starting points, each float (batch, tokens, hidden)."""
    embed = model.get_input_embeddings()
    ids = inputs["input_ids"]
    tokenizer = dataset.tokenizer
    with torch.no_grad():
        embedded = embed(ids)
        if baseline == "shuffle":
            starts = []
            for draw in range(SHUFFLES):
                shuffled = ids.cpu().numpy().copy()
                for row, item in enumerate(items):
                    rng = np.random.default_rng([seed, draw, item["site_id"]])
                    places = np.flatnonzero(~special[row].cpu().numpy())
                    shuffled[row, places] = shuffle_dinucleotides(
                        shuffled[row, places], rng
                    )
                starts.append(embed(torch.from_numpy(shuffled).to(ids.device)))
            return starts
        if baseline == "mask":
            point = embed.weight[tokenizer.mask_token_id]
        else:
            known = sorted(
                set(range(tokenizer.vocab_size)) - set(tokenizer.special_token_ids)
            )
            point = embed.weight[known].mean(dim=0)
        return [torch.where(special.unsqueeze(-1), embedded, point)]


def _integrate_paths(
    model: ErrorClassifier, inputs: dict[str, torch.Tensor], starts: list[torch.Tensor]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Average over the starts: scores (batch, tokens), ends and starts (batch,).

    The Gauss–Legendre nodes are doubled for the sequences whose sum still misses more
    than 1 % of the difference, up to 128 (divided among the starts).
    """
    with torch.no_grad():
        ends = model.get_input_embeddings()(inputs["input_ids"])
        end_target = _run(model, inputs, ends)
        start_target = torch.stack([_run(model, inputs, start) for start in starts])
    start_target = start_target.mean(dim=0)
    difference = end_target - start_target
    scores = torch.zeros(ends.shape[:2], device=ends.device)
    todo = torch.arange(len(ends), device=ends.device)
    nodes = max(FEWEST_NODES // len(starts), 4)
    most = max(MOST_NODES // len(starts), 32)
    while len(todo):
        part = {name: tensor[todo] for name, tensor in inputs.items()}
        scores[todo] = sum(
            _integrate_path(model, part, start[todo], ends[todo], nodes)
            for start in starts
        ) / len(starts)
        missed = (scores[todo].sum(dim=1) - difference[todo]).abs()
        limit = COMPLETENESS_GOAL * difference[todo].abs().clamp(
            min=SMALLEST_DIFFERENCE
        )
        todo = todo[missed > limit] if nodes < most else todo[:0]
        nodes *= 2
    return (
        scores.cpu().numpy(),
        end_target.cpu().numpy(),
        start_target.cpu().numpy(),
    )


def _integrate_path(
    model: ErrorClassifier,
    inputs: dict[str, torch.Tensor],
    start: torch.Tensor,
    end: torch.Tensor,
    nodes: int,
) -> torch.Tensor:
    """Integrate the gradient along a straight line: token scores (batch, tokens)."""
    points, weights = np.polynomial.legendre.leggauss(nodes)
    gradient = torch.zeros_like(end)
    at_once = max(1, TOKENS_PER_PASS // (end.shape[0] * end.shape[1]))
    for first in range(0, nodes, at_once):
        chosen = slice(first, first + at_once)
        share = torch.tensor(
            (points[chosen] + 1) / 2, dtype=end.dtype, device=end.device
        )
        weight = torch.tensor(weights[chosen] / 2, dtype=end.dtype, device=end.device)
        path = start + share.view(-1, 1, 1, 1) * (end - start)
        path = path.flatten(0, 1).detach().requires_grad_(True)
        repeated = {
            name: inputs[name].repeat(len(share), *[1] * (inputs[name].ndim - 1))
            for name in ("attention_mask", "junction")
        }
        slopes = torch.autograd.grad(_run(model, repeated, path).sum(), path)[0]
        slopes = slopes.view(len(share), *end.shape)
        gradient += (weight.view(-1, 1, 1, 1) * slopes).sum(dim=0)
    return ((end - start) * gradient).sum(dim=-1)


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
        value = _run(model, inputs, embedded)
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


def _run(
    model: ErrorClassifier, inputs: dict[str, torch.Tensor], embedded: torch.Tensor
) -> torch.Tensor:
    output = model(
        inputs_embeds=embedded,
        attention_mask=inputs["attention_mask"],
        junction=inputs["junction"],
    )
    return compute_target(output.logits, model.config.classes)
