"""One vector per site from a backbone: what the classifier's head would see."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch

from error_sequence_model.classifier.model import ErrorClassifier
from error_sequence_model.classifier.prediction import TOKENS_PER_BATCH
from error_sequence_model.core import get_progress
from error_sequence_model.datasets import SequenceDataset, collate, cut_batches


@torch.no_grad()
def embed_sites(
    model: ErrorClassifier,
    dataset: SequenceDataset,
    *,
    device: torch.device,
    tokens_per_batch: int = TOKENS_PER_BATCH,
) -> np.ndarray:
    """Embed sequences: the backbone's states, pooled as the classifier pools them.

    Args:
        model: The classifier; its mode is restored.
        dataset: The sequences.
        device: Where the model is.
        tokens_per_batch: Padded tokens of one forward pass.

    Returns:
        float32 (n, vectors * hidden), in the order of the data set.
    """
    batches = cut_batches(
        np.arange(len(dataset)),
        dataset.lengths,
        tokens_per_batch=tokens_per_batch,
        bucket_boundaries=dataset.bucket_boundaries,
    )
    was_training = model.training
    model.eval()
    vectors: list[np.ndarray] = [np.zeros(0)] * len(dataset)
    for batch in get_progress(batches, what="embedding", unit="batches"):
        inputs = collate(
            [dataset[int(index)] for index in batch],
            pad_token_id=dataset.tokenizer.pad_token_id,
        )
        mask = inputs["attention_mask"].to(device)
        states = model.backbone(
            input_ids=inputs["input_ids"].to(device), attention_mask=mask
        ).last_hidden_state
        pooled = model.pool(states, mask, inputs["junction"].to(device))
        for index, vector in zip(batch, pooled.float().cpu().numpy(), strict=True):
            vectors[int(index)] = vector
    model.train(was_training)
    return np.stack(vectors)


def embed_parts(
    model: ErrorClassifier, datasets: Mapping[str, SequenceDataset]
) -> pd.DataFrame:
    """Embed the sites of some parts.

    Args:
        model: The classifier.
        datasets: Part name to data set.

    Returns:
        site_id, then float32 columns v0, v1, ….
    """
    device = next(model.parameters()).device
    frames = []
    for dataset in datasets.values():
        vectors = embed_sites(model, dataset, device=device)
        names = [f"v{index}" for index in range(vectors.shape[1])]
        frame = pd.DataFrame(vectors, columns=names)
        frame.insert(0, "site_id", dataset.site_ids)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)
