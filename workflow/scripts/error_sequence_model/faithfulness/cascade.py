"""Weights drawn anew, from the head down to the embeddings (Adebayo et al. 2018).

A map that stays the same when the network forgets what it learnt shows the network's
shape or the sequence, not what was learnt.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import torch

from error_sequence_model.classifier import ErrorClassifier, calibrate_model
from error_sequence_model.datasets import SequenceDataset

LAST_STAGE = "all weights"
# Two networks of random weights may resemble the model to very different degrees.
NETWORKS = 5


def randomise(model: ErrorClassifier, *, seed: int) -> ErrorClassifier:
    """Make the same network with fresh random weights everywhere."""
    with torch.random.fork_rng():
        torch.manual_seed(seed + 7919)
        fresh = type(model)(model.config)
    fresh.tokenizer = model.tokenizer
    return fresh.eval()


def find_stages(model: ErrorClassifier) -> dict[str, tuple[str, ...]]:
    """Find what is drawn anew at each stage but the last: prefixes of weights' names.

    Returns:
        "head", "upper layers" (the half next to the head) and "all layers", each with
        the prefixes of the stages before it; stages that would be alike are left out.
    """
    stages = {"head": ("head.",)}
    layers = [
        (name, module)
        for name, module in model.backbone.named_modules()
        if isinstance(module, torch.nn.ModuleList)
        and re.search(r"(^|\.)layers?$", name)
        and len(module) > 0
    ]
    if not layers:
        return stages
    name, module = layers[0]
    places = [f"backbone.{name}.{index}." for index in range(len(module))]
    half = len(places) // 2
    if half:
        stages["upper layers"] = ("head.", *places[half:])
    stages["all layers"] = ("head.", *places)
    return stages


def iterate_stages(
    model: ErrorClassifier, dataset: SequenceDataset, *, seed: int
) -> Iterator[tuple[str, ErrorClassifier]]:
    """Give the network stage by stage, ever more of its weights drawn anew.

    Args:
        model: The fine-tuned classifier; it stays as it is.
        dataset: Sequences that a new network sees some of before training.
        seed: Seed of the weights.

    Yields:
        Name of the stage and the network, in eval mode on the model's device; the last
        stage is `LAST_STAGE`, embeddings and stem included: `NETWORKS` draws of it.
    """
    device = next(model.parameters()).device
    fresh = randomise(model, seed=seed)
    calibrate_model(fresh, dataset, seed=seed)
    drawn = fresh.state_dict()
    for name, prefixes in find_stages(model).items():
        mixed = randomise(model, seed=seed)
        kept = model.state_dict()
        mixed.load_state_dict(
            {
                key: drawn[key] if key.startswith(prefixes) else value
                for key, value in kept.items()
            }
        )
        calibrate_model(mixed, dataset, seed=seed)
        yield name, mixed.to(device)
    yield LAST_STAGE, fresh.to(device)
    for draw in range(1, NETWORKS):
        other = randomise(model, seed=seed + draw)
        calibrate_model(other, dataset, seed=seed)
        yield LAST_STAGE, other.to(device)
