"""A norm whose statistics are taken once, from a sample of the training data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from error_sequence_model.core import evaluating

SMALLEST_DEVIATION = 1e-3


class CalibratedNorm(nn.Module):
    """Shift and scale each channel by statistics of the data, taken once.

    A layer norm would hide how strongly a position responds compared with others, which
    is what tells a motif from a near-motif; a batch norm would make a gradient depend
    on how a step is cut into batches. Statistics taken once, before training (as in the
    activation norm of Kingma and Dhariwal 2018), keep both.

    Attributes:
        mean: Mean per channel, float32 (channels,); 0 before calibration.
        deviation: Standard deviation per channel, float32 (channels,); 1 before.
        is_calibrating: Take the statistics from the next states.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("deviation", torch.ones(channels))
        self.is_calibrating = False

    def forward(self, states: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Map (batch, length, channels), or (batch, channels), to the same shape."""
        if self.is_calibrating:
            real = states.reshape(-1, states.shape[-1])
            if attention_mask is not None:
                real = states[attention_mask.bool()]
            deviation, mean = torch.std_mean(real.float(), dim=0, correction=0)
            self.mean.copy_(mean)
            self.deviation.copy_(deviation.clamp(min=SMALLEST_DEVIATION))
        scale = self.weight / self.deviation
        return states * scale + (self.bias - self.mean * scale)


@contextmanager
def calibrating(model: nn.Module, part: nn.Module) -> Iterator[None]:
    """Let the norms of a part take statistics; the model is in eval mode meanwhile."""
    norms = [m for m in part.modules() if isinstance(m, CalibratedNorm)]
    for norm in norms:
        norm.is_calibrating = True
    try:
        with torch.no_grad(), evaluating(model):
            yield
    finally:
        for norm in norms:
            norm.is_calibrating = False
