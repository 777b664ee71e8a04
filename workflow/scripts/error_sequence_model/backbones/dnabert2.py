"""DNABERT-2: a BERT encoder with ALiBi instead of positions and a gated MLP.

Written from the published description; parameter names are those of the published
weights without their ``bert.`` prefix. Post-norm; one token is several bases; states
are (batch, length, hidden). Reference: Zhou et al., ICLR 2024 (arXiv:2306.15006).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from error_sequence_model.backbones.attention import (
    LONGEST_BIAS,
    LONGEST_UNFUSED,
    Alibi,
    Packed,
    attend,
    find_runs,
    get_padding_bias,
    initialize_bert_weights,
    lower_bias,
    merge_heads,
    split_heads,
)
from error_sequence_model.backbones.backbone import Backbone, NetworkConfig
from error_sequence_model.backbones.small_layers import Dropout


@dataclass
class DNABert2Config(NetworkConfig):
    """Size and options of DNABERT-2; the defaults are those of the 117M model.

    Field names are those of the published ``config.json``. ``alibi_starting_size`` is
    kept because it marks a DNABERT-2 configuration; it limits nothing here.
    """

    model_type = "dnabert2"

    vocab_size: int = 4096
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    type_vocab_size: int = 2
    hidden_act: str = "gelu"
    hidden_dropout_prob: float | int = 0.1
    attention_probs_dropout_prob: float | int = 0.0
    layer_norm_eps: float = 1e-12
    initializer_range: float = 0.02
    alibi_starting_size: int = 512

    def __post_init__(self) -> None:
        """Refuse sizes that do not fit together.

        Raises:
            ValueError: Says which option to change.
        """
        super().__post_init__()
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} must be a multiple of "
                f"num_attention_heads {self.num_attention_heads}"
            )
        if self.hidden_act != "gelu":
            raise ValueError(f'hidden_act {self.hidden_act!r} must be "gelu"')


def get_alibi_slopes(n_heads: int, device: torch.device | None = None) -> Tensor:
    """Slopes of the linear attention biases (ALiBi), made on the device.

    For a power of two the slopes are 2^(-8 i / n); otherwise those of the next lower
    power of two, followed by every second slope of the next higher one (not sorted).

    Args:
        n_heads: Number of attention heads.
        device: Where they are needed.

    Returns:
        Slopes (n_heads,), float32.
    """
    power = 2 ** math.floor(math.log2(n_heads))
    options = {"device": device, "dtype": torch.float64}
    lower = torch.arange(1, power + 1, **options) * (-8.0 / power)
    higher = torch.arange(1, 2 * power, 2, **options) * (-4.0 / power)
    return torch.exp2(torch.cat([lower, higher[: n_heads - power]])).float()


def get_alibi_bias(n_heads: int, length: int, device: torch.device) -> Tensor:
    """Bias -slope × |query - key|, (1, n_heads, length, length), float32.

    Made at every forward pass: any length is possible, and nothing is lost when the
    model is built on the meta device.
    """
    slopes = get_alibi_slopes(n_heads, device)[None, :, None, None]
    return Alibi(slopes).make(torch.arange(length, device=device), length)


class Embeddings(nn.Module):
    """Word and token-type embeddings; there are no positions."""

    def __init__(self, config: DNABert2Config) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        self.token_type_embeddings = nn.Embedding(
            config.type_vocab_size, config.hidden_size
        )
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout_prob)

    def forward(self, inputs_embeds: Tensor, token_type_ids: Tensor | None) -> Tensor:
        """Map word embeddings (batch, length, hidden) to the first states."""
        if token_type_ids is None:
            types = self.token_type_embeddings.weight[0]
        else:
            types = self.token_type_embeddings(token_type_ids)
        return self.dropout(self.LayerNorm(inputs_embeds + types))


class SelfAttention(nn.Module):
    """Holds the joint projection; the rows of its weight are query, key, value."""

    def __init__(self, config: DNABert2Config) -> None:
        super().__init__()
        self.Wqkv = nn.Linear(config.hidden_size, 3 * config.hidden_size)


class AttentionOutput(nn.Module):
    """Projection, dropout, and the norm after the skip connection."""

    def __init__(self, config: DNABert2Config) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout_prob)

    def forward(self, context: Tensor, states: Tensor) -> Tensor:
        """Map (batch, length, hidden) to the same shape."""
        return self.LayerNorm(states + self.dropout(self.dense(context)))


class Attention(nn.Module):
    """Self-attention with its output; named as in the published weights."""

    def __init__(self, config: DNABert2Config) -> None:
        super().__init__()
        self.n_heads = config.num_attention_heads
        self.dropout = config.attention_probs_dropout_prob
        self.self = SelfAttention(config)
        self.output = AttentionOutput(config)

    def forward(
        self, states: Tensor, bias: Tensor | Alibi | Packed, need_weights: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Return the new states and, if asked for, the probabilities."""
        query, key, value = (
            split_heads(part, self.n_heads)
            for part in self.self.Wqkv(states).chunk(3, dim=-1)
        )
        dropout = self.dropout if self.training else 0.0
        context, weights = attend(
            query, key, value, bias, dropout=dropout, need_weights=need_weights
        )
        return self.output(merge_heads(context), states), weights


