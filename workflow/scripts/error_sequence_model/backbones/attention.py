"""Attention and positions shared by the backbones.

Tensors are (batch, heads, length, head_dim); an attention bias is added to the scores
and broadcasts to (batch, heads, queries, keys).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.checkpoint import checkpoint

from error_sequence_model.core import has_amx, has_fast_bf16

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

LONGEST_UNFUSED = 1024  # tokens
# Of linear biases (ALiBi): from there on they are made for some queries at a time.
LONGEST_BIAS, QUERIES = 4096, 512

# The one place where kernels of attention are chosen: all that torch has but cuDNN's.
# On Hopper its backward pass can give NaN where a mask is given and the length is 64
# more than a multiple of 128 (pytorch#196678), and DNABERT-2 always gives one.
torch.backends.cuda.enable_cudnn_sdp(False)
KERNELS = {
    "flash": SDPBackend.FLASH_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
    "math": SDPBackend.MATH,
}


def prefer_attention(kernel: str) -> AbstractContextManager:
    """Have a kernel tried first for a while; the others follow where it cannot serve.

    Args:
        kernel: A name in `KERNELS`, or "auto": torch chooses.
    """
    if kernel == "auto":
        return nullcontext()
    order = dict.fromkeys([KERNELS[kernel], *KERNELS.values()])
    return sdpa_kernel(list(order), set_priority=True)


class Packed(NamedTuple):
    """Takes the place of a bias where sequences follow each other in one row.

    Attributes:
        runs: Neighbours of one length, from `find_runs`.
        bias: Of the distance alone, (1, heads, longest, longest), or None.
    """

    runs: list[tuple[int, int]]
    bias: Tensor | Alibi | None = None


class Alibi(NamedTuple):
    """A bias of -slope × |query - key|, made for some queries at a time.

    In whole it is (heads, length, length): 0.8 GB for 12 heads and 4,096 tokens, and
    as much again for its gradient's sake in every layer.

    Attributes:
        slopes: (1, heads, 1, 1), or (heads, 1, 1, 1) where heads are the batch.
        padding: From `get_padding_bias`, or None.
    """

    slopes: Tensor
    padding: Tensor | None = None

    def make(self, queries: Tensor, length: int) -> Tensor:
        """Make the bias of the queries at these places, float32."""
        places = torch.arange(length, device=self.slopes.device)
        bias = -self.slopes * (places - queries[:, None]).abs()
        return bias if self.padding is None else bias + self.padding


def find_runs(lengths: Tensor) -> list[tuple[int, int]]:
    """Group neighbours of one length: (sequences, tokens of each) per group.

    Args:
        lengths: Tokens of each sequence, int64 (n,), on the CPU.
    """
    return [(len(list(same)), length) for length, same in groupby(lengths.tolist())]


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor | Alibi | Packed | None,
    *,
    dropout: float = 0.0,
    need_weights: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Scaled dot-product attention, fused or with its probabilities.

    Args:
        query: (batch, heads, length, head_dim).
        key: Same shape as ``query``.
        value: Same shape as ``query``.
        bias: Added to the scaled scores, broadcastable to (batch, heads, length,
            length), or ``None``; `Alibi`: the same without holding it, for fused
            attention; `Packed`: (1, heads, tokens, head_dim) hold several
            sequences, of which none sees another.
        dropout: Probability of dropping an attention weight.
        need_weights: Whether to return the probabilities; needs memory of
            batch × heads × length² and is slower.

    Returns:
        The context (batch, heads, length, head_dim) and, if asked for, the
        probabilities before dropout (batch, heads, queries, keys), float32; never of
        packed sequences.
    """
    if isinstance(bias, Packed):
        return _attend_packed(query, key, value, bias, dropout), None
    if isinstance(bias, Alibi):
        return _attend_by_queries(query, key, value, bias, dropout), None
    if not need_weights:
        if query.dtype == torch.bfloat16 and is_slow_in_bf16(query):
            if is_fast_unfused(query):
                return _attend_unfused(query, key, value, bias, dropout), None
            # Autocast would turn the inputs back.
            with torch.autocast(query.device.type, enabled=False):
                context = F.scaled_dot_product_attention(
                    query.float(),
                    key.float(),
                    value.float(),
                    attn_mask=None if bias is None else bias.float(),
                    dropout_p=dropout,
                )
            return context.to(query.dtype), None
        if bias is not None:
            bias = lower_bias(bias, query.dtype)
        context = F.scaled_dot_product_attention(
            query, key, value, attn_mask=bias, dropout_p=dropout
        )
        return context, None
    scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
    scores = scores.float() if bias is None else scores.float() + bias
    weights = scores.softmax(dim=-1)
    dropped = F.dropout(weights, p=dropout) if dropout else weights
    return dropped.to(value.dtype) @ value, weights


