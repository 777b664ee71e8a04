"""A new classifier sees some data before it is trained: its norms take statistics."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from error_sequence_model.backbones import calibrating
from error_sequence_model.classifier.model import ErrorClassifier
from error_sequence_model.classifier.prediction import (
    TOKENS_PER_BATCH,
    iterate_batches,
)
from error_sequence_model.core import evaluating
from error_sequence_model.datasets import SequenceDataset, collate

CALIBRATION_SEQUENCES = 256
# Of one batch: padded tokens, and pairs of them that attend. A CPU gains nothing from
# large ones, and sequences of other lengths would pad them.
CALIBRATION_TOKENS = 2**17
CALIBRATION_PAIRS = 2**26


def calibrate_model(
    model: ErrorClassifier,
    dataset: SequenceDataset,
    *,
    seed: int,
    embed: Callable[[], torch.Tensor] | None = None,
) -> None:
    """Let a new classifier see some data before training.

    The backbone takes statistics if it wants to and has none; the head always does.

    Args:
        model: The classifier, on the device that is to compute.
        dataset: The training sequences; the sample is the same on every rank.
        seed: Seed of the sample.
        embed: Gives what the head sees of each sequence, float32 (n, width), where the
            backbone need not run for it.
    """
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(dataset))[:CALIBRATION_SEQUENCES])
    device = next(model.parameters()).device
    longest = int(dataset.lengths[chosen].max())
    tokens = min(CALIBRATION_TOKENS, CALIBRATION_PAIRS // longest)
    options = {"tokens_per_batch": max(tokens, longest)}
    if not getattr(model.backbone, "is_calibrated", True):
        # Norm after norm, so of one batch: a few hundred thousand states are enough.
        few = chosen[: max(CALIBRATION_TOKENS // longest, 1)]
        batch = collate(
            [dataset[int(index)] for index in few],
            pad_token_id=dataset.tokenizer.pad_token_id,
        )
        model.backbone.calibrate(
            batch["input_ids"].to(device), batch["attention_mask"].to(device)
        )
    if embed is not None:
        with calibrating(model, model.head):
            model.head(embed()[torch.from_numpy(chosen)].to(device))
        return
    vectors = []
    if device.type == "cpu":
        options["tokens_per_batch"] = max(TOKENS_PER_BATCH, longest)
    with torch.no_grad(), evaluating(model):
        for _, inputs in iterate_batches(dataset, device, indices=chosen, **options):
            junction, mask = inputs.pop("junction"), inputs.get("attention_mask")
            states = model.backbone(**inputs).last_hidden_state
            vectors.append(model.pool(states, mask, junction))
    with calibrating(model, model.head):
        model.head(torch.cat(vectors))