class GatedMLP(nn.Module):
    """The first half of the inner layer goes through GELU and gates the second."""

    def __init__(self, config: DNABert2Config) -> None:
        super().__init__()
        inner = config.intermediate_size
        self.gated_layers = nn.Linear(config.hidden_size, 2 * inner, bias=False)
        self.wo = nn.Linear(inner, config.hidden_size)
        self.layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout_prob)

    def forward(self, states: Tensor) -> Tensor:
        """Map (batch, length, hidden) to the same shape."""
        gate, inner = self.gated_layers(states).chunk(2, dim=-1)
        inner = self.dropout(F.gelu(gate) * inner)
        return self.layernorm(states + self.wo(inner))


class Layer(nn.Module):
    """One post-norm layer."""

    def __init__(self, config: DNABert2Config) -> None:
        super().__init__()
        self.attention = Attention(config)
        self.mlp = GatedMLP(config)

    def forward(
        self,
        states: Tensor,
        bias: Tensor | Alibi | Packed,
        need_weights: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Return the new states and, if asked for, the attention probabilities."""
        states, weights = self.attention(states, bias, need_weights)
        return self.mlp(states), weights


class Encoder(nn.Module):
    """Holds the layers; named as in the published weights."""

    def __init__(self, config: DNABert2Config) -> None:
        super().__init__()
        self.layer = nn.ModuleList(
            Layer(config) for _ in range(config.num_hidden_layers)
        )


class DNABert2Model(Backbone):
    """The encoder; ``forward`` also takes ``token_type_ids``, int64 (batch, length).

    The published weights have no pooler, so there is none here.
    """

    can_pack = has_bias = True

    def __init__(self, config: DNABert2Config) -> None:
        super().__init__(config)
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config)
        self.initialize()

    def _init_weights(self, module: nn.Module) -> None:
        initialize_bert_weights(module, self.config.initializer_range)

    def get_layers(self) -> nn.ModuleList:
        """Give the layers."""
        return self.encoder.layer

    def start(
        self,
        inputs_embeds: Tensor,
        attention_mask: Tensor | None,
        need_weights: bool,
        token_type_ids: Tensor | None = None,
        lengths: Tensor | None = None,
        longest: int = 0,
    ) -> tuple[Tensor, Tensor | Alibi | Packed]:
        """Give the embeddings after their norm, and the bias of the attention."""
        states = self.embeddings(inputs_embeds, token_type_ids)
        longest = states.shape[1] if lengths is None else longest
        n_heads = self.config.num_attention_heads
        padding = get_padding_bias(attention_mask, torch.float32)
        if longest > LONGEST_BIAS and not need_weights:
            slopes = get_alibi_slopes(n_heads, states.device)[None, :, None, None]
            alibi = Alibi(slopes, padding)
            return states, alibi if lengths is None else Packed(
                find_runs(lengths), alibi
            )
        bias = get_alibi_bias(n_heads, longest, states.device)
        bias = bias if padding is None else bias + padding
        kind = states.device.type
        is_exact = need_weights or (kind == "cpu" and longest > LONGEST_UNFUSED)
        if torch.is_autocast_enabled(kind) and not is_exact:
            # Once here instead of in every layer: it is as large as the attention.
            bias = lower_bias(bias, torch.get_autocast_dtype(kind))
        return states, bias if lengths is None else Packed(find_runs(lengths), bias)
