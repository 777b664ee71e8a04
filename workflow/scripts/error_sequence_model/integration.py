"""Integrated gradients on embeddings (Sundararajan 2017): baselines, paths, nodes.

Embeddings are float (batch, tokens, hidden); special tokens and padding keep theirs on
the whole path, so that nothing of the explained change is put on them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from error_sequence_model.classifier import ErrorClassifier
from error_sequence_model.datasets import SequenceDataset
from error_sequence_model.errors import InputError
from error_sequence_model.shuffling import shuffle_dinucleotides
from error_sequence_model.targets import compute_target
from error_sequence_model.tokenizer_characters import CharacterTokenizer

TOKENS_PER_PASS = 16384
FEWEST_NODES, MOST_NODES = 16, 128
COMPLETENESS_GOAL = 0.01
SMALLEST_DIFFERENCE = 0.1  # logits; below it a relative error says nothing
SHUFFLES = 10
BASELINES = ("auto", "mean", "mask", "shuffle")


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


def make_baselines(
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


def integrate_paths(
    model: ErrorClassifier, inputs: dict[str, torch.Tensor], starts: list[torch.Tensor]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Average over the starts: scores (batch, tokens), ends and starts (batch,).

    The Gauss–Legendre nodes are doubled for the sequences whose sum still misses more
    than 1 % of the difference, up to 128 (divided among the starts).
    """
    with torch.no_grad():
        ends = model.get_input_embeddings()(inputs["input_ids"])
        end_target = run_embedded(model, inputs, ends)
        start_target = torch.stack(
            [run_embedded(model, inputs, start) for start in starts]
        )
    start_target = start_target.mean(dim=0)
    difference = end_target - start_target
    scores = torch.zeros(ends.shape[:2], device=ends.device)
    todo = torch.arange(len(ends), device=ends.device)
    nodes = max(FEWEST_NODES // len(starts), 4)
    most = max(MOST_NODES // len(starts), 32)
    while len(todo):
        part = {name: tensor[todo] for name, tensor in inputs.items()}
        scores[todo] = sum(
            integrate_path(model, part, start[todo], ends[todo], nodes)
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


def integrate_path(
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
        slopes = torch.autograd.grad(run_embedded(model, repeated, path).sum(), path)[0]
        slopes = slopes.view(len(share), *end.shape)
        gradient += (weight.view(-1, 1, 1, 1) * slopes).sum(dim=0)
    return ((end - start) * gradient).sum(dim=-1)


def run_embedded(
    model: ErrorClassifier, inputs: dict[str, torch.Tensor], embedded: torch.Tensor
) -> torch.Tensor:
    """Compute the log-odds of an error of embedded sequences: float (batch,)."""
    output = model(
        inputs_embeds=embedded,
        attention_mask=inputs["attention_mask"],
        junction=inputs["junction"],
    )
    return compute_target(output.logits, model.config.classes)
