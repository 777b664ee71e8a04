"""The gradient of one optimiser step, from as many forward passes as memory asks for.

The loss of a step is the weighted sum over all its items, on all ranks and passes,
divided by the sum of their weights: how a step is cut does not change its gradient. All
passes of a rank stay its own; gradients are added over the ranks once, at the end. So a
rank that runs out of memory repeats its share and the others only wait for it.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor

from error_sequence_model.backbones import find_padding_reason, prefer_attention
from error_sequence_model.core import InputError, autocast, has_amx
from error_sequence_model.datasets import PAD_MULTIPLE, cut_batches, cut_passes
from error_sequence_model.training.task import Task
from error_sequence_model.training.throughput import FlopCounter, estimate_pass_cost
from error_sequence_model.training.token_budget import (
    find_token_budget,
    measure_saved_bytes,
)

logger = logging.getLogger(__name__)

COMPILED_MULTIPLE = 16
STEPS_WORTH_COMPILING = 2000  # it takes minutes
AMX_MULTIPLE = 16  # rows of a tile; and fewer shapes to make kernels for


@dataclass(eq=False)
class Share:
    """One rank's part of a step.

    Attributes:
        indices: Its items, int64 (n,).
        epoch: Epoch, from 0.
        seed: Seed of dropout and masks.
        examples: The task's examples of the items; empty until they are made.
        lengths: Tokens of each, int64 (n,).
        passes: Batches on the device, cut for ``budget`` padded tokens.
    """

    indices: np.ndarray
    epoch: int
    seed: int
    examples: list[Any] = field(default_factory=list)
    lengths: np.ndarray | None = None
    passes: list[dict[str, Tensor]] = field(default_factory=list)
    budget: int = 0

    def is_same(self, other: Share) -> bool:
        """Whether both are the same part of the same step."""
        same = np.array_equal(self.indices, other.indices)
        return same and self.seed == other.seed


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
        task: What to learn; its model is on the accelerator's device.
        accelerator: Device, ranks and loss scale.
        precision: "fp32", "bf16" or "fp16".

    Attributes:
        padding_reason: Why sequences of several lengths are padded; None: they are not.
        tokens_per_batch: Padded tokens of one pass; 0 until it is known.
    """

    def __init__(self, task: Task, accelerator: Accelerator, *, precision: str) -> None:
        self.task, self.model, self.settings = task, task.model, task.settings
        self.accelerator, self.precision = accelerator, precision
        self.device = accelerator.device
        self.flops = FlopCounter(task.model)
        self.pass_cost = estimate_pass_cost(
            self.device, self.flops.per_token, precision=precision
        )
        self.multiple = PAD_MULTIPLE if self.device.type == "cuda" else 1
        if precision == "bf16" and has_amx(self.device):
            self.multiple = AMX_MULTIPLE
        self.forward = task.model
        self.is_trying = False
        if self.is_worth_compiling():
            self.multiple, self.is_trying = COMPILED_MULTIPLE, True
            self.forward = torch.compile(task.model, dynamic=True)
        self.padding_reason = self._find_padding_reason()
        self.is_packing = self.padding_reason is None
        self.tokens_per_batch = 0
        if self.settings.tokens_per_batch != "auto":
            self.tokens_per_batch = int(self.settings.tokens_per_batch)
        self._ahead: Share | None = None

    def is_worth_compiling(self) -> bool:
        """Whether to compile: as asked for, or on GPUs in runs of many steps."""
        if self.settings.compile != "auto":
            return bool(self.settings.compile)
        steps = self.settings.epochs * len(self.task.lengths) / self.settings.batch_size
        return self.device.type == "cuda" and steps >= STEPS_WORTH_COMPILING

    def _find_padding_reason(self) -> str | None:
        """Say why batches of several lengths are padded; None: they are not."""
        if not self.task.can_pack:
            return "this training takes no sequences in one row"
        if self.is_trying and self.device.type == "cpu":
            # Its attention depends on the lengths, and would be compiled for each. On a
            # GPU lengths are numbers on the device, and one graph serves all.
            return "the model is compiled"
        reason = find_padding_reason(
            self.model.backbone,
            self.device,
            precision=self.precision,
            kernel=self.settings.attention,
        )
        if reason is not None and self.settings.attention == "varlen":
            logger.warning("`training.attention: varlen` pads here: %s", reason)
        return reason

    def find_budget(self) -> None:
        """Find ``tokens_per_batch`` by a probe on the longest sequence."""
        share = -(-self.settings.batch_size // self.accelerator.num_processes)
        budget = find_token_budget(
            self._measure_pass,
            longest=int(self.task.lengths.max()),
            sequences=share,
            device=self.device,
            processes=self.accelerator.num_processes,
            remedy=self.task.too_long,
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
        longest = np.array([int(np.argmax(self.task.lengths))])
        examples = self.task.make_examples(longest, 0) * (1 if on_cpu else count)
        (batch,) = self._collate([examples], seed=0, is_probe=True)
        weights = self.task.sum_weights(longest, examples, None)
        if on_cpu:
            return count * measure_saved_bytes(lambda: self._run(batch, weights))
        torch.cuda.reset_peak_memory_stats()
        self.accelerator.backward(self._run(batch, weights))
        trained = sum(p.numel() for p in self.model.parameters() if p.requires_grad)
        # What is not there yet: the optimiser's two averages, and the copy of all
        # gradients that is added over the ranks.
        copies = 2 + (self.accelerator.num_processes > 1)
        return torch.cuda.max_memory_allocated() + 4 * copies * trained

    def prepare(self, share: Share) -> None:
        """Collate a share before it is due, while the device still works."""
        self._ahead = None
        # Without memory to spare it is collated when it is due.
        with suppress(torch.cuda.OutOfMemoryError):
            self._fill(share)
            self._cut_and_collate(share)
        self._ahead = share

    def make_share(self, share: Share) -> Share:
        """Give a share with its examples, as `prepare` made it if it did."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead.is_same(share):
            share = ahead
        self._fill(share)
        return share

    def _fill(self, share: Share) -> None:
        if not share.examples:
            share.examples = self.task.make_examples(share.indices, share.epoch)
            share.lengths = self.task.count_tokens(share.examples)

    def accumulate(self, share: Share, weights: list[float] | Tensor) -> StepSums:
        """Add up the gradients of this rank's share of a step.

        Args:
            share: Of `make_share`.
            weights: The task's `sum_weights` of the whole step, over all ranks.

        Raises:
            InputError: One sequence alone does not fit into memory.
        """
        while True:
            torch.manual_seed(share.seed)
            self.model.zero_grad()
            try:
                return self._accumulate(share, weights)
            except torch.cuda.OutOfMemoryError:
                pass
            # Outside of the handler, whose traceback keeps the tensors alive.
            share.passes = []
            self._halve_budget()

    def _accumulate(self, share: Share, weights: list[float] | Tensor) -> StepSums:
        if not share.passes or share.budget != self.tokens_per_batch:
            self._cut_and_collate(share)
        loss_sum = torch.zeros((), device=self.device)
        padded = 0
        # One context for all passes: weights are lowered once, and kept.
        with autocast(self.precision, self.device):
            for batch in share.passes:
                padded += batch["input_ids"].numel()
                loss = self._run(batch, weights)
                with autocast("fp32", self.device):
                    self.accelerator.backward(loss)
                loss_sum += loss.detach()
        flops = self.flops.count(share.lengths)
        return StepSums(loss_sum, int(share.lengths.sum()), padded, flops)

    def _cut_and_collate(self, share: Share) -> None:
        options = {
            "tokens_per_batch": self.tokens_per_batch,
            "bucket_boundaries": self.task.bucket_boundaries,
        }
        everything = np.arange(len(share.examples))
        if self.is_packing:
            batches = cut_batches(everything, share.lengths, is_packed=True, **options)
        else:
            batches = cut_passes(
                everything,
                share.lengths,
                pass_cost=self.pass_cost,
                multiple=self.multiple,
                **options,
            )
        examples = [[share.examples[place] for place in batch] for batch in batches]
        share.budget = self.tokens_per_batch
        share.passes = self._collate(examples, share.seed)

    def _collate(
        self, batches: list[list[Any]], seed: int, *, is_probe: bool = False
    ) -> list[dict[str, Tensor]]:
        # Not the stream that dropout draws from.
        generator = torch.Generator().manual_seed(seed + 1)
        passes = []
        for examples in batches:
            options = {"is_packed": True} if self.is_packing else {}
            batch = self.task.collate(
                examples, multiple=self.multiple, generator=generator, **options
            )
            mask = batch.get("attention_mask")
            if is_probe:
                # A pass with padding has masks and biases that one without has not.
                mask[0, -1] = 0
            if mask is not None and mask.all():
                del batch["attention_mask"]
            passes.append({name: self._send(t) for name, t in batch.items()})
        return passes

    def _send(self, tensor: Tensor | int) -> Tensor | int:
        if isinstance(tensor, int):
            return tensor
        if self.device.type == "cuda":
            return tensor.pin_memory().to(self.device, non_blocking=True)
        return tensor.to(self.device)

    def _run(self, batch: dict[str, Tensor], weights: list[float] | Tensor) -> Tensor:
        inputs = {name: tensor for name, tensor in batch.items() if name != "labels"}
        kernel = prefer_attention(self.settings.attention)
        with autocast(self.precision, self.device), kernel:
            output = self._call(inputs)
        with autocast("fp32", self.device):
            return self.task.compute_loss(output, batch, weights)

    def _call(self, inputs: dict[str, Tensor]) -> Any:
        if not self.is_trying:
            return self.forward(**inputs)
        try:
            output = self.forward(**inputs)
        except torch.cuda.OutOfMemoryError:
            raise
        except Exception as error:  # a compiler fails in any of many ways
            lines = str(error).strip().splitlines() or [type(error).__name__]
            logger.warning(
                "the model cannot be compiled here and runs as it is (%s); set "
                "`training.compile: false` to leave it at that",
                lines[0],
            )
            self.forward = self.model
            output = self.forward(**inputs)
        self.is_trying = False
        return output

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
        if self.tokens_per_batch <= int(self.task.lengths.max()):
            raise InputError(
                f"one sequence alone does not fit into GPU memory; {self.task.too_long}"
            )
        self.tokens_per_batch //= 2
        torch.cuda.empty_cache()
        logger.warning("out of memory: %d tokens per pass", self.tokens_per_batch)
