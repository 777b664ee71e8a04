"""The gradient of one optimiser step, from as many forward passes as memory asks for.

The loss of a step is the weighted sum over all its sequences, on all ranks and passes,
divided by the sum of their weights: how a step is cut does not change its gradient. All
passes of a rank stay its own; gradients are added over the ranks once, at the end. So a
rank that runs out of memory repeats its share and the others only wait for it.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import NamedTuple

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor

from error_sequence_model.classifier import ErrorClassifier
from error_sequence_model.core import InputError, autocast, has_amx
from error_sequence_model.datasets import (
    PAD_MULTIPLE,
    SequenceDataset,
    collate,
    cut_passes,
    mask_tokens,
)
from error_sequence_model.settings import TrainingSettings
from error_sequence_model.training.throughput import FlopCounter, estimate_pass_cost
from error_sequence_model.training.token_budget import (
    find_token_budget,
    measure_saved_bytes,
)

logger = logging.getLogger(__name__)

COMPILED_MULTIPLE = 16
AMX_MULTIPLE = 16  # rows of a tile; and fewer shapes to make kernels for


class StepSums(NamedTuple):
    """What one rank's share of a step adds up to.

    Attributes:
        loss: Its share of the loss, float32 scalar on the device.
        real: Tokens that are not padding.
        padded: Tokens with padding.
        flops: Floating-point operations that the real tokens need.
    """

    loss: Tensor
    real: int
    padded: int
    flops: float


class GradientSteps:
    """Makes the gradients of optimiser steps.

    Args:
        model: The classifier, on the accelerator's device.
        dataset: The training sequences.
        settings: tokens_per_batch, mask_share and compile are used.
        accelerator: Device, ranks and loss scale.
        precision: "fp32", "bf16" or "fp16".
        class_weights: Weight of each class in the loss, float32 (classes,).

    Attributes:
        tokens_per_batch: Padded tokens of one pass; 0 until it is known.
    """

    def __init__(
        self,
        model: ErrorClassifier,
        dataset: SequenceDataset,
        settings: TrainingSettings,
        accelerator: Accelerator,
        *,
        precision: str,
        class_weights: np.ndarray,
    ) -> None:
        self.model, self.dataset, self.settings = model, dataset, settings
        self.accelerator, self.precision = accelerator, precision
        self.device = accelerator.device
        self.class_weights = torch.from_numpy(class_weights).to(self.device)
        self.sample_weights = class_weights[dataset.labels]
        self.lengths = dataset.lengths
        self.flops = FlopCounter(model)
        self.pass_cost = estimate_pass_cost(
            self.device, self.flops.per_token, precision=precision
        )
        self.multiple = PAD_MULTIPLE if self.device.type == "cuda" else 1
        if precision == "bf16" and has_amx(self.device):
            self.multiple = AMX_MULTIPLE
        self.forward = model
        if settings.compile:
            self.multiple = COMPILED_MULTIPLE
            self.forward = torch.compile(model, dynamic=True)
        self.tokens_per_batch = 0
        if settings.tokens_per_batch != "auto":
            self.tokens_per_batch = int(settings.tokens_per_batch)
        self._ahead: tuple[object, list[dict[str, Tensor]]] = (None, [])

    def find_budget(self) -> None:
        """Find ``tokens_per_batch`` by a probe on the longest sequence."""
        share = -(-self.settings.batch_size // self.accelerator.num_processes)
        budget = find_token_budget(
            self._measure_pass,
            longest=int(self.lengths.max()),
            sequences=share,
            device=self.device,
            processes=self.accelerator.num_processes,
        )
        self.model.zero_grad()
        if self.device.type == "cuda":
            # What history tells is the memory of the training.
            torch.cuda.reset_peak_memory_stats()
        tensor = torch.tensor([budget], device=self.device)
        self.tokens_per_batch = int(self.accelerator.gather(tensor).min())
        logger.info("%d tokens per pass", self.tokens_per_batch)

    def _measure_pass(self, count: int) -> float:
        """Try a pass of ``count`` times the longest sequence; give its bytes."""
        self.model.train()
        on_cpu = self.device.type == "cpu"
        longest = np.full(1 if on_cpu else count, int(np.argmax(self.lengths)))
        (inputs,) = self._collate([longest], seed=0)
        if on_cpu:
            return count * measure_saved_bytes(lambda: self._run(inputs, 1.0))
        torch.cuda.reset_peak_memory_stats()
        self.accelerator.backward(self._run(inputs, 1.0))
        trained = sum(p.numel() for p in self.model.parameters() if p.requires_grad)
        # The optimiser's two averages are not there yet.
        return torch.cuda.max_memory_allocated() + 8 * trained

    def prepare(self, indices: np.ndarray, seed: int) -> None:
        """Collate a step before it is due, while the device works on the one before."""
        # Without memory to spare it is collated when it is due.
        with suppress(torch.cuda.OutOfMemoryError):
            passes = self._cut_and_collate(indices, seed)
            self._ahead = self._name(indices, seed), passes

    def accumulate(
        self, indices: np.ndarray, total_weight: float, *, seed: int
    ) -> StepSums:
        """Add up the gradients of this rank's share of a step.

        Args:
            indices: The sequences, int64 (n,).
            total_weight: Sum of the weights of the whole step, over all ranks.
            seed: Seed of dropout and masks.

        Raises:
            InputError: One sequence alone does not fit into memory.
        """
        while True:
            torch.manual_seed(seed)
            self.model.zero_grad()
            try:
                return self._accumulate(indices, total_weight, seed)
            except torch.cuda.OutOfMemoryError:
                pass
            # Outside of the handler, whose traceback keeps the tensors alive.
            self._halve_budget()

    def _accumulate(
        self, indices: np.ndarray, total_weight: float, seed: int
    ) -> StepSums:
        name, passes = self._ahead
        if name != self._name(indices, seed):
            passes = self._cut_and_collate(indices, seed)
        self._ahead = None, []
        loss_sum = torch.zeros((), device=self.device)
        padded = 0
        for inputs in passes:
            padded += inputs["input_ids"].numel()
            loss = self._run(inputs, total_weight)
            self.accelerator.backward(loss)
            loss_sum += loss.detach()
        lengths = self.lengths[indices]
        return StepSums(loss_sum, int(lengths.sum()), padded, self.flops.count(lengths))

    def _name(self, indices: np.ndarray, seed: int) -> tuple[object, ...]:
        return seed, self.tokens_per_batch, indices.tobytes()

    def _cut_and_collate(
        self, indices: np.ndarray, seed: int
    ) -> list[dict[str, Tensor]]:
        batches = cut_passes(
            indices,
            self.lengths,
            tokens_per_batch=self.tokens_per_batch,
            pass_cost=self.pass_cost,
            bucket_boundaries=self.dataset.bucket_boundaries,
            multiple=self.multiple,
        )
        return self._collate(batches, seed)

    def _collate(self, batches: list[np.ndarray], seed: int) -> list[dict[str, Tensor]]:
        # Not the stream that dropout draws from.
        generator = torch.Generator().manual_seed(seed + 1)
        passes = []
        for batch in batches:
            inputs = collate(
                [self.dataset[int(index)] for index in batch],
                pad_token_id=self.dataset.tokenizer.pad_token_id,
                multiple=self.multiple,
            )
            if self.settings.mask_share:
                inputs["input_ids"] = mask_tokens(
                    inputs["input_ids"],
                    self.dataset,
                    self.settings.mask_share,
                    generator=generator,
                )
            if inputs["attention_mask"].all():
                del inputs["attention_mask"]
            passes.append({name: self._send(t) for name, t in inputs.items()})
        return passes

    def _send(self, tensor: Tensor) -> Tensor:
        if self.device.type == "cuda":
            return tensor.pin_memory().to(self.device, non_blocking=True)
        return tensor.to(self.device)

    def _run(self, inputs: dict[str, Tensor], total_weight: float) -> Tensor:
        with autocast(self.precision, self.device):
            output = self.forward(
                input_ids=inputs["input_ids"],
                attention_mask=inputs.get("attention_mask"),
                junction=inputs["junction"],
            )
        loss = torch.nn.functional.cross_entropy(
            output.logits.float(),
            inputs["labels"],
            weight=self.class_weights,
            reduction="sum",
        )
        return loss / total_weight

    def add_over_ranks(self) -> None:
        """Add the gradients of all ranks; each then has those of the whole step."""
        if self.accelerator.num_processes == 1:
            return
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        torch.distributed.all_reduce(flat)
        sizes = [gradient.numel() for gradient in gradients]
        for gradient, summed in zip(gradients, flat.split(sizes), strict=True):
            gradient.copy_(summed.view_as(gradient))

    def _halve_budget(self) -> None:
        if self.tokens_per_batch <= int(self.lengths.max()):
            raise InputError(
                "one sequence alone does not fit into GPU memory; set "
                "`training.gradient_checkpointing: true`, a smaller backbone, or "
                "shorter windows"
            )
        self.tokens_per_batch //= 2
        torch.cuda.empty_cache()
        logger.warning("out of memory: %d tokens per pass", self.tokens_per_batch)
