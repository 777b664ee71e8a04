"""Tiny classifiers and data sets that train in a fraction of a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from error_sequence_model.classifier import ErrorClassifier, create_classifier
from error_sequence_model.datasets import SequenceDataset
from error_sequence_model.notebook import prepare_datasets_for_training

OPTIONS = {
    "layers": 1,
    "hidden_size": 16,
    "heads": 2,
    "stem_channels": 8,
    "stem_dilations": [1],
}
# What a pass computes for one sequence does not depend on the others or on chance.
EXACT = {**OPTIONS, "dropout": 0.0}


def make_tiny_classifier(
    *, seed: int = 1, classes: tuple[str, ...] = ("correct", "error"), **options: object
) -> ErrorClassifier:
    return create_classifier(
        "nucleotide_encoder",
        classes=classes,
        dropout=0.0,
        options={**OPTIONS, **options},
        seed=seed,
    )


def draw_sequences(
    rng: np.random.Generator, count: int, shortest: int, longest: int
) -> list[str]:
    lengths = rng.integers(shortest, longest + 1, count)
    return ["".join(rng.choice(list("ACGT"), length)) for length in lengths]


def make_frame(
    count: int, *, seed: int, shortest: int = 40, longest: int = 40, classes: int = 2
) -> pd.DataFrame:
    """Sequences whose class is told by the base at their middle and left of it."""
    rng = np.random.default_rng(seed)
    sequences = draw_sequences(rng, count, shortest, longest)
    labels = np.arange(count) % classes
    planted = []
    for sequence, label in zip(sequences, labels, strict=True):
        middle = len(sequence) // 2
        planted.append(
            sequence[: middle - 1] + "ACGT"[label] * 3 + sequence[middle + 2 :]
        )
    return pd.DataFrame(
        {
            "sequence": planted,
            "label": labels,
            "gene_id": [f"g{index // 2}" for index in range(count)],
        }
    )


def make_tiny_datasets(
    count: int = 48, *, seed: int = 0, **shape: int
) -> tuple[SequenceDataset, SequenceDataset]:
    return prepare_datasets_for_training(
        make_frame(count, seed=seed, **shape),
        make_frame(count // 2, seed=seed + 1000, **shape),
    )


def write_windows(path: Path, site_ids: list[int], windows: list[str]) -> Path:
    half = len(windows[0]) // 2
    schema = pa.schema(
        [("site_id", pa.int64()), ("sequence", pa.string())],
        metadata={"upstream": str(half), "downstream": str(len(windows[0]) - half)},
    )
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for start in range(0, len(windows), 7):
            part = slice(start, start + 7)
            writer.write_batch(
                pa.record_batch([site_ids[part], windows[part]], schema=schema)
            )
    return path
