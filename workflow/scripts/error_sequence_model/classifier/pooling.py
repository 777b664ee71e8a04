"""From the states of tokens to one vector per sequence.

Tensors are (batch, tokens, hidden) with right padding; ``junction`` holds the indices
of the tokens with the last base 5' and the first base 3' of the junction.
"""

from __future__ import annotations

import torch

from error_sequence_model.backbones import number_tokens
from error_sequence_model.core import InputError

POOLINGS = ("junction", "mean", "max", "peak", "first", "last")
# A peak is the mean of states weighted by exp(sharpness * state), channel by channel:
# nearly their maximum, but every token has a gradient, so that a motif of unknown place
# is found whatever the initial weights.
PEAK_SHARPNESS = 3.0


def parse_pooling(pooling: str) -> list[str]:
    """Split "junction+mean" into its names.

    Raises:
        InputError: A name is unknown.
    """
    names = pooling.split("+")
    unknown = [name for name in names if name not in POOLINGS]
    if unknown:
        raise InputError(
            f"pooling {pooling!r}: unknown {', '.join(unknown)}; allowed: "
            f"{', '.join(POOLINGS)}, joined by '+'; set `pooling` of the backbone"
        )
    return names


def count_vectors(names: list[str]) -> int:
    """Count the states that a pooling puts side by side; the junction has two sides."""
    return sum(2 if name == "junction" else 1 for name in names)


def pool_states(
    hidden: torch.Tensor,
    mask: torch.Tensor,
    junction: torch.Tensor | None,
    names: list[str],
) -> torch.Tensor:
    """Reduce hidden states to one vector per sequence.

    Args:
        hidden: float (batch, tokens, hidden).
        mask: int (batch, tokens), 1 at real tokens.
        junction: int64 (batch, 2) token indices; None takes the middle.
        names: Names of `POOLINGS`, whose vectors are put side by side.

    Returns:
        float32 (batch, vectors * hidden).
    """
    rows = torch.arange(len(hidden), device=hidden.device)
    lengths = mask.sum(dim=1)
    if junction is None:
        right = lengths // 2
        junction = torch.stack([(right - 1).clamp(min=0), right], dim=1)
    hidden = hidden.float()
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    vectors = []
    for name in names:
        if name == "junction":
            vectors += [hidden[rows, junction[:, 0]], hidden[rows, junction[:, 1]]]
        elif name == "mean":
            vectors.append((hidden * weights).sum(1) / weights.sum(1).clamp(min=1))
        elif name == "max":
            lowest = torch.finfo(hidden.dtype).min
            vectors.append(hidden.masked_fill(weights == 0, lowest).amax(dim=1))
        elif name == "peak":
            heights = (PEAK_SHARPNESS * hidden).masked_fill(weights == 0, -torch.inf)
            vectors.append((heights.softmax(dim=1) * hidden).sum(dim=1))
        elif name == "first":
            vectors.append(hidden[:, 0])
        else:
            vectors.append(hidden[rows, (lengths - 1).clamp(min=0)])
    return torch.cat(vectors, dim=-1)


def pool_packed(
    hidden: torch.Tensor,
    lengths: torch.Tensor,
    longest: int,
    junction: torch.Tensor | None,
    names: list[str],
) -> torch.Tensor:
    """Do as `pool_states` with sequences that follow each other in one row.

    Args:
        hidden: float (1, tokens, hidden).
        lengths: Tokens of each sequence, int64 (batch,).
        longest: The most of them.
        junction: int64 (batch, 2) token indices within each; None takes the middle.
        names: Names of `POOLINGS`.
    """
    rows, places = number_tokens(lengths, hidden.shape[1])
    # Padded here and only here: one call for all, and the head is small.
    padded = hidden.new_zeros(len(lengths), longest, hidden.shape[2])
    padded = padded.index_put((rows, places), hidden[0])
    mask = torch.arange(longest, device=hidden.device) < lengths[:, None]
    return pool_states(padded, mask, junction, names)
