"""Pretraining: a language model on windows of the user's own genome, by accelerate.

As in ``training``: the loss of an optimiser step is the mean over everything predicted
in it, on all ranks and micro-batches; order, masks and dropout are functions of (seed,
epoch, step, window, rank) alone, so that a stopped run goes on to the same weights.
"""

from __future__ import annotations

import copy
import logging
import time
from typing import Any

import numpy as np
from accelerate.utils import gather_object

from error_sequence_model.core import (
    StoppedError,
    choose_precision,
    get_device,
    get_progress,
)
from error_sequence_model.datasets import plan_steps
from error_sequence_model.pretraining.language_models import (
    ExampleMaker,
    LanguageModel,
    calibrate,
)
from error_sequence_model.pretraining.perplexity import (
    Measured,
    compute_losses,
    join_measured,
    measure,
)
from error_sequence_model.pretraining.steps import PretrainingSteps
from error_sequence_model.settings import PretrainingSettings
from error_sequence_model.training import (
    CheckpointFolder,
    TrainingState,
    get_peak_memory_mb,
    make_accelerator,
)

logger = logging.getLogger(__name__)


class Pretraining:
    """One pretraining run.

    Args:
        model: The language model.
        maker: Makes examples of the windows to learn from.
        held_out: Makes examples of held-out windows; they are measured, never chosen
            by.
        settings: How to pretrain.
        checkpoints: Where the state is kept between interruptions.
    """

    def __init__(
        self,
        model: LanguageModel,
        maker: ExampleMaker,
        held_out: ExampleMaker,
        settings: PretrainingSettings,
        checkpoints: CheckpointFolder,
    ) -> None:
        self.settings = settings
        self.maker, self.held_out = maker, held_out
        self.checkpoints = checkpoints
        device = get_device()
        self.precision = choose_precision(
            settings.precision, device, hidden_size=model.backbone.config.hidden_size
        )
        self.accelerator = make_accelerator(device, self.precision)
        calibrate(model.backbone, maker)
        self.model, self.state = model, TrainingState()
        self.steps = PretrainingSteps(
            model,
            maker,
            settings,
            self.accelerator,
            precision=self.precision,
            steps_per_epoch=len(self._plan(0)),
        )

    def run(self) -> tuple[list[dict[str, Any]], Measured, Measured]:
        """Pretrain to the end.

        Returns:
            The history, one row per epoch (0: before), and what was measured on
            held-out windows before and after.

        Raises:
            InputError: The loss is not finite.
            StoppedError: SIGTERM came; a checkpoint holds what was done.
        """
        before = self.measure()
        if not self._resume():
            self._add_row(before, {"epoch": 0, "step": 0})
        after = before
        while self.state.epoch < self.settings.epochs:
            with self.steps.stop:
                self._run_epoch()
            after = self.measure()
            self._finish_epoch(after)
            self._save()
        if after is before:  # stopped after the last epoch's checkpoint
            after = self.measure()
        return self.state.history, before, after

    def measure(self) -> Measured:
        """Measure the model on the held-out windows, on all ranks."""
        accelerator = self.accelerator
        mine = np.arange(len(self.held_out.windows))
        mine = mine[accelerator.process_index :: accelerator.num_processes]
        measured = measure(
            self.model,
            self.held_out,
            mine,
            device=accelerator.device,
            precision=self.precision,
        )
        if accelerator.num_processes == 1:
            return measured
        return join_measured(gather_object([(mine, measured)]))

    def _plan(self, epoch: int) -> list[np.ndarray]:
        return plan_steps(
            np.full(len(self.maker.windows), self.maker.windows.length),
            batch_size=self.settings.batch_size,
            seed=self.settings.seed,
            epoch=epoch,
            world_size=self.accelerator.num_processes,
        )

    def _run_epoch(self) -> None:
        state = self.state
        plan = self._plan(state.epoch)
        last_save = time.monotonic()
        self.steps.model.train()
        what = f"pretraining epoch {state.epoch + 1}/{self.settings.epochs}"
        for step in get_progress(plan[state.step :], what=what, unit="steps"):
            start = time.monotonic()
            loss, norm = self.steps.take(step, state)
            state.losses += loss
            state.gradient_norms += norm
            state.step += 1
            state.seconds += time.monotonic() - start
            minutes = (time.monotonic() - last_save) / 60
            if self.steps.is_stopping or minutes >= self.settings.checkpoint_minutes:
                self._save()
                last_save = time.monotonic()
            if self.steps.is_stopping:
                raise StoppedError(
                    f"stopped by SIGTERM at epoch {state.epoch + 1}, after step "
                    f"{state.step} of {len(plan)}; the next run goes on there"
                )

    def _finish_epoch(self, measured: Measured) -> None:
        state, steps = self.state, self.steps.steps_per_epoch
        self._add_row(
            measured,
            {
                "epoch": state.epoch + 1,
                "step": (state.epoch + 1) * steps,
                "train_loss": state.losses / steps,
                "learning_rate": max(
                    g["lr"] for g in self.steps.optimizer.param_groups
                ),
                "gradient_norm": state.gradient_norms / steps,
                "tokens_per_second": state.tokens[0] / max(state.seconds, 1e-9),
                "padding_share": 1 - state.tokens[0] / max(state.tokens[1], 1),
                "seconds": state.seconds,
                "peak_memory_mb": get_peak_memory_mb(),
            },
        )
        state.start_epoch()

    def _add_row(self, measured: Measured, row: dict[str, Any]) -> None:
        losses = compute_losses(measured)
        self.state.history.append({**row, **losses})
        logger.info(
            "epoch %d/%d: loss %s, %s",
            *(row["epoch"], self.settings.epochs, row.get("train_loss"), losses),
        )

    def _save(self) -> None:
        if not self.accelerator.is_main_process:
            return
        scaler = self.accelerator.scaler
        self.checkpoints.save(
            {
                "model": self.model.state_dict(),
                "optimizer": self.steps.optimizer.state_dict(),
                "scaler": {} if scaler is None else scaler.state_dict(),
                "tokens_per_batch": self.steps.tokens_per_batch,
                "state": copy.copy(vars(self.state)),
            }
        )

    def _resume(self) -> bool:
        saved = self.checkpoints.load()
        if saved is None:
            return False
        self.model.load_state_dict(saved["model"])
        self.steps.optimizer.load_state_dict(saved["optimizer"])
        if saved["scaler"]:
            self.accelerator.scaler.load_state_dict(saved["scaler"])
        self.steps.tokens_per_batch = saved["tokens_per_batch"]
        self.state = TrainingState(**saved["state"])
        logger.info(
            "resuming at epoch %d, step %d", self.state.epoch + 1, self.state.step + 1
        )
        return True
