"""How well a language model predicts held-out windows, with intervals over genes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from error_sequence_model.core import autocast, evaluating
from error_sequence_model.datasets import PAD_MULTIPLE, cut_batches, pad_length
from error_sequence_model.pretraining.gene_bodies import (
    ACCEPTOR,
    DONOR,
    EXON,
    STRUCTURE,
)
from error_sequence_model.pretraining.language_models import (
    IGNORED,
    Example,
    ExampleMaker,
    LanguageModel,
)
from error_sequence_model.statistics import (
    compute_auprc,
    draw_gene_weights,
    get_interval,
    number_groups,
)

TOKENS_PER_BATCH = 16384
MEASURING = 2**31  # in place of an epoch: masks that training never draws


@dataclass(frozen=True)
class Measured:
    """What a model makes of some windows; axis 0 is the window.

    Attributes:
        nats: Summed negative log-likelihood of the hidden tokens, float64 (n,).
        tokens: Number of hidden tokens, int64 (n,).
        bases: Bases they cover, int64 (n,).
        label_nats: Summed negative log-likelihood of the annotation's labels,
            unmasked, float64 (n,).
        labels: Labels of all tokens of all windows, int64 (n_labelled,).
        probabilities: Of each label, float32 (n_labelled, labels).
        labelled: Number of labelled tokens per window, int64 (n,).
    """

    nats: np.ndarray
    tokens: np.ndarray
    bases: np.ndarray
    label_nats: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    labelled: np.ndarray


def collate_examples(
    examples: list[Example], *, pad_token_id: int, multiple: int = PAD_MULTIPLE
) -> dict[str, torch.Tensor]:
    """Pad examples on the right into one batch, all int64 (n, tokens)."""
    longest = max(len(example.input_ids) for example in examples)
    if min(len(example.input_ids) for example in examples) != longest:
        longest = pad_length(longest, multiple)
    shape = (len(examples), longest)
    batch = {
        "input_ids": np.full(shape, pad_token_id),
        "attention_mask": np.zeros(shape, dtype=np.int64),
        "targets": np.full(shape, IGNORED),
        "structure": np.full(shape, IGNORED),
    }
    for row, example in enumerate(examples):
        stop = len(example.input_ids)
        batch["attention_mask"][row, :stop] = 1
        for name in ("input_ids", "targets", "structure"):
            batch[name][row, :stop] = getattr(example, name)
    return {name: torch.from_numpy(values) for name, values in batch.items()}


@torch.no_grad()
def measure(
    model: LanguageModel,
    maker: ExampleMaker,
    indices: np.ndarray,
    *,
    device: torch.device,
    precision: str,
) -> Measured:
    """Predict windows, always with the same tokens hidden.

    Args:
        model: The model; its mode is restored.
        maker: Makes the examples.
        indices: Which windows.
        device: Where the model is.
        precision: "fp32", "bf16" or "fp16".
    """
    hidden = [maker.make(int(index), MEASURING) for index in indices]
    nats = np.zeros(len(indices))
    label_nats = np.zeros(len(indices))
    labels = [np.zeros(0, np.int64)] * len(indices)
    probabilities = [np.zeros((0, len(STRUCTURE)), np.float32)] * len(indices)
    pad_token_id = maker.tokenizer.pad_token_id
    with evaluating(model):
        if model.head is not None:
            for rows, inputs in _batch(hidden, pad_token_id, device):
                with autocast(precision, device):
                    nats[rows] = model(**inputs).sequence.double().cpu().numpy()
        if model.annotation is not None:
            plain = replace(maker.settings, objective="annotation")
            shown = ExampleMaker(maker.windows, maker.tokenizer, plain, is_causal=False)
            whole = [shown.make(int(index)) for index in indices]
            for rows, inputs in _batch(whole, pad_token_id, device):
                with autocast(precision, device):
                    states = model.backbone(
                        input_ids=inputs["input_ids"],
                        attention_mask=inputs["attention_mask"],
                    ).last_hidden_state
                    logits = model.annotation(states).float()
                chances = logits.softmax(dim=-1).cpu().numpy()
                for place, row in enumerate(rows):
                    known = whole[row].structure != IGNORED
                    labels[row] = whole[row].structure[known]
                    probabilities[row] = chances[place, : len(known)][known]
                    right = probabilities[row][np.arange(known.sum()), labels[row]]
                    label_nats[row] = -np.log(np.maximum(right, 1e-12)).sum()
    return Measured(
        nats,
        np.array([(e.targets != IGNORED).sum() for e in hidden]),
        np.array([e.target_bases for e in hidden]),
        label_nats,
        np.concatenate(labels),
        np.concatenate(probabilities),
        np.array([len(part) for part in labels]),
    )


def _batch(examples: list[Example], pad_token_id: int, device: torch.device):
    lengths = np.array([len(example.input_ids) for example in examples])
    order = np.arange(len(examples))
    for rows in cut_batches(order, lengths, tokens_per_batch=TOKENS_PER_BATCH):
        batch = collate_examples(
            [examples[row] for row in rows], pad_token_id=pad_token_id
        )
        yield rows, {name: tensor.to(device) for name, tensor in batch.items()}


def join_measured(parts: list[tuple[np.ndarray, Measured]]) -> Measured:
    """Put the windows of several ranks into one order.

    Args:
        parts: ``(indices, measured)`` of each rank; together every index once.
    """
    order = np.argsort(np.concatenate([indices for indices, _ in parts]))
    measured = [part for _, part in parts]
    fields = {}
    for name in ("nats", "tokens", "bases", "label_nats", "labelled"):
        joined = np.concatenate([getattr(part, name) for part in measured])
        fields[name] = joined[order]
    for name in ("labels", "probabilities"):
        rows = [
            piece
            for part in measured
            for piece in np.split(getattr(part, name), np.cumsum(part.labelled)[:-1])
        ]
        fields[name] = np.concatenate([rows[place] for place in order])
    return Measured(**fields)


def compute_losses(measured: Measured) -> dict[str, float | None]:
    """Mean held-out losses in nats per token; None where nothing was predicted."""
    sums = {
        "held_out_sequence_loss": (measured.nats, measured.tokens),
        "held_out_annotation_loss": (measured.label_nats, measured.labelled),
    }
    return {
        name: float(nats.sum() / units.sum()) if nats.any() else None
        for name, (nats, units) in sums.items()
    }


def describe_measured(
    before: Measured,
    after: Measured,
    genes: np.ndarray,
    *,
    draws: int,
    level: float,
    seed: int,
) -> dict[str, Any]:
    """Compare a model before and after pretraining on the same windows.

    Args:
        before: At the start.
        after: At the end.
        genes: Gene of each window, the unit of the bootstrap.
        draws: Bootstrap samples.
        level: Level of the intervals.
        seed: Seed of the bootstrap; before and after get the same samples.

    Returns:
        perplexity (null if no tokens were predicted) and annotation (likewise), each
        with before, after and their paired difference.
    """
    groups = number_groups(genes, len(genes))
    drawn = int(groups.max()) + 1, level
    weights = np.concatenate(list(draw_gene_weights(groups, draws=draws, seed=seed)))
    result: dict[str, Any] = {"perplexity": None, "annotation": None}
    if before.nats.any():
        result["perplexity"] = {
            name: {
                **_describe(part.nats, part.tokens, weights, drawn, "per_token"),
                **_describe(part.nats, part.bases, weights, drawn, "per_base"),
            }
            for name, part in (("before", before), ("after", after))
        }
        result["perplexity"]["nats_per_base_gained"] = _describe_gain(
            before.nats - after.nats, before.bases, weights, drawn
        )
    if len(before.labels):
        result["annotation"] = {
            name: {
                "nats_per_token": part.label_nats.sum() / part.labelled.sum(),
                "auprc": _score_labels(part),
            }
            for name, part in (("before", before), ("after", after))
        }
        result["annotation"]["nats_per_token_gained"] = _describe_gain(
            before.label_nats - after.label_nats, before.labelled, weights, drawn
        )
    return result


def _describe(
    nats: np.ndarray,
    units: np.ndarray,
    weights: np.ndarray,
    drawn: tuple[int, float],
    name: str,
) -> dict[str, Any]:
    sampled = (weights @ nats) / np.maximum(weights @ units, 1)
    return {
        name: float(np.exp(nats.sum() / max(units.sum(), 1))),
        f"{name}_interval": list(get_interval(np.exp(sampled), *drawn)),
    }


def _describe_gain(
    nats: np.ndarray,
    units: np.ndarray,
    weights: np.ndarray,
    drawn: tuple[int, float],
) -> dict[str, Any]:
    sampled = (weights @ nats) / np.maximum(weights @ units, 1)
    ends = get_interval(sampled, *drawn)
    return {"value": float(nats.sum() / units.sum()), "interval": list(ends)}


def _score_labels(part: Measured) -> dict[str, Any]:
    """Average precision of each structure among all labelled tokens, and its share."""
    scores = {}
    for label in (EXON, DONOR, ACCEPTOR):
        truth = part.labels == label
        value = compute_auprc(truth, part.probabilities[:, label])
        scores[STRUCTURE[label]] = {
            "value": float(value) if np.isfinite(value) else None,
            "prevalence": float(truth.mean()),
        }
    return scores
