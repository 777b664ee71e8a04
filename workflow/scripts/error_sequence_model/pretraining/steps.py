"""One optimiser step of pretraining: gradients, clipping, update, on all ranks."""

from __future__ import annotations

import logging
from contextlib import nullcontext

import numpy as np
import torch
from accelerate import Accelerator

from error_sequence_model.core import InputError, StopRequest, autocast
from error_sequence_model.datasets import cut_batches, share_step
from error_sequence_model.pretraining.language_models import (
    Example,
    ExampleMaker,
    LanguageModel,
    count_targets,
)
from error_sequence_model.pretraining.perplexity import (
    TOKENS_PER_BATCH,
    collate_examples,
)
from error_sequence_model.settings import PretrainingSettings
from error_sequence_model.training import (
    TrainingState,
    get_rate_factor,
    make_optimizer,
    set_learning_rate,
)

logger = logging.getLogger(__name__)


class PretrainingSteps:
    """Takes the optimiser steps of a pretraining run.

    Args:
        model: The language model.
        maker: Makes examples of the windows to learn from.
        settings: How to pretrain.
        accelerator: Device, ranks and loss scale.
        precision: "fp32", "bf16" or "fp16".
        steps_per_epoch: Optimiser steps of an epoch.

    Attributes:
        model: The model as accelerate has prepared it.
        optimizer: AdamW.
        stop: Notes a stop from outside, while it is entered.
        is_stopping: Whether a stop was asked for on any rank, up to the last step.
        tokens_per_batch: Padded tokens of one pass.
    """

    def __init__(
        self,
        model: LanguageModel,
        maker: ExampleMaker,
        settings: PretrainingSettings,
        accelerator: Accelerator,
        *,
        precision: str,
        steps_per_epoch: int,
    ) -> None:
        self.maker, self.settings = maker, settings
        self.accelerator, self.precision = accelerator, precision
        self.training = settings.make_training_settings()
        self.steps_per_epoch = steps_per_epoch
        self.model, self.optimizer = accelerator.prepare(
            model, make_optimizer(model, self.training)
        )
        self.stop, self.is_stopping = StopRequest(), False
        self.tokens_per_batch = self._choose_token_budget()

    def _choose_token_budget(self) -> int:
        if self.settings.tokens_per_batch != "auto":
            return int(self.settings.tokens_per_batch)
        if self.accelerator.device.type == "cpu":
            return TOKENS_PER_BATCH
        # Start with the whole share of a step; a lack of memory halves it.
        share = -(-self.settings.batch_size // self.accelerator.num_processes)
        return share * (self.maker.windows.length + 8)

    def take(self, step: np.ndarray, state: TrainingState) -> tuple[float, float]:
        """Do one step; give its loss and its gradient norm before clipping.

        Args:
            step: Indices of its windows, over all ranks, int64 (n,).
            state: Where the run stands; the tokens of this rank are added to it.

        Raises:
            InputError: Loss or gradient is not finite, or a window does not fit.
        """
        rank, n_ranks = self.accelerator.process_index, self.accelerator.num_processes
        total_steps = self.settings.epochs * self.steps_per_epoch
        done = state.epoch * self.steps_per_epoch + state.step
        factor = get_rate_factor(done, total_steps, self.training)
        set_learning_rate(self.optimizer, factor)
        entropy = [self.settings.seed, state.epoch, state.step, rank]
        seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
        mine = share_step(step, rank=rank, world_size=n_ranks)
        examples = [self.maker.make(int(index), state.epoch) for index in mine]
        counts = self._sum_over_ranks(count_targets(examples))
        while True:
            torch.manual_seed(seed)
            self.optimizer.zero_grad()
            try:
                loss = self.accumulate(examples, counts, state)
                break
            except torch.cuda.OutOfMemoryError:
                pass
            # Outside of the handler, whose traceback keeps the tensors alive.
            self._halve_token_budget()
        norm = float(
            self.accelerator.clip_grad_norm_(
                self.model.parameters(), self.training.gradient_clip
            )
        )
        is_scaled = self.accelerator.scaler is not None
        if not np.isfinite(loss) or not (np.isfinite(norm) or is_scaled):
            raise InputError(
                f"the loss or its gradient is not finite at epoch {state.epoch + 1}, "
                f"step {state.step + 1} of the pretraining; lower "
                "`pretraining.learning_rate` or set `pretraining.precision: fp32`"
            )
        self.optimizer.step()
        loss, stops = self._sum_over_ranks([loss, float(self.stop.is_made)])
        self.is_stopping = stops > 0
        return loss, norm if np.isfinite(norm) else 0.0

    def accumulate(
        self, examples: list[Example], counts: list[float], state: TrainingState
    ) -> float:
        """Add up the gradients of this rank's share of a step.

        Args:
            examples: The share.
            counts: Tokens and labels to predict in the step, over all ranks.
            state: Where the tokens are counted.

        Returns:
            The share's part of the step's loss.
        """
        device, n_ranks = self.accelerator.device, self.accelerator.num_processes
        lengths = np.array([len(example.input_ids) for example in examples])
        batches = cut_batches(
            np.arange(len(examples)), lengths, tokens_per_batch=self.tokens_per_batch
        )
        total = 0.0
        for number, rows in enumerate(batches, start=1):
            batch = collate_examples(
                [examples[row] for row in rows],
                pad_token_id=self.maker.tokenizer.pad_token_id,
            )
            state.tokens[0] += int(lengths[rows].sum())
            state.tokens[1] += batch["input_ids"].numel()
            inputs = {name: tensor.to(device) for name, tensor in batch.items()}
            is_last = number == len(batches)
            with nullcontext() if is_last else self.accelerator.no_sync(self.model):
                with autocast(self.precision, device):
                    losses = self.model(**inputs)
                loss = losses.sequence.sum() / max(counts[0], 1)
                loss = loss + losses.annotation.sum() / max(counts[1], 1)
                # DDP averages gradients over ranks; the sum is wanted.
                self.accelerator.backward(loss * n_ranks)
            total += float(loss.detach())
        return total

    def _sum_over_ranks(self, values: list[float]) -> list[float]:
        if self.accelerator.num_processes == 1:
            return values
        tensor = torch.tensor(values, device=self.accelerator.device)
        return self.accelerator.reduce(tensor, reduction="sum").tolist()

    def _halve_token_budget(self) -> None:
        if self.tokens_per_batch <= self.maker.windows.length:
            raise InputError(
                "one window alone does not fit into GPU memory; lower "
                "`pretraining.length` or take a smaller backbone"
            )
        self.tokens_per_batch //= 2
        torch.cuda.empty_cache()
        logger.warning("out of memory: %d tokens per batch", self.tokens_per_batch)
