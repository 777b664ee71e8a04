"""One optimiser step of a training run: gradients, clipping, update, on all ranks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor

from error_sequence_model.classifier import ErrorClassifier
from error_sequence_model.core import InputError, StopRequest
from error_sequence_model.datasets import SequenceDataset, share_step
from error_sequence_model.settings import TrainingSettings
from error_sequence_model.training.gradients import GradientSteps
from error_sequence_model.training.groups import (
    compute_class_weights,
    get_rate_factor,
    make_optimizer,
    set_learning_rate,
)
from error_sequence_model.training.state import TrainingState, write_failed_batch


class OptimiserSteps:
    """Takes the optimiser steps of a run.

    Args:
        model: The classifier, on the accelerator's device; all ranks get the weights of
            the first one.
        dataset: The training sequences.
        settings: How to train.
        accelerator: Device, ranks and loss scale.
        precision: "fp32", "bf16" or "fp16".
        steps_per_epoch: Optimiser steps of an epoch.
        output_dir: Gets the sites of a step that fails.

    Attributes:
        sample_weights: Weight of each sequence in the loss, float32 (n,).
        optimizer: AdamW.
        gradients: Makes the gradient of a step.
        stop: Notes a stop from outside, while it is entered.
        is_stopping: Whether a stop was asked for on any rank, up to the last step.
        following: Indices of the step after the next one, where they are known: it is
            collated while the device is busy.
    """

    def __init__(
        self,
        model: ErrorClassifier,
        dataset: SequenceDataset,
        settings: TrainingSettings,
        accelerator: Accelerator,
        *,
        precision: str,
        steps_per_epoch: int,
        output_dir: Path | None,
    ) -> None:
        self.model, self.dataset, self.settings = model, dataset, settings
        self.accelerator, self.output_dir = accelerator, output_dir
        self.total_steps = settings.epochs * steps_per_epoch
        self.steps_per_epoch = steps_per_epoch
        if accelerator.num_processes > 1:
            for tensor in model.state_dict().values():
                torch.distributed.broadcast(tensor, src=0)
        self.optimizer = accelerator.prepare(make_optimizer(model, settings))
        class_weights = compute_class_weights(
            dataset.labels,
            len(dataset.classes),
            # Balanced sampling has done what the weights would do.
            "none" if settings.sampling == "balanced" else settings.class_weights,
        )
        self.sample_weights = class_weights[dataset.labels]
        self.gradients = GradientSteps(
            model,
            dataset,
            settings,
            accelerator,
            precision=precision,
            class_weights=class_weights,
        )
        self.stop = StopRequest()
        self.is_stopping = False
        self.following: np.ndarray | None = None

    def take(self, step: np.ndarray, state: TrainingState) -> tuple[float, float]:
        """Do one step; give its loss and its gradient norm before clipping.

        Args:
            step: Indices of its sequences, over all ranks, int64 (n,).
            state: Where the run stands; the tokens of this rank are added to it.

        Raises:
            InputError: Loss or gradient is not finite; the weights are as before.
        """
        done = state.epoch * self.steps_per_epoch + state.step
        factor = get_rate_factor(done, self.total_steps, self.settings)
        set_learning_rate(self.optimizer, factor)
        sums = self.gradients.accumulate(
            self._share(step),
            float(self.sample_weights[step].sum()),
            seed=self._make_seed(state.epoch, state.step),
        )
        self.gradients.add_over_ranks()
        norm = self.accelerator.clip_grad_norm_(
            self.model.parameters(), self.settings.gradient_clip
        )
        if self.following is not None:
            self.gradients.prepare(
                self._share(self.following),
                seed=self._make_seed(state.epoch, state.step + 1),
            )
        state.tokens[0] += sums.real
        state.tokens[1] += sums.padded
        state.flops += sums.flops
        loss, norm_value = self._wait_for(sums.loss, norm)
        if not np.isfinite(loss):
            self._refuse(step, state)
        if not np.isfinite(norm_value):
            if self.accelerator.scaler is None:
                self._refuse(step, state)
            # fp16: the scaler lowers its scale and leaves this step out.
            norm_value, state.skipped_steps = 0.0, state.skipped_steps + 1
        self.optimizer.step()
        return loss, norm_value

    def _share(self, step: np.ndarray) -> np.ndarray:
        ranks = self.accelerator.num_processes
        return share_step(step, rank=self.accelerator.process_index, world_size=ranks)

    def _make_seed(self, epoch: int, step: int) -> int:
        entropy = [self.settings.seed, epoch, step, self.accelerator.process_index]
        return int(np.random.SeedSequence(entropy).generate_state(1)[0])

    def _wait_for(self, loss: Tensor, norm: Tensor) -> tuple[float, float]:
        """Give loss and norm of the whole step; agree with all ranks on a stop.

        It is the one moment of a step at which the device is waited for.
        """
        sums = torch.stack([loss, loss.new_tensor(float(self.stop.is_made))])
        if self.accelerator.num_processes > 1:
            torch.distributed.all_reduce(sums)
        loss_sum, stops, norm_value = torch.cat([sums, norm.view(1)]).tolist()
        self.is_stopping = stops > 0
        return loss_sum, norm_value

    def _refuse(self, step: np.ndarray, state: TrainingState) -> None:
        sites = write_failed_batch(self.dataset, step, self.output_dir)
        raise InputError(
            f"the loss or its gradient is not finite at epoch {state.epoch + 1}, step "
            f"{state.step + 1}; lower `training.learning_rate` or set "
            f"`training.precision: fp32`; {sites}"
        )
