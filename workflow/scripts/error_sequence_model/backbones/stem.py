"""The convolutional stem of our encoder: residual blocks of dilated convolutions.

States are (batch, length, channels). Padding is set to zero before each convolution,
exactly what the convolution sees beyond the end of an unpadded sequence.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from error_sequence_model.backbones.attention import mask_states, number_tokens
from error_sequence_model.backbones.small_layers import CalibratedNorm, Dropout


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
        self.dropout = Dropout(dropout)

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

    Attributes:
        reach: Bases that one convolution sees on each side, at most.
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
        self.reach = kernel // 2 * max([1, *dilations])
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


def part_sequences(
    states: Tensor, lengths: Tensor, gap: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Put zeros after each sequence, as many as a convolution reaches.

    Args:
        states: (1, tokens, channels).
        lengths: Tokens of each sequence, int64 (n,).
        gap: Zeros after each.

    Returns:
        (1, tokens + n gap, channels); a mask of the same length with 1 at tokens,
        int64; and where the tokens are now, int64 (tokens,).
    """
    total, width = states.shape[1:]
    rows, _ = number_tokens(lengths, total)
    places = torch.arange(total, device=states.device) + gap * rows
    longer = total + gap * len(lengths)
    parted = states.new_zeros(longer, width).index_copy(0, places, states[0])
    return parted[None], places.new_zeros(1, longer).index_fill(1, places, 1), places
