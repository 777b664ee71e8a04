"""Tokenized sequences with labels, and how they are put into batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .batching import (
        PAD_MULTIPLE,
        cut_batches,
        cut_passes,
        draw_members,
        pad_length,
        plan_steps,
        share_step,
    )
    from .sequences import (
        SequenceDataset,
        WindowChanges,
        collate,
        load_split_datasets,
        mask_tokens,
        require_dataset,
        truncate,
    )

__all__, __getattr__ = open_face(__name__, __file__)
