"""Pretraining as a task of the training loop: hidden tokens and the genes' structure.

Masks are functions of (seed, window, epoch) alone. Held-out windows are measured, never
chosen by.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Tensor

from error_sequence_model.pretraining.language_models import (
    Example,
    ExampleMaker,
    LanguageModel,
    Losses,
    calibrate,
    count_targets,
)
from error_sequence_model.pretraining.perplexity import (
    Measured,
    collate_examples,
    compute_losses,
    join_measured,
    measure,
)
from error_sequence_model.settings import PretrainingSettings
from error_sequence_model.training import Task, TrainingState

logger = logging.getLogger(__name__)

SAMPLE = 64  # windows whose tokens are counted to learn how long one is


class Pretraining(Task):
    """Learn a language model on windows of the user's own genome.

    Args:
        model: The language model.
        maker: Makes examples of the windows to learn from.
        held_out: Makes examples of held-out windows.
        settings: How to pretrain.

    Attributes:
        before: What was measured on held-out windows before the first step.
        after: What was measured last.
    """

    section = "pretraining"
    too_long = "lower `pretraining.length` or take a smaller backbone"

    def __init__(
        self,
        model: LanguageModel,
        maker: ExampleMaker,
        held_out: ExampleMaker,
        settings: PretrainingSettings,
    ) -> None:
        self.model, self.maker, self.held_out = model, maker, held_out
        self.settings = settings.make_training_settings()
        count = len(maker.windows)
        sample = self.make_examples(np.arange(min(count, SAMPLE)), 0)
        self.lengths = np.full(count, self.count_tokens(sample).max())
        self.before: Measured | None = None
        self.after: Measured | None = None
        calibrate(model.backbone, maker)

    def begin(self, accelerator: Accelerator, precision: str) -> dict[str, Any]:
        """Measure the model as it comes: the row of epoch 0."""
        self.before = self.after = self.validate(accelerator, precision)
        return {"epoch": 0, "step": 0, **compute_losses(self.before)}

    def make_examples(self, indices: np.ndarray, epoch: int) -> list[Example]:
        """Make examples, other tokens hidden in each epoch."""
        return [self.maker.make(int(index), epoch) for index in indices]

    def count_tokens(self, examples: list[Example]) -> np.ndarray:
        """Count the tokens of each example, int64 (n,)."""
        return np.array([len(example.input_ids) for example in examples])

    def collate(
        self, examples: list[Example], *, multiple: int, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Pad examples into one batch."""
        return collate_examples(
            examples,
            pad_token_id=self.maker.tokenizer.pad_token_id,
            multiple=multiple,
        )

    def sum_weights(
        self, step: np.ndarray, examples: list[Example], accelerator: Accelerator | None
    ) -> Tensor:
        """Count the tokens and the labels to predict in the step, float32 (2,)."""
        counts = torch.tensor(count_targets(examples))
        if accelerator is not None:
            counts = accelerator.reduce(counts.to(accelerator.device), reduction="sum")
        return counts.clamp(min=1)

    def compute_loss(
        self, output: Losses, batch: dict[str, Tensor], weights: Tensor
    ) -> Tensor:
        """Give the mean losses of tokens and labels, as their part of the step's."""
        tokens, labels = weights.to(output.sequence.device)
        return output.sequence.sum() / tokens + output.annotation.sum() / labels

    def validate(self, accelerator: Accelerator, precision: str) -> Measured:
        """Measure the model on the held-out windows."""
        mine = np.arange(len(self.held_out.windows))
        mine = mine[accelerator.process_index :: accelerator.num_processes]
        measured = measure(
            self.model,
            self.held_out,
            mine,
            device=accelerator.device,
            precision=precision,
        )
        if accelerator.num_processes == 1:
            return measured
        return join_measured(gather_object([(mine, measured)]))

    def finish_epoch(self, validated: Measured, state: TrainingState) -> dict[str, Any]:
        """Keep what was measured; give the held-out losses."""
        self.after = validated
        losses = compute_losses(validated)
        logger.info(
            "epoch %d/%d: loss %.4f, %s",
            *(state.epoch + 1, self.settings.epochs, state.losses / state.step, losses),
        )
        return losses

    def state_dict(self) -> dict[str, Any]:
        """Give what was measured, as tensors."""
        measured = {"before": self.before, "after": self.after}
        return {
            when: {name: torch.from_numpy(array) for name, array in vars(part).items()}
            for when, part in measured.items()
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Take up what was measured."""
        self.before, self.after = (
            Measured(**{name: tensor.numpy() for name, tensor in saved[when].items()})
            for when in ("before", "after")
        )
