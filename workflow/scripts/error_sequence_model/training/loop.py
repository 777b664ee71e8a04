"""Fine-tuning: an accelerate loop that is exact, resumable and runs on 0 to N GPUs.

What a step's loss is, and how its gradient is made: see `gradients`. The order of
sequences and the dropout masks are functions of (seed, epoch, step, rank) alone, so a
stopped run goes on to the same weights.
"""

from __future__ import annotations

import copy
import logging
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from error_sequence_model.classifier import (
    ErrorClassifier,
    compute_probabilities,
    predict_on_ranks,
)
from error_sequence_model.core import (
    InputError,
    StoppedError,
    choose_precision,
    get_device,
    get_progress,
)
from error_sequence_model.datasets import SequenceDataset, draw_members, plan_steps
from error_sequence_model.settings import TrainingSettings
from error_sequence_model.statistics import (
    compute_auroc,
    compute_macro,
    compute_macro_auprc,
)
from error_sequence_model.training.checkpoints import CheckpointFolder
from error_sequence_model.training.state import (
    TrainingState,
    check_classes,
    make_accelerator,
    make_row,
)
from error_sequence_model.training.steps import OptimiserSteps

logger = logging.getLogger(__name__)


class Training:
    """One fine-tuning run.

    Args:
        model: The classifier, fresh.
        train_dataset: Training sequences.
        val_dataset: Sequences that choose the epoch and the decision threshold.
        settings: How to train.
        checkpoints: Where the state is kept between interruptions; one that is there is
            taken up.
        output_dir: Gets the sites of a step that fails; None: the message names them.

    Raises:
        InputError: A class is missing in training or validation, there are fewer
            sequences in a step than processes, or one does not fit into memory.
    """

    def __init__(
        self,
        model: ErrorClassifier,
        train_dataset: SequenceDataset,
        val_dataset: SequenceDataset,
        settings: TrainingSettings,
        checkpoints: CheckpointFolder,
        *,
        output_dir: Path | None = None,
    ) -> None:
        check_classes(train_dataset, "training")
        check_classes(val_dataset, "validation")
        self.settings = settings
        self.train_dataset, self.val_dataset = train_dataset, val_dataset
        self.checkpoints = checkpoints
        device = get_device()
        self.precision = choose_precision(
            settings.precision, device, hidden_size=model.backbone.config.hidden_size
        )
        self.accelerator = make_accelerator(device, self.precision)
        self.classifier = model.to(self.accelerator.device)
        if settings.gradient_checkpointing:
            model.activation_checkpointing_enable()
        self.steps_per_epoch = len(self._plan(0))
        self.steps = OptimiserSteps(
            model,
            train_dataset,
            settings,
            self.accelerator,
            precision=self.precision,
            steps_per_epoch=self.steps_per_epoch,
            output_dir=output_dir,
        )
        self.optimizer, self.gradients = self.steps.optimizer, self.steps.gradients
        self.state = TrainingState()
        self.best_weights: dict[str, torch.Tensor] = {}
        self._resume()
        if not self.gradients.tokens_per_batch:
            self.gradients.find_budget()

    @property
    def record(self) -> dict[str, Any]:
        """What was decided for this machine, for run.json."""
        return {
            "device": self.accelerator.device.type,
            "processes": self.accelerator.num_processes,
            "precision": self.precision,
            "tokens_per_batch": self.gradients.tokens_per_batch,
            "steps_per_epoch": self.steps_per_epoch,
        }

    def run(self) -> list[dict[str, Any]]:
        """Train to the end; leave the best epoch's weights in the classifier.

        Returns:
            The history: one row per epoch (see `state`).

        Raises:
            InputError: The loss is not finite (the sites of the step are saved).
            StoppedError: SIGTERM came; a checkpoint holds what was done.
        """
        with self.steps.stop:
            while self.state.epoch < self.settings.epochs and not self._is_exhausted():
                self._run_epoch()
        self.classifier.load_state_dict(self.best_weights)
        self.classifier.zero_grad()
        for row in self.state.history:
            row["is_best"] = row["epoch"] == self.state.best_epoch + 1
        return self.state.history

    def _plan(self, epoch: int) -> list[np.ndarray]:
        return plan_steps(
            self.train_dataset.lengths,
            batch_size=self.settings.batch_size,
            seed=self.settings.seed,
            epoch=epoch,
            world_size=self.accelerator.num_processes,
            members=draw_members(
                self.train_dataset.labels,
                sampling=self.settings.sampling,
                seed=self.settings.seed,
                epoch=epoch,
            ),
        )

    def _is_exhausted(self) -> bool:
        patience = self.settings.patience
        waited = self.state.epoch - 1 - self.state.best_epoch
        return patience is not None and self.state.epoch > 0 and waited >= patience

    def _run_epoch(self) -> None:
        state = self.state
        plan = self._plan(state.epoch)
        start = last_save = time.monotonic()
        self.classifier.train()
        what = f"epoch {state.epoch + 1}/{self.settings.epochs}"
        for step in get_progress(plan[state.step :], what=what, unit="steps"):
            self.steps.following = next(iter(plan[state.step + 1 :]), None)
            loss, norm = self._take_step(step)
            state.losses += loss
            state.gradient_norms += norm
            state.step += 1
            now = time.monotonic()
            state.seconds, start = state.seconds + now - start, now
            if self.steps.is_stopping:
                self._save_and_stop()
            if now - last_save >= 60 * self.settings.checkpoint_minutes:
                self._save()
                start = last_save = time.monotonic()
        try:
            with self.steps.stop.at_once():
                probabilities, loss = self.validate()
        except StoppedError:
            self._save_and_stop()
        self._finish_epoch(probabilities, loss)
        self._save()

    def _save_and_stop(self) -> None:
        self._save()
        raise StoppedError(
            f"stopped by SIGTERM at epoch {self.state.epoch + 1}, after step "
            f"{self.state.step} of {self.steps_per_epoch}; the next run goes on there"
        )

    def _take_step(self, step: np.ndarray) -> tuple[float, float]:
        return self.steps.take(step, self.state)

    def _finish_epoch(self, probabilities: np.ndarray, loss: float) -> None:
        """Keep the best weights, add a history row, go to the next epoch."""
        state, labels = self.state, self.val_dataset.labels
        if not np.isfinite(loss):
            raise InputError(
                f"the validation loss is not finite after epoch {state.epoch + 1}; "
                "lower `training.learning_rate` or set `training.precision: fp32`"
            )
        score = compute_macro_auprc(labels, probabilities)
        auroc = float(compute_macro(compute_auroc, labels, probabilities))
        is_best = score > state.best_score
        if is_best:
            state.best_score, state.best_epoch = score, state.epoch
            self.best_weights = {
                name: tensor.detach().cpu().clone()
                for name, tensor in self.classifier.state_dict().items()
            }
        row = make_row(
            state,
            self.accelerator,
            steps_per_epoch=self.steps_per_epoch,
            learning_rate=max(g["lr"] for g in self.optimizer.param_groups),
            tokens_per_batch=self.gradients.tokens_per_batch,
            scores={
                "validation_loss": loss,
                "validation_auprc": score,
                "validation_auroc": auroc,
            },
        )
        # Where one rank ran out of memory, all are careful from here on.
        self.gradients.tokens_per_batch = row["tokens_per_batch"]
        state.history.append(row)
        logger.info(
            "epoch %d/%d: loss %.4f, held-out %.4f, AUPRC %.3f (prevalence %.3f)%s",
            *(row["epoch"], self.settings.epochs, row["train_loss"], loss, score),
            *(float(np.mean(labels == labels.max())), ", best" if is_best else ""),
        )
        state.start_epoch()

    def validate(self) -> tuple[np.ndarray, float]:
        """Predict the validation part on all ranks: (n, classes) and the mean loss."""
        logits = predict_on_ranks(
            self.classifier, self.val_dataset, self.accelerator, self.precision
        )
        probabilities = compute_probabilities(logits)
        chosen = probabilities[np.arange(len(logits)), self.val_dataset.labels]
        return probabilities, float(-np.log(np.maximum(chosen, 1e-12)).mean())

    def _save(self) -> None:
        if not self.accelerator.is_main_process:
            return
        scaler = self.accelerator.scaler
        self.checkpoints.save(
            {
                "model": self.classifier.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "best_weights": self.best_weights,
                # The loss scale of fp16.
                "scaler": {} if scaler is None else scaler.state_dict(),
                "tokens_per_batch": self.gradients.tokens_per_batch,
                "state": copy.copy(vars(self.state)),
            }
        )

    def _resume(self) -> None:
        saved = self.checkpoints.load()
        if saved is None:
            return
        self.classifier.load_state_dict(saved["model"])
        self.optimizer.load_state_dict(saved["optimizer"])
        if saved["scaler"]:
            self.accelerator.scaler.load_state_dict(saved["scaler"])
        self.best_weights = saved["best_weights"]
        self.gradients.tokens_per_batch = saved["tokens_per_batch"]
        self.state = TrainingState(**saved["state"])
        logger.info(
            "resuming at epoch %d, step %d", self.state.epoch + 1, self.state.step + 1
        )
