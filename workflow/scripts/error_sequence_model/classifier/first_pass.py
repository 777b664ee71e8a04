"""A new classifier sees some data before it is trained: its norms take statistics."""

from __future__ import annotations

import numpy as np

from error_sequence_model.backbones import calibrating
from error_sequence_model.classifier.model import ErrorClassifier
from error_sequence_model.datasets import SequenceDataset, collate

CALIBRATION_SEQUENCES = 256


def calibrate_model(
    model: ErrorClassifier, dataset: SequenceDataset, *, seed: int
) -> None:
    """Let a new classifier see some data before training.

    The backbone takes statistics if it wants to and has none; the head always does.

    Args:
        model: The classifier.
        dataset: The training sequences; the sample is the same on every rank.
        seed: Seed of the sample.
    """
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(dataset))[:CALIBRATION_SEQUENCES])
    inputs = collate(
        [dataset[int(index)] for index in chosen],
        pad_token_id=dataset.tokenizer.pad_token_id,
    )
    device = next(model.parameters()).device
    names = ("input_ids", "attention_mask", "junction")
    inputs = {name: inputs[name].to(device) for name in names}
    if not getattr(model.backbone, "is_calibrated", True):
        model.backbone.calibrate(inputs["input_ids"], inputs["attention_mask"])
    with calibrating(model, model.head):
        model(**inputs)
