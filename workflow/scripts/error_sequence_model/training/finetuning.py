"""The task of fine-tuning: a classifier, its best epoch, and honest probabilities.

Axes: (sequences, classes).
"""

from __future__ import annotations

import logging
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from accelerate import Accelerator
from torch import Tensor

from error_sequence_model.classifier import (
    ErrorClassifier,
    calibrate_model,
    compute_probabilities,
    embed_sites,
    predict_on_ranks,
)
from error_sequence_model.core import (
    InputError,
    choose_precision,
    evaluating,
    write_tsv,
)
from error_sequence_model.datasets import (
    SequenceDataset,
    WindowChanges,
    collate,
    draw_members,
    mask_tokens,
)
from error_sequence_model.settings import TrainingSettings
from error_sequence_model.statistics import (
    balance_weights,
    choose_threshold,
    compute_auroc,
    compute_macro,
    compute_macro_auprc,
    fit_scaling,
)
from error_sequence_model.training.state import TrainingState
from error_sequence_model.training.task import Task

logger = logging.getLogger(__name__)

FAILED_BATCH = "failed_batch.tsv"
MOST_VECTORS = 2**31  # bytes of them that are kept in memory


class FineTuning(Task):
    """Tell the classes of sites apart; the best epoch's weights are kept.

    Args:
        model: The classifier, fresh.
        train_dataset: Training sequences.
        val_dataset: Sequences that choose the epoch and the decision threshold.
        settings: How to train.
        output_dir: Gets the sites of a step that fails; None: the message names them.

    Attributes:
        class_weights: Weight of each class in the loss, float32 (classes,).
        sample_weights: Weight of each sequence in the loss, float32 (n,).
        log_weights: Log of how much more than it is there each class is learnt from, by
            weights or by sampling, float32 (classes,).
        log_shares: Log of each class's share of the training part, likewise.
        best_weights: Of the best epoch so far, on the CPU.
        is_frozen: Whether the backbone says the same of a sequence every time. It is
            then run once over all of them, and the head alone is trained; a sequence
            counts as one token.

    Raises:
        InputError: A class is missing in training or validation.
    """

    section = "training"
    too_long = (
        "set `training.gradient_checkpointing: true`, a smaller backbone, or shorter "
        "windows"
    )

    def __init__(
        self,
        model: ErrorClassifier,
        train_dataset: SequenceDataset,
        val_dataset: SequenceDataset,
        settings: TrainingSettings,
        *,
        output_dir: Path | None = None,
    ) -> None:
        check_classes(train_dataset, "training")
        check_classes(val_dataset, "validation")
        self.model, self.output_dir = model, output_dir
        model.train()  # a backbone that does not learn goes into eval mode
        self.settings = settings
        self.train_dataset, self.val_dataset = train_dataset, val_dataset
        self.lengths = train_dataset.lengths
        self.bucket_boundaries = train_dataset.bucket_boundaries
        labels, classes = train_dataset.labels, len(train_dataset.classes)
        plain, balanced = np.ones(classes, np.float32), balance_weights(labels, classes)
        is_sampled = settings.sampling == "balanced"
        is_weighted = settings.class_weights == "balanced" and not is_sampled
        # Balanced sampling has done what the weights would do.
        class_weights = balanced if is_weighted else plain
        self.log_weights = np.log(balanced if is_sampled or is_weighted else plain)
        self.log_shares = np.log(np.bincount(labels, minlength=classes) / len(labels))
        self.class_weights = torch.from_numpy(class_weights)
        self.sample_weights = class_weights[train_dataset.labels]
        self.changes: WindowChanges | None = None
        if settings.reverse_complement or settings.shift:
            self.changes = WindowChanges(
                train_dataset,
                reverse_complement=settings.reverse_complement,
                shift=settings.shift,
                seed=settings.seed,
            )
        self.best_weights: dict[str, Tensor] = {}
        self._vectors: dict[str, Tensor] = {}

    @cached_property
    def is_frozen(self) -> bool:
        """See the class."""
        varies = self.settings.mask_share or self.changes is not None
        if varies or self.model.backbone.training:
            return False
        number = len(self.train_dataset) + len(self.val_dataset)
        width = self.model.head[1].in_features
        learns = any(
            weight.requires_grad for weight in self.model.backbone.parameters()
        )
        return not learns and 4 * number * width <= MOST_VECTORS

    @property
    def can_pack(self) -> bool:
        """Whether the backbone knows sequences that follow each other in one row."""
        # A class of transformers says nothing of it.
        can_pack = getattr(self.model.backbone, "can_pack", False)
        return can_pack and not self.is_frozen

    def embed(self, part: str) -> Tensor:
        """What the head sees of a part's sequences, float32 (n, width), on the CPU.

        The validation part is seen as later sites are, in float32.
        """
        if part not in self._vectors:
            data = self.train_dataset if part == "train" else self.val_dataset
            device = next(self.model.parameters()).device
            precision = choose_precision(
                self.settings.precision if part == "train" else "fp32",
                device,
                hidden_size=self.model.backbone.config.hidden_size,
            )
            found = embed_sites(self.model, data, device=device, precision=precision)
            self._vectors[part] = torch.from_numpy(found.vectors)
        return self._vectors[part]

    def draw_members(self, epoch: int) -> np.ndarray:
        """Draw the sequences of an epoch as `training.sampling` says."""
        return draw_members(
            self.train_dataset.labels,
            sampling=self.settings.sampling,
            seed=self.settings.seed,
            epoch=epoch,
        )

    def calibrate(self) -> None:
        """Let the norms take statistics of some training sequences."""
        calibrate_model(
            self.model,
            self.train_dataset,
            seed=self.settings.seed,
            embed=(lambda: self.embed("train")) if self.is_frozen else None,
        )

    def make_examples(self, indices: np.ndarray, epoch: int) -> list[dict[str, Any]]:
        """Read the sequences, or take their vectors where the backbone is frozen."""
        if self.is_frozen:
            vectors, labels = self.embed("train"), self.train_dataset.labels
            return [(vectors[index], int(labels[index])) for index in indices]
        if self.changes is not None:
            return [self.changes.make_item(int(index), epoch) for index in indices]
        return [self.train_dataset[int(index)] for index in indices]

    def count_tokens(self, examples: list[dict[str, Any]]) -> np.ndarray:
        """Count the tokens of each sequence, int64 (n,)."""
        if self.is_frozen:
            return np.ones(len(examples), dtype=np.int64)
        return np.array([len(example["input_ids"]) for example in examples])

    def collate(
        self,
        examples: list[dict[str, Any]],
        *,
        multiple: int,
        generator: torch.Generator,
        is_packed: bool = False,
    ) -> dict[str, Tensor]:
        """Put sequences into one batch, and mask some of their tokens if asked for."""
        if self.is_frozen:
            vectors, labels = zip(*examples, strict=True)
            one = torch.ones(len(examples), 1, dtype=torch.long)
            return {
                **{"vectors": torch.stack(vectors), "labels": torch.tensor(labels)},
                **{"input_ids": one, "attention_mask": one.clone()},
            }
        tokenizer = self.train_dataset.tokenizer
        batch = collate(
            examples,
            pad_token_id=tokenizer.pad_token_id,
            multiple=multiple,
            is_packed=is_packed,
        )
        del batch["site_ids"]
        if self.settings.mask_share:
            batch["input_ids"] = mask_tokens(
                batch["input_ids"],
                self.train_dataset,
                self.settings.mask_share,
                generator=generator,
            )
        return batch

    def sum_weights(
        self, step: np.ndarray, examples: list[Any], accelerator: Accelerator | None
    ) -> list[float]:
        """Sum the weights of the step's sequences, which every rank knows."""
        return [float(self.sample_weights[step].sum())]

    def compute_loss(
        self, output: Any, batch: dict[str, Tensor], weights: list[float]
    ) -> Tensor:
        """Give the weighted cross-entropy, as its part of the step's."""
        labels = batch["labels"]
        self.class_weights = self.class_weights.to(labels.device)
        loss = torch.nn.functional.cross_entropy(
            output.logits.float(), labels, weight=self.class_weights, reduction="sum"
        )
        return loss / weights[0]

    def validate(
        self, accelerator: Accelerator, precision: str
    ) -> tuple[np.ndarray, float]:
        """Predict the validation part: (n, classes) and the mean loss."""
        if self.is_frozen:
            self.embed("validation")
        logits = self._predict(accelerator, precision)
        probabilities = compute_probabilities(logits - self.log_weights)
        chosen = probabilities[np.arange(len(logits)), self.val_dataset.labels]
        return probabilities, float(-np.log(np.maximum(chosen, 1e-12)).mean())

    def _predict(self, accelerator: Accelerator, precision: str) -> np.ndarray:
        """Logits of the validation part, (n, classes)."""
        if "validation" not in self._vectors:
            return predict_on_ranks(
                self.model, self.val_dataset, accelerator, precision
            )
        device = accelerator.device
        with torch.no_grad(), evaluating(self.model):
            output = self.model(vectors=self.embed("validation").to(device))
        return output.logits.cpu().numpy()

    def finish_epoch(
        self, validated: tuple[np.ndarray, float], state: TrainingState
    ) -> dict[str, float]:
        """Keep the weights if they are the best so far; give the scores.

        Raises:
            InputError: The loss is not finite.
        """
        (probabilities, loss), labels = validated, self.val_dataset.labels
        if not np.isfinite(loss):
            raise InputError(
                f"the validation loss is not finite after epoch {state.epoch + 1}; "
                "lower `training.learning_rate` or set `training.precision: fp32`"
            )
        score = compute_macro_auprc(labels, probabilities)
        is_best = score > state.best_score
        if is_best:
            state.best_score, state.best_epoch = score, state.epoch
            self.best_weights = {
                name: tensor.detach().cpu().clone()
                for name, tensor in self.model.state_dict().items()
            }
        logger.info(
            "epoch %d/%d: loss %.4f, held-out %.4f, AUPRC %.3f (prevalence %.3f)%s",
            *(state.epoch + 1, self.settings.epochs, state.losses / state.step),
            *(loss, score),
            *(float(np.mean(labels == labels.max())), ", best" if is_best else ""),
        )
        return {
            "validation_loss": loss,
            "validation_auprc": score,
            "validation_auroc": float(
                compute_macro(compute_auroc, labels, probabilities)
            ),
        }

    def finish(self, state: TrainingState) -> None:
        """Leave the best epoch's weights in the classifier, and mark its row."""
        self.model.load_state_dict(self.best_weights)
        self.model.zero_grad()
        for row in state.history:
            row["is_best"] = row["epoch"] == state.best_epoch + 1

    def set_probabilities(self, accelerator: Accelerator) -> dict[str, Any]:
        """Make the trained classifier's probabilities mean what they say.

        The prior is that of the training part, whatever was weighted or sampled; one
        temperature about it, its shift, and the decision threshold come from the
        validation part, at the precision in which scores are computed later. Every rank
        must call this.

        Returns:
            ``temperature`` and ``prior_shift`` (nats, one per class), for run.json; the
            classifier's last layer has them in it.
        """
        logits = self._predict(accelerator, "fp32")
        # As if the classes were equally frequent: what is divided is the evidence.
        taught = self.log_weights + self.log_shares
        labels, evidence = self.val_dataset.labels, logits - taught
        temperature, offsets = fit_scaling(evidence, labels, self.log_shares)
        self.model.scale_logits(1 / temperature, offsets - taught / temperature)
        if len(offsets) == 2:
            probabilities = compute_probabilities(evidence / temperature + offsets)
            self.model.config.decision_threshold = choose_threshold(
                labels, probabilities[:, 1]
            )
        shift = (offsets - self.log_shares).tolist()
        logger.info(
            "probabilities: temperature %.2f, prior shifted by %s",
            temperature,
            ", ".join(f"{value:+.2f}" for value in shift),
        )
        return {"temperature": temperature, "prior_shift": shift}

    def name_step(self, step: np.ndarray) -> str:
        """Save which sites are in a step, and say where."""
        return f"; {write_failed_batch(self.train_dataset, step, self.output_dir)}"

    def state_dict(self) -> dict[str, Any]:
        """Give the best weights so far."""
        return {"best_weights": self.best_weights}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Take up the best weights so far."""
        self.best_weights = saved["best_weights"]


def check_classes(dataset: SequenceDataset, part: str) -> None:
    """Refuse a part in which a class has no sites.

    Raises:
        InputError: Names the part, the class and what to change.
    """
    if len(dataset.classes) < 2:
        raise InputError(
            f"the {part} part has the one class {', '.join(dataset.classes)}; two are "
            "needed to tell apart"
        )
    counts = np.bincount(dataset.labels, minlength=len(dataset.classes))
    for name, count in zip(dataset.classes, counts, strict=True):
        if count == 0:
            raise InputError(
                f"the {part} part has {len(dataset)} sites and none of class {name!r}; "
                "give it other chromosomes or genes (`splits` in the config)"
            )


def write_failed_batch(
    dataset: SequenceDataset, step: np.ndarray, folder: Path | None
) -> str:
    """Save which sites were in a step that failed, and say where.

    Args:
        dataset: The training sequences.
        step: Their indices, int64 (n,).
        folder: Gets ``failed_batch.tsv`` with site_id, class, tokens; None: the sites
            are told in the message.
    """
    site_ids = dataset.site_ids[step]
    if folder is None:
        return f"site_ids of the step: {site_ids.tolist()}"
    path = folder / FAILED_BATCH
    names = np.array(dataset.classes)[dataset.labels[step]]
    table = {"site_id": site_ids, "class": names, "tokens": dataset.lengths[step]}
    write_tsv(path, pd.DataFrame(table))
    return f"the {len(step)} sites of the step are in {path}"
