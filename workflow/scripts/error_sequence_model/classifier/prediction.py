"""Logits and embeddings of many sequences, in batches under a token budget."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from error_sequence_model.classifier.model import ErrorClassifier
from error_sequence_model.core import autocast, evaluating, get_progress
from error_sequence_model.datasets import SequenceDataset, collate, cut_batches

if TYPE_CHECKING:
    from accelerate import Accelerator

TOKENS_PER_BATCH = 16384


@torch.no_grad()
def predict_logits(
    model: torch.nn.Module,
    dataset: SequenceDataset,
    *,
    device: torch.device,
    precision: str = "fp32",
    indices: np.ndarray | None = None,
    tokens_per_batch: int = TOKENS_PER_BATCH,
    what: str | None = None,
) -> np.ndarray:
    """Predict the logits of sequences.

    Args:
        model: The classifier; its mode is restored.
        dataset: The sequences.
        device: Where the model is.
        precision: "fp32", "bf16" or "fp16".
        indices: Which items; None: all.
        tokens_per_batch: Padded tokens of one forward pass.
        what: Name of the work for the progress line; None: silent.

    Returns:
        float32 (n, classes), in the order of ``indices``.
    """
    if indices is None:
        indices = np.arange(len(dataset))
    logits = np.zeros((len(dataset), len(dataset.classes)), dtype=np.float32)
    batches = iterate_batches(
        dataset, device, indices=indices, tokens_per_batch=tokens_per_batch, what=what
    )
    with evaluating(model):
        for batch, inputs in batches:
            with autocast(precision, device):
                output = model(**inputs)
            logits[batch] = output.logits.float().cpu().numpy()
    return logits[indices]


class Embedded(NamedTuple):
    """Sequences as the head of a classifier sees them, and what it says of them.

    Attributes:
        vectors: The backbone's states, pooled, float32 (n, vectors * hidden).
        logits: float32 (n, classes).
    """

    vectors: np.ndarray
    logits: np.ndarray


@torch.no_grad()
def embed_sites(
    model: ErrorClassifier,
    dataset: SequenceDataset,
    *,
    device: torch.device,
    precision: str = "fp32",
    what: str | None = "embedding",
) -> Embedded:
    """Embed sequences and classify them, running the backbone once.

    Args:
        model: The classifier; its mode is restored.
        dataset: The sequences.
        device: Where the model is.
        precision: "fp32", "bf16" or "fp16", of the backbone.
        what: Name of the work for the progress line; None: silent.

    Returns:
        Of each sequence, in the order of the data set.
    """
    width = model.head[1].in_features
    vectors = np.zeros((len(dataset), width), dtype=np.float32)
    logits = np.zeros((len(dataset), len(dataset.classes)), dtype=np.float32)
    everything = np.arange(len(dataset))
    with evaluating(model):
        for batch, inputs in iterate_batches(
            dataset, device, indices=everything, what=what
        ):
            junction, mask = inputs.pop("junction"), inputs.get("attention_mask")
            with autocast(precision, device):
                states = model.backbone(**inputs).last_hidden_state
                pooled = model.pool(states, mask, junction).float()
            vectors[batch] = pooled.cpu().numpy()
            logits[batch] = model.head(pooled).cpu().numpy()
    return Embedded(vectors, logits)


def iterate_batches(
    dataset: SequenceDataset,
    device: torch.device,
    *,
    indices: np.ndarray,
    tokens_per_batch: int = TOKENS_PER_BATCH,
    what: str | None = None,
) -> Iterator[tuple[np.ndarray, dict[str, torch.Tensor]]]:
    """Give sequences in batches of nearly one length.

    Args:
        dataset: The sequences.
        device: Where they go.
        indices: Which items, int64 (n,).
        tokens_per_batch: Padded tokens of one batch.
        what: Name of the work for the progress line; None: silent.

    Yields:
        The indices of a batch, and what a classifier is called with.
    """
    batches = cut_batches(
        indices,
        dataset.lengths,
        tokens_per_batch=tokens_per_batch,
        bucket_boundaries=dataset.bucket_boundaries,
    )
    for batch in get_progress(batches, what=what, unit="batches") if what else batches:
        inputs = collate(
            [dataset[int(index)] for index in batch],
            pad_token_id=dataset.tokenizer.pad_token_id,
        )
        names = ["input_ids", "junction"]
        if not inputs["attention_mask"].all():
            names.append("attention_mask")
        yield batch, {name: inputs[name].to(device) for name in names}


def predict_on_ranks(
    model: torch.nn.Module,
    dataset: SequenceDataset,
    accelerator: Accelerator,
    precision: str,
) -> np.ndarray:
    """Predict logits, each rank its share; all ranks must call this.

    Returns:
        float32 (n, classes) on every rank, in the order of the data set.
    """
    ranks = accelerator.num_processes
    mine = np.arange(len(dataset))[accelerator.process_index :: ranks]
    logits = predict_logits(
        model, dataset, device=accelerator.device, precision=precision, indices=mine
    )
    if ranks == 1:
        return logits
    from accelerate.utils import gather_object

    parts = gather_object([(mine, logits)])
    order = np.argsort(np.concatenate([part[0] for part in parts]))
    return np.concatenate([part[1] for part in parts])[order]


def compute_probabilities(logits: np.ndarray) -> np.ndarray:
    """Softmax over the classes, float32 (n, classes)."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (shifted / shifted.sum(axis=1, keepdims=True)).astype(np.float32)