def _attend_packed(
    query: Tensor, key: Tensor, value: Tensor, packed: Packed, dropout: float
) -> Tensor:
    """Attention run by run: in each, heads are the batch and sequences the heads."""
    sizes = [count * length for count, length in packed.runs]
    parts = [states[0].split(sizes, dim=1) for states in (query, key, value)]
    contexts = []
    for run, *states in zip(packed.runs, *parts, strict=True):
        bias, length = packed.bias, run[1]
        if isinstance(bias, Alibi):
            bias = Alibi(bias.slopes.transpose(0, 1))
        elif bias is not None:
            bias = bias[:, :, :length, :length].transpose(0, 1)
        states = (part.unflatten(1, run) for part in states)
        context, _ = attend(*states, bias, dropout=dropout)
        contexts.append(context.flatten(1, 2))
    return torch.cat(contexts, dim=1).unsqueeze(0)


def _attend_by_queries(
    query: Tensor, key: Tensor, value: Tensor, alibi: Alibi, dropout: float
) -> Tensor:
    """Attention of some queries after the others; each bias is made again backwards."""
    length = query.shape[-2]

    def attend_some(some: Tensor, key: Tensor, value: Tensor, start: int) -> Tensor:
        places = torch.arange(start, start + some.shape[-2], device=some.device)
        bias = alibi.make(places, length)
        return attend(some, key, value, bias, dropout=dropout)[0]

    contexts = []
    for start in range(0, length, QUERIES):
        given = query[..., start : start + QUERIES, :], key, value, start
        contexts.append(checkpoint(attend_some, *given, use_reentrant=False))
    return torch.cat(contexts, dim=-2)


def lower_bias(bias: Tensor, dtype: torch.dtype) -> Tensor:
    """Turn an attention bias into the type of the queries."""
    if bias.dtype == dtype:
        return bias
    # Clamped first: half precision would turn "hugely negative" into infinity.
    return bias.clamp(min=torch.finfo(dtype).min).to(dtype)


def _attend_unfused(
    query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, dropout: float
) -> Tensor:
    """Attention as two products of bfloat16 matrices, whose sums are float32."""
    scores = query * query.shape[-1] ** -0.5 @ key.transpose(-1, -2)
    if bias is not None:
        scores = scores + lower_bias(bias, scores.dtype)
    weights = scores.softmax(dim=-1)
    return (F.dropout(weights, p=dropout) if dropout else weights) @ value


def is_slow_in_bf16(query: Tensor) -> bool:
    """Whether fused attention on these queries is slower in bfloat16 than in float32.

    On a CPU its backward pass is: measured, it takes twice as long, with AMX and with
    AVX512-BF16 alone. With AMX the forward pass by itself is faster.
    """
    if query.device.type != "cpu":
        return False
    return query.requires_grad or not has_amx(query.device)


def is_fast_unfused(query: Tensor) -> bool:
    """Whether products of bfloat16 matrices are faster than any fused attention.

    On a CPU with bfloat16 units they are, forwards and backwards together. Measured
    against float32: with AMX 1.2 times (head size 32, length 200) to 2.2 times (64,
    130); with AVX512-BF16 1.8 times (32, 64 to 600) and 1.4 (64, 600) to 2.3 times (64,
    300). They keep all weights for the backward pass, so long sequences do without.
    """
    return has_fast_bf16(query.device) and query.shape[-2] <= LONGEST_UNFUSED


def drop_full_mask(attention_mask: Tensor | None) -> Tensor | None:
    """Give ``None`` for a mask (batch, length) without padding, to save the masking.

    Only where a look costs nothing: a GPU would have to be waited for, and a compiler
    cannot look. There, who makes a batch leaves out the mask that is not needed.
    """
    if attention_mask is None or torch.compiler.is_compiling():
        return attention_mask
    is_here = attention_mask.device.type == "cpu"
    return None if is_here and bool(attention_mask.all()) else attention_mask


