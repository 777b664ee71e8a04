"""What a run trains for: the loop asks its task for examples, losses and scores.

Two tasks exist: `finetuning.FineTuning`, and `Pretraining` of the package above.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from error_sequence_model.settings import TrainingSettings

if TYPE_CHECKING:
    from error_sequence_model.training.state import TrainingState


class Task(Protocol):
    """What is learnt; its methods are called on every rank.

    Attributes:
        section: Key of the config that the settings come from, for messages.
        too_long: What to do where one item alone does not fit into memory.
        model: What is trained; has a ``backbone``.
        settings: How to train.
        lengths: Tokens of each item, as its steps are planned, int64 (n,).
        bucket_boundaries: Items of two of these length buckets never share a pass.
        can_pack: Whether `collate` and the model know batches without padding.
    """

    section: str
    too_long: str
    model: nn.Module
    settings: TrainingSettings
    lengths: np.ndarray
    bucket_boundaries: Sequence[int] | None = None
    can_pack: bool = False

    def draw_members(self, epoch: int) -> np.ndarray | None:
        """Draw the items of an epoch, int64; None: each once."""

    def calibrate(self) -> None:
        """Let a fresh model, on its device, see some data before its first step."""

    def begin(self, accelerator: Accelerator, precision: str) -> dict[str, Any] | None:
        """Measure what is there before the first step: a row of the history, if any."""

    def make_examples(self, indices: np.ndarray, epoch: int) -> list[Any]:
        """Make the examples of some items, int64 (n,); the same at every call."""

    def count_tokens(self, examples: list[Any]) -> np.ndarray:
        """Count the tokens of each example, int64 (n,)."""

    def collate(
        self,
        examples: list[Any],
        *,
        multiple: int,
        generator: torch.Generator,
        is_packed: bool = False,
    ) -> dict[str, Tensor]:
        """Put examples into one batch.

        Args:
            examples: Of `make_examples`.
            multiple: What their common length is rounded up to.
            generator: Where chance comes from.
            is_packed: Whether to pad nothing; asked for only where the task can.

        Returns:
            What the model is called with (input_ids and attention_mask (n, length) and
            more), and ``labels`` of the loss, if it has any.
        """

    def sum_weights(
        self, step: np.ndarray, examples: list[Any], accelerator: Accelerator | None
    ) -> list[float] | Tensor:
        """Sum the weights of a whole step, by which its losses are divided.

        Args:
            step: Its items on all ranks, int64 (n,).
            examples: Those of this rank.
            accelerator: Adds over the ranks; None: this rank is alone.
        """

    def compute_loss(
        self, output: Any, batch: dict[str, Tensor], weights: list[float] | Tensor
    ) -> Tensor:
        """Give the part of a batch in the loss of its step.

        Args:
            output: Of the model.
            batch: Of `collate`.
            weights: Of `sum_weights`.
        """

    def validate(self, accelerator: Accelerator, precision: str) -> Any:
        """Measure the model; nothing that a checkpoint holds may change."""

    def finish_epoch(self, validated: Any, state: TrainingState) -> dict[str, Any]:
        """Take note of what `validate` gave; give its columns of the history.

        Raises:
            InputError: It is not finite.
        """

    def finish(self, state: TrainingState) -> None:
        """Leave the model as the run is to leave it."""

    def name_step(self, step: np.ndarray) -> str:
        """Say which items are in a step that failed, after a "; "."""
        return ""

    def state_dict(self) -> dict[str, Any]:
        """Give what a checkpoint keeps beside the model: tensors and plain values."""
        return {}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Take up what `state_dict` gave."""
