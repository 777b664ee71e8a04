"""Fine-tuning: an accelerate loop that is exact, resumable and runs on 0 to N GPUs.

The loss of an optimiser step is the weighted sum over all its sequences, on all ranks
and micro-batches, divided by the sum of their weights: cutting a step differently does
not change the gradient. The order of sequences and the dropout masks are functions of
(seed, epoch, step, rank) alone, so a stopped run goes on to the same weights.
"""

from __future__ import annotations

import copy
import logging
import time
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import gather_object

from error_sequence_model.batching import cut_batches, plan_steps, share_step
from error_sequence_model.checkpoints import CheckpointFolder
from error_sequence_model.classifier import ErrorClassifier
from error_sequence_model.datasets import SequenceDataset, collate, mask_tokens
from error_sequence_model.devices import choose_precision, get_device
from error_sequence_model.errors import InputError
from error_sequence_model.logs import get_progress
from error_sequence_model.metrics import (
    compute_auroc,
    compute_macro,
    compute_macro_auprc,
)
from error_sequence_model.optimisation import (
    compute_class_weights,
    get_rate_factor,
    make_optimizer,
    set_learning_rate,
)
from error_sequence_model.prediction import compute_probabilities, predict_logits
from error_sequence_model.settings import TrainingSettings
from error_sequence_model.training_state import (
    TrainingState,
    check_classes,
    get_peak_memory_mb,
)

logger = logging.getLogger(__name__)

CPU_TOKENS_PER_BATCH = 16384