@contextmanager
def use_plain_attention(config: PreTrainedConfig, *, wanted: bool) -> Iterator[None]:
    """Have a model of transformers return its attention for one call, if wanted.

    It decides between fused and plain attention per model, not per call; asking for
    attention must not slow down the calls after it.
    """
    usual = config._attn_implementation
    if wanted:
        config._attn_implementation = "eager"
    try:
        yield
    finally:
        config._attn_implementation = usual


def get_padding_bias(
    attention_mask: Tensor | None, dtype: torch.dtype
) -> Tensor | None:
    """Turn a padding mask into an attention bias.

    Args:
        attention_mask: (batch, length), 1 at tokens and 0 at padding, or ``None``.
        dtype: Floating type of the bias.

    Returns:
        (batch, 1, 1, length), 0 at tokens and hugely negative at padding; ``None``
        without a mask, which lets the fused kernels run without one.
    """
    if attention_mask is None:
        return None
    # Finite, and half of the lowest value: adding a position bias to it stays finite,
    # and a row without any token (an empty sequence) stays free of NaN.
    lowest = torch.finfo(dtype).min / 2
    blocked = attention_mask[:, None, None, :] == 0
    return torch.zeros_like(blocked, dtype=dtype).masked_fill(blocked, lowest)


def split_heads(states: Tensor, n_heads: int) -> Tensor:
    """(batch, length, hidden) to (batch, heads, length, head_dim)."""
    return states.unflatten(-1, (n_heads, -1)).transpose(1, 2)


def merge_heads(context: Tensor) -> Tensor:
    """(batch, heads, length, head_dim) to (batch, length, hidden)."""
    return context.transpose(1, 2).flatten(2)


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


def pack_rotary(
    lengths: Tensor, head_dim: int, base: float, device: torch.device
) -> tuple[tuple[Tensor, Tensor], Packed]:
    """Give rotary tables whose positions start anew in each sequence, and no bias.

    Args:
        lengths: Tokens of each sequence, int64 (n,), on the CPU.
        head_dim: See `get_rotary_tables`.
        base: Likewise.
        device: Where the tables are needed.
    """
    starts = (lengths.cumsum(0) - lengths).repeat_interleave(lengths)
    places = (torch.arange(len(starts)) - starts).to(device)
    tables = get_rotary_tables(int(lengths.max()), head_dim, base, device)
    return (tables[0][places], tables[1][places]), Packed(find_runs(lengths))


def start_rotary(
    states: Tensor,
    attention_mask: Tensor | None,
    lengths: Tensor | None,
    head_dim: int,
    base: float,
) -> tuple[tuple[Tensor, Tensor], Tensor | Packed | None]:
    """Give the rotary tables, and the bias, of sequences beside or after each other.

    Args:
        states: (batch, length, hidden).
        attention_mask: 1 at tokens, 0 at padding, or None.
        lengths: Of sequences that follow each other in one row; see `pack_rotary`.
        head_dim: See `get_rotary_tables`.
        base: Likewise.
    """
    if lengths is not None:
        return pack_rotary(lengths, head_dim, base, states.device)
    tables = get_rotary_tables(states.shape[1], head_dim, base, states.device)
    return tables, get_padding_bias(attention_mask, torch.float32)


def rotate(states: Tensor, tables: tuple[Tensor, Tensor]) -> Tensor:
    """Apply rotary positions; pairs are (i, i + head_dim / 2).

    Args:
        states: Queries or keys (batch, heads, length, head_dim).
        tables: Cosines and sines (length, head_dim).
    """
    cosines, sines = (table.to(states.dtype) for table in tables)
    first, second = states.chunk(2, dim=-1)
    return states * cosines + torch.cat([-second, first], dim=-1) * sines


def mask_states(states: Tensor, attention_mask: Tensor | None) -> Tensor:
    """Set the states (batch, length, hidden) at padding to zero."""
    if attention_mask is None:
        return states
    return states * attention_mask.unsqueeze(-1).to(states.dtype)


def initialize_bert_weights(module: nn.Module, std: float) -> None:
    """Initialise one module as BERT does: normal weights, zero biases, unit norms."""
    if isinstance(module, (nn.Linear, nn.Embedding)):
        nn.init.normal_(module.weight, std=std)
    elif isinstance(module, nn.LayerNorm):
        nn.init.ones_(module.weight)
    if getattr(module, "bias", None) is not None:
        nn.init.zeros_(module.bias)
