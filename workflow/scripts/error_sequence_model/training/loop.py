"""The training loop: exact, resumable, on 0 to N GPUs, whatever the task.

How the gradient of a step is made: see `gradients`. The order of sequences and the
dropout masks are functions of (seed, epoch, step, rank) alone, so a stopped run goes on
to the same weights.
"""

from __future__ import annotations

import copy
import logging
import time
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from error_sequence_model.core import (
    InputError,
    StoppedError,
    StopRequest,
    choose_precision,
    describe_float32,
    get_device,
    get_progress,
    multiplying,
)
from error_sequence_model.datasets import plan_steps, share_step
from error_sequence_model.training.checkpoints import CheckpointFolder
from error_sequence_model.training.gradients import GradientSteps, Share
from error_sequence_model.training.groups import (
    get_highest_rate,
    get_rate_factor,
    make_optimizer,
    set_learning_rate,
)
from error_sequence_model.training.state import (
    EventLog,
    TrainingState,
    describe_device,
    make_accelerator,
    make_row,
)
from error_sequence_model.training.task import Task

logger = logging.getLogger(__name__)


class Training:
    """One run.

    Args:
        task: What to learn, with a fresh model.
        checkpoints: Where the state is kept between interruptions; one that is there is
            taken up.
        events: Folder for TensorBoard, if the settings ask for it.

    Attributes:
        optimizer: AdamW.
        gradients: Makes the gradient of a step.
        stop: Notes a stop from outside, while the run is under way.
        state: Where the run stands.

    Raises:
        InputError: There are fewer sequences in a step than processes, one does not fit
            into memory, or TensorBoard is not there.
    """

    def __init__(
        self, task: Task, checkpoints: CheckpointFolder, *, events: Path | None = None
    ) -> None:
        self.task, self.settings = task, task.settings
        self.checkpoints = checkpoints
        device = get_device()
        self.precision = choose_precision(
            self.settings.precision,
            device,
            hidden_size=task.model.backbone.config.hidden_size,
        )
        self.accelerator = make_accelerator(device, self.precision)
        task.model.to(self.accelerator.device)
        if self.settings.gradient_checkpointing:
            task.model.backbone.activation_checkpointing_enable()
        plan = self._plan(0)
        self.steps_per_epoch, self.windows_per_epoch = len(plan), sum(map(len, plan))
        saved = checkpoints.load()
        if saved is None:
            task.calibrate()
        if self.accelerator.num_processes > 1:
            for tensor in task.model.state_dict().values():
                torch.distributed.broadcast(tensor, src=0)
        self.optimizer = self.accelerator.prepare(
            make_optimizer(task.model, self.settings)
        )
        self.gradients = GradientSteps(task, self.accelerator, precision=self.precision)
        self.stop, self.is_stopping = StopRequest(), False
        self.state = TrainingState()
        if saved is not None:
            self._resume(saved)
        is_told = self.settings.tensorboard and self.accelerator.is_main_process
        self.events = EventLog(events if is_told else None, step=self.steps_done)
        if not self.gradients.tokens_per_batch:
            self.gradients.find_budget()

    @property
    def steps_done(self) -> int:
        """Optimiser steps since the start of the run."""
        return self.state.epoch * self.steps_per_epoch + self.state.step

    @property
    def record(self) -> dict[str, Any]:
        """What was decided for this machine, for run.json."""
        return {
            "device": self.accelerator.device.type,
            "processes": self.accelerator.num_processes,
            "precision": self.precision,
            "float32": describe_float32(self.accelerator.device),
            "tokens_per_batch": self.gradients.tokens_per_batch,
            "padding": self.gradients.padding_reason or "none",
            "steps_per_epoch": self.steps_per_epoch,
        }

    def run(self) -> list[dict[str, Any]]:
        """Train to the end; the task leaves the model as it is wanted.

        Returns:
            The history: one row per epoch (see `state`).

        Raises:
            InputError: The loss is not finite (the items of the step are named).
            StoppedError: SIGTERM came; a checkpoint holds what was done.
        """
        with self.stop, closing(self.events):
            if not (self.state.epoch or self.state.step):
                row = self.task.begin(self.accelerator, self.precision)
                self.state.history = [] if row is None else [row]
            while self.state.epoch < self.settings.epochs and not self._is_exhausted():
                self._run_epoch()
        self.task.finish(self.state)
        return self.state.history

    def validate(self) -> Any:
        """Measure the model as the task does, on all ranks."""
        return self.task.validate(self.accelerator, self.precision)

    def _plan(self, epoch: int) -> list[np.ndarray]:
        return plan_steps(
            self.task.lengths,
            batch_size=self.settings.batch_size,
            seed=self.settings.seed,
            epoch=epoch,
            world_size=self.accelerator.num_processes,
            members=self.task.draw_members(epoch),
        )

    def _is_exhausted(self) -> bool:
        patience = self.settings.patience
        waited = self.state.epoch - 1 - self.state.best_epoch
        return patience is not None and self.state.epoch > 0 and waited >= patience

    def _run_epoch(self) -> None:
        state = self.state
        plan = self._plan(state.epoch)
        start = last_save = time.monotonic()
        self.task.model.train()
        what = f"{self.task.section} epoch {state.epoch + 1}/{self.settings.epochs}"
        for step in get_progress(plan[state.step :], what=what, unit="steps"):
            following = next(iter(plan[state.step + 1 :]), None)
            with multiplying("tf32"):
                loss, norm = self._take_step(step, following)
            state.losses += loss
            state.gradient_norms += norm
            state.step += 1
            self.events.add(
                *("step", self.steps_done),
                {
                    **{"loss": loss, "gradient_norm": norm},
                    "learning_rate": get_highest_rate(self.optimizer),
                },
            )
            now = time.monotonic()
            state.seconds, start = state.seconds + now - start, now
            if self.is_stopping:
                self._save()
                # A process that ends first has the others ended by the launcher.
                self.accelerator.wait_for_everyone()
                raise self._make_stop()
            if now - last_save >= 60 * self.settings.checkpoint_minutes:
                self._save()
                start = last_save = time.monotonic()
        # In the middle of a validation only the process that saves may stop: the others
        # would end, and have it ended, before it has.
        is_main = self.accelerator.is_main_process
        try:
            with self.stop.at_once() if is_main else nullcontext():
                validated = self.validate()
        except StoppedError:
            self._save()
            raise self._make_stop() from None
        self._finish_epoch(validated)
        self._save()

    def _make_stop(self) -> StoppedError:
        return StoppedError(
            f"stopped by SIGTERM at epoch {self.state.epoch + 1}, after step "
            f"{self.state.step} of {self.steps_per_epoch}; the next run goes on there"
        )

    def _take_step(
        self, step: np.ndarray, following: np.ndarray | None = None
    ) -> tuple[float, float]:
        """Do one optimiser step; give its loss and gradient norm before clipping.

        Args:
            step: Indices of its items, over all ranks, int64 (n,).
            following: Those of the next one: collated while the device is busy.

        Raises:
            InputError: Loss or gradient is not finite; the weights are as before.
        """
        state = self.state
        total = self.settings.epochs * self.steps_per_epoch
        factor = get_rate_factor(self.steps_done, total, self.settings)
        set_learning_rate(self.optimizer, factor)
        share = self.gradients.make_share(self._share(step, state.step))
        weights = self.task.sum_weights(step, share.examples, self.accelerator)
        sums = self.gradients.accumulate(share, weights)
        self.gradients.add_over_ranks()
        norm = self.accelerator.clip_grad_norm_(
            self.task.model.parameters(), self.settings.gradient_clip
        )
        if following is not None:
            self.gradients.prepare(self._share(following, state.step + 1))
        state.tokens[0] += sums.real
        state.tokens[1] += sums.padded
        state.flops += sums.flops
        loss, norm_value = self._wait_for(sums.loss, norm)
        has_scale = self.accelerator.scaler is not None
        if not np.isfinite(loss) or not (np.isfinite(norm_value) or has_scale):
            section = self.task.section
            raise InputError(
                f"the loss or its gradient is not finite at epoch {state.epoch + 1}, "
                f"step {state.step + 1}; lower `{section}.learning_rate` or set "
                f"`{section}.precision: fp32`{self.task.name_step(step)}"
            )
        if not np.isfinite(norm_value):
            # fp16: the scaler lowers its scale and leaves this step out.
            norm_value, state.skipped_steps = 0.0, state.skipped_steps + 1
        self.optimizer.step()
        return loss, norm_value

    def _share(self, step: np.ndarray, number: int) -> Share:
        rank, ranks = self.accelerator.process_index, self.accelerator.num_processes
        entropy = [self.settings.seed, self.state.epoch, number, rank]
        return Share(
            share_step(step, rank=rank, world_size=ranks),
            self.state.epoch,
            int(np.random.SeedSequence(entropy).generate_state(1)[0]),
        )

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

    def _finish_epoch(self, validated: Any) -> None:
        """Add a history row, go to the next epoch."""
        row = make_row(
            self.state,
            self.accelerator,
            steps_per_epoch=self.steps_per_epoch,
            learning_rate=get_highest_rate(self.optimizer),
            tokens_per_batch=self.gradients.tokens_per_batch,
            scores=self.task.finish_epoch(validated, self.state),
        )
        # Where one rank ran out of memory, all are careful from here on.
        self.gradients.tokens_per_batch = row["tokens_per_batch"]
        self.state.history.append(row)
        speed = {
            "windows_per_second": self.windows_per_epoch / max(row["seconds"], 1e-9)
        }
        self.events.add("epoch", row["step"], row | speed)
        self.state.start_epoch()

    def _save(self) -> None:
        if not self.accelerator.is_main_process:
            return
        scaler = self.accelerator.scaler
        self.checkpoints.save(
            {
                "model": self.task.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "task": self.task.state_dict(),
                # The loss scale of fp16.
                "scaler": {} if scaler is None else scaler.state_dict(),
                "tokens_per_batch": self.gradients.tokens_per_batch,
                "device": describe_device(self.accelerator.device),
                "state": copy.copy(vars(self.state)),
            }
        )

    def _resume(self, saved: dict[str, Any]) -> None:
        self.task.model.load_state_dict(saved["model"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.task.load_state_dict(saved["task"])
        if saved["scaler"] and self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(saved["scaler"])
        device = describe_device(self.accelerator.device)
        if device == saved["device"]:
            self.gradients.tokens_per_batch = saved["tokens_per_batch"]
        else:
            # The loss scale of fp16 and the budget belong to the device.
            logger.warning(
                "the run began on %s and goes on on %s in %s: its numbers will differ "
                "in the last digits from those of one device",
                *(saved["device"], device, self.precision),
            )
        self.state = TrainingState(**saved["state"])
        logger.info(
            "resuming at epoch %d, step %d", self.state.epoch + 1, self.state.step + 1
        )
