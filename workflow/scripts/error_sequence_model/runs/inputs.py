"""The files and names that define the data of a run, and how they are opened."""

from __future__ import annotations

import argparse
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from error_sequence_model.core import read_saved_table
from error_sequence_model.datasets import SequenceDataset, load_split_datasets
from error_sequence_model.settings import Contrast, TrainingSettings, parse_contrast
from error_sequence_model.tokenizers import SequenceTokenizer

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunInputs:
    """The files and names that define the data of a run.

    Attributes:
        sites: ``sites.parquet``.
        split: ``split.parquet``.
        tokens: Token store of the backbone.
        contrast_name: Name of the contrast.
        contrast: Its definition in the config; None for a built-in one.
        fold: Which fold of the split.
        max_length: Tokens per sequence; longer ones keep those around the junction.
        bucket_boundaries: Outer edges of the length buckets, in tokens.
    """

    sites: Path
    split: Path
    tokens: Path
    contrast_name: str
    contrast: dict[str, Any] | None
    fold: int
    max_length: int | None = None
    bucket_boundaries: tuple[int, ...] | None = None

    def parse_contrast(self) -> Contrast:
        """Give the contrast with its classes."""
        return parse_contrast(self.contrast_name, self.contrast)

    def load_datasets(self, tokenizer: SequenceTokenizer) -> dict[str, SequenceDataset]:
        """Open train, validation and test."""
        return load_split_datasets(
            self.tokens,
            read_saved_table(self.split),
            read_saved_table(self.sites, columns=["site_id", "gene_id"]),
            fold=self.fold,
            classes=self.parse_contrast().class_names,
            tokenizer=tokenizer,
            max_length=self.max_length,
            bucket_boundaries=self.bucket_boundaries,
        )


def read_run_inputs(arguments: argparse.Namespace) -> RunInputs:
    """Give the inputs that the arguments name."""
    training = TrainingSettings.from_mapping(arguments.training)
    return RunInputs(
        sites=arguments.sites,
        split=arguments.split,
        tokens=arguments.tokens,
        contrast_name=arguments.contrast_name,
        contrast=arguments.contrast,
        fold=arguments.fold,
        max_length=training.max_length,
        bucket_boundaries=training.bucket_boundaries,
    )
