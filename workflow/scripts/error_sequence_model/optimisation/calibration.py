"""A new backbone sees some data before it is trained, where it wants to."""

from __future__ import annotations

import numpy as np

from error_sequence_model.classifier import ErrorClassifier
from error_sequence_model.datasets import SequenceDataset, collate

CALIBRATION_SEQUENCES = 256


def calibrate_backbone(
    model: ErrorClassifier, dataset: SequenceDataset, *, seed: int
) -> None:
    """Let a new backbone that wants to see some data before training see them.

    Args:
        model: The classifier.
        dataset: The training sequences; the sample is the same on every rank.
        seed: Seed of the sample.
    """
    if getattr(model.backbone, "is_calibrated", True):
        return
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(dataset))[:CALIBRATION_SEQUENCES])
    inputs = collate(
        [dataset[int(index)] for index in chosen],
        pad_token_id=dataset.tokenizer.pad_token_id,
    )
    model.backbone.calibrate(inputs["input_ids"], inputs["attention_mask"])
