"""Attention shared by the backbones.

Tensors are (batch, heads, length, head_dim); an attention bias is added to the scores
and broadcasts to (batch, heads, queries, keys).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
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
# What torch's kernel for sequences in one row is made for.
VARLEN_CAPABILITY, VARLEN_HEAD, VARLEN_LARGEST_HEAD = (8, 0), 8, 192
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
        kernel: A name in `KERNELS`; or "auto" and "varlen": torch chooses.
    """
    if kernel not in KERNELS:
        return nullcontext()
    order = dict.fromkeys([KERNELS[kernel], *KERNELS.values()])
    return sdpa_kernel(list(order), set_priority=True)


def find_padding_reason(
    backbone: nn.Module, device: torch.device, *, precision: str, kernel: str
) -> str | None:
    """Say why sequences of several lengths have to be padded; None: they need not be.

    On a CPU those of one length attend at a time. On a GPU torch's kernel for sequences
    in one row (`torch.nn.attention.varlen`) does: in half precision, without a bias and
    without dropout of attention.

    Args:
        backbone: Of any family.
        device: Where it is trained.
        precision: "fp32", "bf16" or "fp16".
        kernel: `training.attention`.
    """
    config = backbone.config
    if not getattr(backbone, "can_pack", False):
        return f"{config.model_type} takes no sequences in one row"
    if not uses_varlen(device):
        return None
    if kernel in KERNELS:
        return f"`training.attention` is {kernel}"
    if backbone.has_bias:
        return f"{config.model_type} adds a bias of distances"
    if config.attention_dropout:
        return f"attention_dropout is {config.attention_dropout}, and may only be 0"
    if precision == "fp32":
        return "float32, where bf16 or fp16 is needed"
    capability = torch.cuda.get_device_capability(device)
    if capability < VARLEN_CAPABILITY:
        found, needed = (".".join(map(str, c)) for c in (capability, VARLEN_CAPABILITY))
        return f"compute capability {found}, where {needed} is needed"
    head_dim = config.hidden_size // config.num_attention_heads
    if head_dim % VARLEN_HEAD or head_dim > VARLEN_LARGEST_HEAD:
        allowed = f"multiple of {VARLEN_HEAD} up to {VARLEN_LARGEST_HEAD}"
        return f"heads of {head_dim}, which is no {allowed}"
    try:
        _try_varlen(device, precision, head_dim)
    except Exception as error:  # of torch's build, its kernels or the driver
        return (str(error).strip().splitlines() or [type(error).__name__])[0]
    return None


def _try_varlen(device: torch.device, precision: str, head_dim: int) -> None:
    """Have two short sequences attend, forwards and backwards: what cannot, raises."""
    options = {"dtype": {"bf16": torch.bfloat16, "fp16": torch.float16}[precision]}
    query = torch.ones(1, 1, 5, head_dim, **options, device=device, requires_grad=True)
    row = pack(torch.tensor([2, 3], device=device), 3)
    attend(query, query, query, row)[0].sum().backward()


def uses_varlen(device: torch.device) -> bool:
    """Whether sequences in one row attend by torch's kernel for them."""
    return device.type == "cuda"


def load_varlen() -> Callable[..., Tensor]:
    """Load torch's attention for sequences in one row; it takes a second."""
    from torch.nn.attention.varlen import varlen_attn

    return varlen_attn


class Varlen(NamedTuple):
    """Takes the place of a bias where sequences in one row attend by torch's kernel.

    Attributes:
        starts: Of each sequence, and the end of the last, int32 (n + 1,).
        longest: Tokens of the longest; a number, since reading it from the device would
            wait for that.
        reach: Tokens that one sees on each side; -1: all.
    """

    starts: Tensor
    longest: int
    reach: int = -1


class Packed(NamedTuple):
    """Takes the place of a bias where sequences in one row attend length by length.

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


def number_tokens(lengths: Tensor, total: int) -> tuple[Tensor, Tensor]:
    """Give each token's sequence and its place there, int64 (tokens,) each.

    Args:
        lengths: Tokens of sequences that follow each other in one row, int64 (n,).
        total: Their sum, which a look at the device would have to wait for.
    """
    rows = torch.repeat_interleave(lengths, output_size=total)
    starts = lengths.cumsum(0) - lengths
    return rows, torch.arange(total, device=lengths.device) - starts[rows]


def pack(lengths: Tensor, longest: int, reach: int = -1) -> Packed | Varlen:
    """Let sequences in one row attend, each to itself.

    Args:
        lengths: Tokens of each, int64 (n,).
        longest: The most of them.
        reach: See `Varlen`.
    """
    if uses_varlen(lengths.device):
        return Varlen(F.pad(lengths.cumsum(0), (1, 0)).int(), longest, reach)
    bias = None if reach < 0 else get_local_bias(longest, reach, lengths.device)
    return Packed(find_runs(lengths), bias)


def get_local_bias(
    length: int, reach: int, device: torch.device, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Bias (1, 1, length, length) of tokens that see so many on each side."""
    places = torch.arange(length, device=device)
    is_far = (places[:, None] - places).abs() > reach
    bias = torch.zeros(1, 1, length, length, dtype=dtype, device=device)
    # Finite still when that of padding is added.
    return bias.masked_fill(is_far, torch.finfo(dtype).min / 4)


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
    bias: Tensor | Alibi | Packed | Varlen | None,
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
            attention; `Packed` and `Varlen`: (1, heads, tokens, head_dim) hold several
            sequences, of which none sees another.
        dropout: Probability of dropping an attention weight.
        need_weights: Whether to return the probabilities; needs memory of
            batch × heads × length² and is slower.

    Returns:
        The context (batch, heads, length, head_dim) and, if asked for, the
        probabilities before dropout (batch, heads, queries, keys), float32; never of
        packed sequences.
    """
    if isinstance(bias, Varlen):
        return _attend_varlen(query, key, value, bias), None
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


def _attend_varlen(query: Tensor, key: Tensor, value: Tensor, row: Varlen) -> Tensor:
    """Attention of all sequences at once."""
    context = load_varlen()(
        *(part[0].transpose(0, 1) for part in (query, key, value)),
        *(row.starts, row.starts, row.longest, row.longest),
        window_size=(row.reach, row.reach),
    )
    return context.transpose(0, 1).unsqueeze(0)


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
