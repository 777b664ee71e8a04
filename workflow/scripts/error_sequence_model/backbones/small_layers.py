"""Parts of our networks: cheap dropout, a calibrated norm, rotary positions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from error_sequence_model.backbones.attention import (
    Packed,
    Varlen,
    get_padding_bias,
    number_tokens,
    pack,
)
from error_sequence_model.core import evaluating

SMALLEST_DEVIATION = 1e-3  # of a calibrated norm

# Integers as wide as a float, whose bits become the mask.
INTEGERS = {torch.bfloat16: torch.int16, torch.float32: torch.int32}


class Dropout(nn.Dropout):
    """`torch.nn.Dropout`, five times as fast on a CPU (3 times in float32).

    There torch draws and turns one number into a mask after another: a tenth of a
    training step. Here four (two) elements share a draw of 64 bits.
    """

    def forward(self, states: Tensor) -> Tensor:
        """Map states of any shape to the same shape."""
        is_usual = states.device.type != "cpu" or states.dtype not in INTEGERS
        # A compiler draws masks well, and knows nothing of bits.
        is_usual = is_usual or torch.compiler.is_compiling()
        if is_usual or not self.training or not 0 < self.p < 1:
            return F.dropout(states, self.p, self.training)
        return states * draw_mask(states, self.p)


def draw_mask(states: Tensor, rate: float) -> Tensor:
    """Draw what states are multiplied by: 0 by chance ``rate``, else the inverse.

    Args:
        states: Gives shape and type, bfloat16 or float32.
        rate: In steps of 1 / 65,536 in bfloat16, finer in float32.
    """
    integer = INTEGERS[states.dtype]
    range_ = torch.iinfo(integer)
    words = -(-states.numel() * states.element_size() // 8)
    bits = torch.empty(words, dtype=torch.int64)
    # All 64 bits; without bounds the sign would never be drawn.
    bits.random_(torch.iinfo(torch.int64).min, None)
    numbers = bits.view(integer)[: states.numel()].view(states.shape)
    is_kept = numbers.ge_(range_.min + round(rate * 2**range_.bits))
    one = torch.tensor(1 / (1 - rate), dtype=states.dtype).view(integer)
    return is_kept.mul_(one.item()).view(states.dtype)


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


def get_rotary_tables(
    length: int, head_dim: int, base: float, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Cosines and sines of rotary positions 0 … length - 1.

    Made at every forward pass rather than kept: a buffer would be left without values
    when the model is built on the meta device, and would limit the length.

    Returns:
        Two tensors (length, head_dim), float32; both halves of the last axis are equal.
    """
    steps = torch.arange(0, head_dim, 2, dtype=torch.float32, device=device)
    inverse_frequencies = 1.0 / (base ** (steps / head_dim))
    positions = torch.arange(length, dtype=torch.float32, device=device)
    angles = torch.outer(positions, inverse_frequencies)
    angles = torch.cat([angles, angles], dim=-1)
    return angles.cos(), angles.sin()


def start_rotary(
    states: Tensor,
    attention_mask: Tensor | None,
    lengths: Tensor | None,
    longest: int,
    head_dim: int,
    base: float,
) -> tuple[tuple[Tensor, Tensor], Tensor | Packed | Varlen | None]:
    """Give the rotary tables, and the bias, of sequences beside or after each other.

    Args:
        states: (batch, length, hidden).
        attention_mask: 1 at tokens, 0 at padding, or None.
        lengths: Of sequences that follow each other in one row: their positions start
            anew in each. See `pack`.
        longest: Likewise.
        head_dim: See `get_rotary_tables`.
        base: Likewise.
    """
    total, device = states.shape[1], states.device
    if lengths is None:
        tables = get_rotary_tables(total, head_dim, base, device)
        return tables, get_padding_bias(attention_mask, torch.float32)
    _, places = number_tokens(lengths, total)
    cosines, sines = get_rotary_tables(longest, head_dim, base, device)
    return (cosines[places], sines[places]), pack(lengths, longest)


def rotate(states: Tensor, tables: tuple[Tensor, Tensor]) -> Tensor:
    """Apply rotary positions; pairs are (i, i + head_dim / 2).

    Args:
        states: Queries or keys (batch, heads, length, head_dim).
        tables: Cosines and sines (length, head_dim).
    """
    cosines, sines = (table.to(states.dtype) for table in tables)
    first, second = states.chunk(2, dim=-1)
    return states * cosines + torch.cat([-second, first], dim=-1) * sines
