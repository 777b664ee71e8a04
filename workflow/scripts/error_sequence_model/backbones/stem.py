"""The convolutional stem of our encoder: residual blocks of dilated convolutions.

States are (batch, length, channels). Padding is set to zero before each convolution,
exactly what the convolution sees beyond the end of an unpadded sequence.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from error_sequence_model.backbones.attention import mask_states

SMALLEST_DEVIATION = 1e-3


class Convolution(nn.Conv1d):
    """A same-length convolution over states (batch, length, channels).

    Run as a 2-d convolution in channels-last layout, which is what the states already
    are: no transposed copies, and on CPU up to twice as fast as ``nn.Conv1d``.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, dilation: int
    ) -> None:
        super().__init__(in_channels, out_channels, kernel, dilation=dilation)
        self.reach = (kernel // 2) * dilation

    def forward(self, states: Tensor) -> Tensor:
        """Map (batch, length, in_channels) to (batch, length, out_channels)."""
        image = states.transpose(1, 2).unsqueeze(2)
        convolved = F.conv2d(
            image,
            self.weight.unsqueeze(2),
            self.bias,
            padding=(0, self.reach),
            dilation=(1, self.dilation[0]),
        )
        return convolved.squeeze(2).transpose(1, 2)


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

    def forward(self, states: Tensor, attention_mask: Tensor | None) -> Tensor:
        """Map (batch, length, channels) to the same shape."""
        if self.is_calibrating:
            real = states.flatten(0, 1)
            if attention_mask is not None:
                real = states[attention_mask.bool()]
            deviation, mean = torch.std_mean(real.float(), dim=0, correction=0)
            self.mean.copy_(mean)
            self.deviation.copy_(deviation.clamp(min=SMALLEST_DEVIATION))
        scale = self.weight / self.deviation
        return states * scale + (self.bias - self.mean * scale)


class ResidualBlock(nn.Module):
    """Two dilated convolutions, each after normalisation, beside a skip connection."""

    def __init__(
        self, channels: int, kernel: int, dilation: int, *, dropout: float
    ) -> None:
        super().__init__()
        self.norm1 = CalibratedNorm(channels)
        self.conv1 = Convolution(channels, channels, kernel, dilation)
        self.norm2 = CalibratedNorm(channels)
        self.conv2 = Convolution(channels, channels, kernel, dilation)
        self.dropout = nn.Dropout(dropout)

    def forward(self, states: Tensor, attention_mask: Tensor | None) -> Tensor:
        """Map (batch, length, channels) to the same shape."""
        inner = F.gelu(self.norm1(states, attention_mask))
        inner = self.conv1(mask_states(inner, attention_mask))
        inner = F.gelu(self.norm2(inner, attention_mask))
        inner = self.conv2(mask_states(inner, attention_mask))
        return states + self.dropout(inner)


class Stem(nn.Module):
    """Base embeddings (batch, length, channels) to states (batch, length, out).

    Args:
        channels: Width of the embeddings and of the blocks.
        out_size: Width of the result.
        kernel: Bases seen by one convolution (odd).
        dilations: One residual block each.
        dropout: Dropout on the blocks' branches.
    """

    def __init__(
        self,
        channels: int,
        out_size: int,
        *,
        kernel: int,
        dilations: Sequence[int],
        dropout: float,
    ) -> None:
        super().__init__()
        self.input = Convolution(channels, channels, kernel, 1)
        self.blocks = nn.ModuleList(
            ResidualBlock(channels, kernel, dilation, dropout=dropout)
            for dilation in dilations
        )
        # No norm here: how strongly a motif answers must reach the classifier.
        self.output = nn.Linear(channels, out_size)

    def forward(self, states: Tensor, attention_mask: Tensor | None) -> Tensor:
        """See the class."""
        states = self.input(mask_states(states, attention_mask))
        for block in self.blocks:
            states = block(states, attention_mask)
        return self.output(states)
