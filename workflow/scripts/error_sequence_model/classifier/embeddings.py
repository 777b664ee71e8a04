"""One vector per site from a backbone: what the classifier's head would see."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch

from error_sequence_model.classifier.model import ErrorClassifier
from error_sequence_model.classifier.prediction import (
    TOKENS_PER_BATCH,
    iterate_batches,
)
from error_sequence_model.core import evaluating
from error_sequence_model.datasets import SequenceDataset


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
    vectors: list[np.ndarray] = [np.zeros(0)] * len(dataset)
    batches = iterate_batches(
        dataset,
        device,
        indices=np.arange(len(dataset)),
        tokens_per_batch=tokens_per_batch,
        what="embedding",
    )
    with evaluating(model):
        for batch, inputs in batches:
            junction, mask = inputs.pop("junction"), inputs["attention_mask"]
            states = model.backbone(**inputs).last_hidden_state
            pooled = model.pool(states, mask, junction).float().cpu().numpy()
            for index, vector in zip(batch, pooled, strict=True):
                vectors[int(index)] = vector
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