class Training:
    """One fine-tuning run.

    Args:
        model: The classifier, fresh.
        train_dataset: Training sequences.
        val_dataset: Sequences that choose the epoch and the decision threshold.
        settings: How to train.
        checkpoints: Where the state is kept between interruptions.

    Raises:
        InputError: A class is missing in training or validation.
    """

    def __init__(
        self,
        model: ErrorClassifier,
        train_dataset: SequenceDataset,
        val_dataset: SequenceDataset,
        settings: TrainingSettings,
        checkpoints: CheckpointFolder,
    ) -> None:
        check_classes(train_dataset, "training")
        check_classes(val_dataset, "validation")
        self.settings = settings
        self.train_dataset = train_dataset
        self.val_dataset = val_dataset
        self.checkpoints = checkpoints
        self.precision = choose_precision(settings.precision, get_device())
        # A notebook may train twice; accelerate keeps the first run's precision.
        AcceleratorState._reset_state()
        self.accelerator = Accelerator(
            mixed_precision="no" if self.precision == "fp32" else self.precision,
            cpu=get_device().type == "cpu",
        )
        if not self.accelerator.is_main_process:
            # One process talks for all.
            logging.getLogger("error_sequence_model").setLevel(logging.WARNING)
        self.classifier = model
        if settings.gradient_checkpointing:
            model.activation_checkpointing_enable()
        self.model, self.optimizer = self.accelerator.prepare(
            model, make_optimizer(model, settings)
        )
        self.lengths = train_dataset.lengths
        weights = compute_class_weights(
            train_dataset.labels, len(train_dataset.classes), settings.class_weights
        )
        self.class_weights = torch.from_numpy(weights).to(self.accelerator.device)
        self.sample_weights = weights[train_dataset.labels]
        self.steps_per_epoch = len(self._plan(0))
        self.state = TrainingState()
        self.best_weights: dict[str, torch.Tensor] = {}
        self.tokens_per_batch = self._choose_token_budget()

    def run(self) -> list[dict[str, Any]]:
        """Train to the end; leave the best epoch's weights in the classifier.

        Returns:
            The history: one row per epoch.

        Raises:
            InputError: The loss is not finite (the sites of the step are named).
        """
        self._resume()
        while self.state.epoch < self.settings.epochs and not self._is_exhausted():
            self._run_epoch()
        self.classifier.load_state_dict(self.best_weights)
        self.optimizer.zero_grad()
        # Take the autocast wrapper off again: what follows chooses its own precision.
        self.accelerator.unwrap_model(self.model, keep_fp32_wrapper=False)
        for row in self.state.history:
            row["is_best"] = row["epoch"] == self.state.best_epoch + 1
        return self.state.history

    def _plan(self, epoch: int) -> list[np.ndarray]:
        return plan_steps(
            self.lengths,
            batch_size=self.settings.batch_size,
            seed=self.settings.seed,
            epoch=epoch,
            world_size=self.accelerator.num_processes,
        )

    def _choose_token_budget(self) -> int:
        if self.settings.tokens_per_batch != "auto":
            return int(self.settings.tokens_per_batch)
        if self.accelerator.device.type == "cpu":
            return CPU_TOKENS_PER_BATCH
        # Start with the whole share of a step; a lack of memory halves it.
        share = -(-self.settings.batch_size // self.accelerator.num_processes)
        return share * int(self.lengths.max() + 8)

    def _is_exhausted(self) -> bool:
        patience = self.settings.patience
        waited = self.state.epoch - 1 - self.state.best_epoch
        return patience is not None and self.state.epoch > 0 and waited >= patience

    def _run_epoch(self) -> None:
        state = self.state
        plan = self._plan(state.epoch)
        last_save = time.monotonic()
        self.model.train()
        what = f"epoch {state.epoch + 1}/{self.settings.epochs}"
        for step in get_progress(plan[state.step :], what=what, unit="steps"):
            start = time.monotonic()
            loss, norm = self._take_step(step)
            state.losses += loss
            state.gradient_norms += norm
            state.step += 1
            state.seconds += time.monotonic() - start
            minutes = (time.monotonic() - last_save) / 60
            if minutes >= self.settings.checkpoint_minutes:
                self._save()
                last_save = time.monotonic()
        self._finish_epoch()
        self._save()

    def _take_step(self, step: np.ndarray) -> tuple[float, float]:
        """Do one optimiser step; give its loss and gradient norm."""
        state, rank = self.state, self.accelerator.process_index
        global_step = state.epoch * self.steps_per_epoch + state.step
        factor = get_rate_factor(
            global_step, self.settings.epochs * self.steps_per_epoch, self.settings
        )
        set_learning_rate(self.optimizer, factor)
        entropy = [self.settings.seed, state.epoch, state.step, rank]
        seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
        indices = share_step(step, rank=rank, world_size=self.accelerator.num_processes)
        total_weight = float(self.sample_weights[step].sum())
        while True:
            torch.manual_seed(seed)
            self.optimizer.zero_grad()
            try:
                loss = self._accumulate(indices, total_weight)
                break
            except torch.cuda.OutOfMemoryError:
                pass
            # Outside of the handler, whose traceback keeps the tensors alive.
            self._halve_token_budget()
        if not np.isfinite(loss):
            self._refuse_nonfinite(step)
        norm = float(
            self.accelerator.clip_grad_norm_(
                self.model.parameters(), self.settings.gradient_clip
            )
        )
        if not np.isfinite(norm):
            if self.accelerator.scaler is None:
                self._refuse_nonfinite(step)
            norm = 0.0  # fp16: the scaler lowers its scale and skips this step
        self.optimizer.step()
        return self._sum_over_ranks(loss), norm

    def _accumulate(self, indices: np.ndarray, total_weight: float) -> float:
        """Add up the gradients of this rank's share of a step; give its loss share."""
        batches = cut_batches(
            indices,
            self.lengths,
            tokens_per_batch=self.tokens_per_batch,
            bucket_boundaries=self.train_dataset.bucket_boundaries,
        )
        loss_sum = 0.0
        for number, batch in enumerate(batches, start=1):
            inputs = collate(
                [self.train_dataset[int(index)] for index in batch],
                pad_token_id=self.train_dataset.tokenizer.pad_token_id,
            )
            self.state.tokens[0] += int(inputs["attention_mask"].sum())
            self.state.tokens[1] += inputs["attention_mask"].numel()
            if self.settings.mask_share:
                inputs["input_ids"] = mask_tokens(
                    inputs["input_ids"], self.train_dataset, self.settings.mask_share
                )
            if number < len(batches):
                with self.accelerator.no_sync(self.model):
                    loss_sum += self._pass(inputs, total_weight)
            else:
                loss_sum += self._pass(inputs, total_weight)
        return loss_sum

    def _pass(self, inputs: dict[str, torch.Tensor], total_weight: float) -> float:
        device = self.accelerator.device
        output = self.model(
            input_ids=inputs["input_ids"].to(device),
            attention_mask=inputs["attention_mask"].to(device),
            junction=inputs["junction"].to(device),
        )
        loss = torch.nn.functional.cross_entropy(
            output.logits.float(),
            inputs["labels"].to(device),
            weight=self.class_weights,
            reduction="sum",
        )
        loss = loss / total_weight
        # DDP averages gradients over ranks; the sum is wanted.
        self.accelerator.backward(loss * self.accelerator.num_processes)
        return float(loss.detach())

    def _sum_over_ranks(self, value: float) -> float:
        if self.accelerator.num_processes == 1:
            return value
        tensor = torch.tensor(value, device=self.accelerator.device)
        return float(self.accelerator.reduce(tensor, reduction="sum"))

    def _halve_token_budget(self) -> None:
        if self.tokens_per_batch <= int(self.lengths.max()):
            raise InputError(
                "one sequence alone does not fit into GPU memory; set "
                "`training.gradient_checkpointing: true`, a smaller backbone, or "
                "shorter windows"
            )
        self.tokens_per_batch //= 2
        torch.cuda.empty_cache()
        logger.warning("out of memory: %d tokens per batch", self.tokens_per_batch)

    def _refuse_nonfinite(self, step: np.ndarray) -> None:
        sites = self.train_dataset.site_ids[step].tolist()
        raise InputError(
            f"the loss or its gradient is not finite at epoch {self.state.epoch + 1}, "
            f"step {self.state.step + 1}; lower `training.learning_rate` or set "
            f"`training.precision: fp32`. site_ids of the step: {sites}"
        )

    def _finish_epoch(self) -> None:
        """Score the validation part, keep the best weights, add a history row."""
        state = self.state
        probabilities, loss = self.validate()
        labels = self.val_dataset.labels
        if not np.isfinite(loss):
            raise InputError(
                f"the validation loss is not finite after epoch {state.epoch + 1}; "
                "lower `training.learning_rate` or set `training.precision: fp32`"
            )
        score = compute_macro_auprc(labels, probabilities)
        is_best = score > state.best_score
        if is_best:
            state.best_score, state.best_epoch = score, state.epoch
            weights = self.accelerator.unwrap_model(self.model).state_dict()
            self.best_weights = {
                name: tensor.detach().cpu().clone() for name, tensor in weights.items()
            }
        real, padded = state.tokens
        row = {
            "epoch": state.epoch + 1,
            "step": (state.epoch + 1) * self.steps_per_epoch,
            "train_loss": state.losses / self.steps_per_epoch,
            "validation_loss": loss,
            "validation_auprc": score,
            "validation_auroc": float(
                compute_macro(compute_auroc, labels, probabilities)
            ),
            "learning_rate": max(g["lr"] for g in self.optimizer.param_groups),
            "gradient_norm": state.gradient_norms / self.steps_per_epoch,
            "tokens_per_second": real / max(state.seconds, 1e-9),
            "padding_share": 1 - real / max(padded, 1),
            "seconds": state.seconds,
            "peak_memory_mb": get_peak_memory_mb(),
            "is_best": is_best,
        }
        state.history.append(row)
        logger.info(
            "epoch %d/%d: loss %.4f, held-out %.4f, AUPRC %.3f (prevalence %.3f)%s",
            *(row["epoch"], self.settings.epochs, row["train_loss"], loss, score),
            *(float(np.mean(labels == labels.max())), ", best" if is_best else ""),
        )
        state.epoch, state.step = state.epoch + 1, 0
        state.losses = state.gradient_norms = state.seconds = 0.0
        state.tokens = [0, 0]

    def validate(self) -> tuple[np.ndarray, float]:
        """Predict the validation part on all ranks: (n, classes) and the mean loss."""
        accelerator = self.accelerator
        mine = np.arange(len(self.val_dataset))[
            accelerator.process_index :: accelerator.num_processes
        ]
        logits = predict_logits(
            accelerator.unwrap_model(self.model),
            self.val_dataset,
            device=accelerator.device,
            precision=self.precision,
            indices=mine,
        )
        if accelerator.num_processes > 1:
            parts = gather_object([(mine, logits)])
            order = np.argsort(np.concatenate([part[0] for part in parts]))
            logits = np.concatenate([part[1] for part in parts])[order]
        probabilities = compute_probabilities(logits)
        chosen = probabilities[np.arange(len(logits)), self.val_dataset.labels]
        return probabilities, float(-np.log(np.maximum(chosen, 1e-12)).mean())

    def _save(self) -> None:
        if not self.accelerator.is_main_process:
            return
        self.checkpoints.save(
            {
                "model": self.accelerator.unwrap_model(self.model).state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "best_weights": self.best_weights,
                "scaler": self._get_scaler_state(),
                "tokens_per_batch": self.tokens_per_batch,
                "state": copy.copy(vars(self.state)),
            }
        )

    def _get_scaler_state(self) -> dict[str, Any]:
        """Give the loss scale of fp16; empty for other precisions."""
        scaler = self.accelerator.scaler
        return {} if scaler is None else scaler.state_dict()

    def _resume(self) -> None:
        saved = self.checkpoints.load()
        if saved is None:
            return
        self.accelerator.unwrap_model(self.model).load_state_dict(saved["model"])
        self.optimizer.load_state_dict(saved["optimizer"])
        if saved["scaler"]:
            self.accelerator.scaler.load_state_dict(saved["scaler"])
        self.best_weights = saved["best_weights"]
        self.tokens_per_batch = saved["tokens_per_batch"]
        self.state = TrainingState(**saved["state"])
        logger.info(
            "resuming at epoch %d, step %d", self.state.epoch + 1, self.state.step + 1
        )
