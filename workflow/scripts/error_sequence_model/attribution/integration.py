"""Integrated gradients on embeddings (Sundararajan 2017): baselines, paths, nodes.

Embeddings are float (batch, tokens, hidden); special tokens and padding keep theirs on
the whole path, so that nothing of the explained change is put on them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from error_sequence_model.attribution.paths import (
    PathIntegral,
    choose_cells,
    estimate_error,
)
from error_sequence_model.attribution.requests import (
    SMALLEST_DIFFERENCE,
    MapBatch,
    MapRequest,
    measure_completeness,
)
from error_sequence_model.attribution.shuffling import shuffle_dinucleotides
from error_sequence_model.attribution.targets import compute_target
from error_sequence_model.classifier import ErrorClassifier
from error_sequence_model.core import InputError

logger = logging.getLogger(__name__)

# One pass of the gradient: larger ones fall out of a processor's cache, smaller ones
# are mostly overhead (measured).
TOKENS_PER_PASS = 8192
TOKENS_PER_BATCH = 4096  # of sites; their paths are many times that
MOST_SPLITS = 6
SHUFFLES = 10
BASELINES = ("auto", "mean", "mask", "shuffle")


class Accuracy(NamedTuple):
    """How accurate maps are to be.

    Attributes:
        cells: Of the path of a site at first.
        cells_of_many: Of each path if a site has several.
        misplaced: Share of a map that may lie at the wrong tokens, as estimated.
        missed: Share of the change that its sum may miss.
    """

    cells: int
    cells_of_many: int
    misplaced: float
    missed: float


FINE, ROUGH = Accuracy(9, 5, 0.09, 0.01), Accuracy(6, 3, 0.2, 0.05)


def choose_baseline(request: MapRequest) -> str:
    """Choose the baseline that suits the tokenizer; refuse one that does not.

    Raises:
        InputError: It is unknown, the tokenizer has no mask token, or shuffling changes
            the tokens.
    """
    tokenizer, name = request.dataset.tokenizer, request.baseline
    if name not in BASELINES:
        raise InputError(
            f"baseline {name!r} is unknown; allowed: {', '.join(BASELINES)}; set "
            "`explanation.baseline`"
        )
    if name == "auto":
        if request.has_single_bases:
            return "shuffle"
        return "mask" if tokenizer.mask_token_id is not None else "mean"
    if name == "mask" and tokenizer.mask_token_id is None:
        raise InputError(
            f"baseline mask: the {tokenizer.family} tokenizer has no mask token; set "
            "`explanation.baseline` to mean"
        )
    if name == "shuffle" and not request.has_single_bases:
        raise InputError(
            f"baseline shuffle: shuffled bases would be other {tokenizer.family} "
            "tokens; set `explanation.baseline` to mask or mean"
        )
    return name


def make_baselines(
    request: MapRequest,
    items: Sequence[dict],
    inputs: dict[str, torch.Tensor],
    special: torch.Tensor,
) -> torch.Tensor:
    """Embed the starting points of the paths.

    Args:
        request: Its baseline is "shuffle", "mask" or "mean".
        items: The sites of a batch.
        inputs: Their tensors.
        special: bool (batch, tokens), tokens that keep their embedding.

    Returns:
        float (starts, batch, tokens, hidden): ten for shuffles, else one.
    """
    embed = request.model.get_input_embeddings()
    tokenizer = request.dataset.tokenizer
    with torch.no_grad():
        if request.baseline == "shuffle":
            shuffled = shuffle_tokens(inputs["input_ids"], items, special, request.seed)
            return embed(shuffled)
        if request.baseline == "mask":
            point = embed.weight[tokenizer.mask_token_id]
        else:
            known = [
                index
                for token, index in tokenizer.vocabulary.items()
                if re.fullmatch("[ACGT]+", token)
            ]
            point = embed.weight[sorted(known)].mean(dim=0)
        embedded = embed(inputs["input_ids"])
        return torch.where(special.unsqueeze(-1), embedded, point).unsqueeze(0)


def shuffle_tokens(
    input_ids: torch.Tensor,
    items: Sequence[dict],
    special: torch.Tensor,
    seed: int,
    draws: int = SHUFFLES,
) -> torch.Tensor:
    """Shuffle the bases of each site, keeping dinucleotides.

    Args:
        input_ids: int64 (batch, tokens), a token per base.
        items: The sites; a site's shuffles depend on its site_id and the seed alone.
        special: bool (batch, tokens), tokens that stay.
        seed: Seed of the shuffles.
        draws: Shuffles per site.

    Returns:
        int64 (draws, batch, tokens), on the same device.
    """
    ids, keep = input_ids.cpu().numpy(), special.cpu().numpy()
    shuffled = np.repeat(ids[None], draws, axis=0)
    for row, item in enumerate(items):
        places = np.flatnonzero(~keep[row])
        for draw in range(draws):
            rng = np.random.default_rng([seed, draw, item["site_id"]])
            shuffled[draw, row, places] = shuffle_dinucleotides(ids[row, places], rng)
    return torch.from_numpy(shuffled).to(input_ids.device)


def integrate_batch(request: MapRequest, indices: np.ndarray) -> MapBatch:
    """Attribute some sites by integrated gradients, averaged over their starts.

    While too much of a site's map may lie at the wrong tokens, or its sum misses too
    much, the cells of its paths that may change most are split: gradients are taken
    where they change, and what is done costs nothing more.
    """
    items, inputs, special = request.open_batch(indices)
    starts = make_baselines(request, items, inputs, special)
    ends = request.model.get_input_embeddings()(inputs["input_ids"]).detach()
    target = predict_embedded(request.model, inputs, ends.unsqueeze(0))[0]
    start_targets = predict_embedded(request.model, inputs, starts)
    integral = PathIntegral(
        lambda points, rows: run_embedded(request.model, inputs, points, rows),
        starts,
        ends,
        points_per_pass=max(1, TOKENS_PER_PASS // ends.shape[1]),
    )
    accuracy = ROUGH if request.is_rough else FINE
    changes = target - start_targets
    has_one = len(starts) == 1
    cells = integral.cut(accuracy.cells if has_one else accuracy.cells_of_many)
    for splits in range(MOST_SPLITS + 1):
        summed = integral.add_up(cells, changes)
        missed = (summed.sum(dim=1) - changes.mean(dim=0)).abs()
        least = changes.mean(dim=0).abs().clamp(min=SMALLEST_DIFFERENCE)
        largest = summed.abs().sum(dim=1).clamp(min=SMALLEST_DIFFERENCE)
        misplaced = estimate_error(cells, changes.shape)
        is_rough = missed > accuracy.missed * least
        is_rough |= misplaced > accuracy.misplaced * largest
        if splits == MOST_SPLITS or not is_rough.any():
            break
        cells = integral.split(cells, choose_cells(cells, is_rough))
    if is_rough.any() and not request.is_rough:
        logger.warning(
            "%d of %d maps: more than %.0f %% may lie at wrong bases, or more than "
            "%.0f %% of the change is missed; see the completeness error",
            *(int(is_rough.sum()), len(is_rough)),
            *(100 * accuracy.misplaced, 100 * accuracy.missed),
        )
    token_scores = summed.cpu().numpy()
    values = target.cpu().numpy(), start_targets.mean(dim=0).cpu().numpy()
    error = measure_completeness(token_scores.sum(axis=1), *values)
    return MapBatch(request.project(token_scores, items), *values, error)


@torch.no_grad()
def predict_embedded(
    model: ErrorClassifier, inputs: dict[str, torch.Tensor], embedded: torch.Tensor
) -> torch.Tensor:
    """Compute log-odds (copies, batch) of float (copies, batch, tokens, hidden)."""
    queue = torch.arange(len(embedded) * embedded.shape[1], device=embedded.device)
    values = []
    for part in queue.split(max(1, TOKENS_PER_PASS // embedded.shape[2])):
        row = part % embedded.shape[1]
        points = embedded[part // embedded.shape[1], row]
        values.append(run_embedded(model, inputs, points, row))
    return torch.cat(values).view(embedded.shape[:2])


def run_embedded(
    model: ErrorClassifier,
    inputs: dict[str, torch.Tensor],
    embedded: torch.Tensor,
    rows: torch.Tensor | None = None,
) -> torch.Tensor:
    """Compute the log-odds of an error of embedded sequences.

    Args:
        model: The classifier.
        inputs: Tensors of a batch: attention_mask and junction are used.
        embedded: float (n, tokens, hidden).
        rows: Which of the batch each is, int64 (n,); None: one after the other.

    Returns:
        float (n,).
    """
    mask, junction = inputs["attention_mask"], inputs["junction"]
    if rows is not None:
        mask, junction = mask[rows], junction[rows]
    output = model(inputs_embeds=embedded, attention_mask=mask, junction=junction)
    return compute_target(output.logits, model.config.classes)
