"""Sequences one after another in a single row: no padding, so none is computed.

States are (1, tokens, hidden), tokens those of all sequences. Only what lets tokens see
each other must know where a sequence ends: attention, convolutions, pooling.
"""

from __future__ import annotations

from itertools import groupby

import torch
from torch import Tensor

from error_sequence_model.backbones.attention import Packed, get_rotary_tables


def find_runs(lengths: Tensor) -> list[tuple[int, int]]:
    """Group neighbours of one length: (sequences, tokens of each) per group.

    Args:
        lengths: Tokens of each sequence, int64 (n,), on the CPU.
    """
    return [(len(list(same)), length) for length, same in groupby(lengths.tolist())]


def pack_rotary(
    lengths: Tensor, head_dim: int, base: float, device: torch.device
) -> tuple[tuple[Tensor, Tensor], Packed]:
    """Give rotary tables whose positions start anew in each sequence, and no bias.

    Args:
        lengths: Tokens of each sequence, int64 (n,), on the CPU.
        head_dim: See `attention.get_rotary_tables`.
        base: Likewise.
        device: Where the tables are needed.
    """
    starts = (lengths.cumsum(0) - lengths).repeat_interleave(lengths)
    places = (torch.arange(len(starts)) - starts).to(device)
    tables = get_rotary_tables(int(lengths.max()), head_dim, base, device)
    return (tables[0][places], tables[1][places]), Packed(find_runs(lengths))


def part_sequences(states: Tensor, lengths: Tensor, gap: int) -> tuple[Tensor, Tensor]:
    """Put zeros between sequences, as many as a convolution reaches.

    Args:
        states: (1, tokens, channels).
        lengths: Tokens of each sequence, int64 (n,), on the CPU.
        gap: Zeros between two of them.

    Returns:
        (1, tokens + (n - 1) gap, channels), and a mask of the same length with 1 at
        tokens, int64.
    """
    zeros, one = states.new_zeros(1, gap, states.shape[-1]), torch.ones(1, 1)
    parts, marks = [], []
    for part in states.split(lengths.tolist(), dim=1):
        parts += [part, zeros]
        marks += [one.expand(1, part.shape[1]), torch.zeros(1, gap)]
    mask = torch.cat(marks[:-1], dim=1).long().to(states.device)
    return torch.cat(parts[:-1], dim=1), mask


def join_sequences(states: Tensor, lengths: Tensor, gap: int) -> Tensor:
    """Take away what `part_sequences` put between."""
    sizes = [size for length in lengths.tolist() for size in (length, gap)][:-1]
    return torch.cat(states.split(sizes, dim=1)[::2], dim=1)
