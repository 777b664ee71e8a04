"""Nucleotide Transformer v2: an ESM encoder with rotary positions and a gated MLP.

Written from the published description; parameter names are those of the published
weights without their ``esm.`` prefix. Pre-norm; one token is a 6-mer; states are
(batch, length, hidden). Reference: Dalla-Torre et al., Nature Methods 2024.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from error_sequence_model.backbones.attention import (
    Packed,
    Varlen,
    attend,
    initialize_bert_weights,
    mask_states,
    merge_heads,
    split_heads,
)
from error_sequence_model.backbones.backbone import Backbone, NetworkConfig
from error_sequence_model.backbones.small_layers import Dropout, rotate, start_rotary

ROTARY_BASE = 10000.0


@dataclass
class NucleotideTransformerConfig(NetworkConfig):
    """Size and options; the defaults are those of the 50M model.

    Field names are those of the published ``config.json``.
    ``max_position_embeddings`` limits nothing: positions are rotary.
    """

    model_type = "nucleotide_transformer"
    attribute_map: ClassVar[dict[str, str]] = {
        "attention_dropout": "attention_probs_dropout_prob"
    }

    vocab_size: int = 4107
    hidden_size: int = 512
    num_hidden_layers: int = 12
    num_attention_heads: int = 16
    intermediate_size: int = 2048
    hidden_dropout_prob: float | int = 0.0
    attention_probs_dropout_prob: float | int = 0.0
    layer_norm_eps: float = 1e-12
    initializer_range: float = 0.02
    max_position_embeddings: int = 2050
    pad_token_id: int | None = 1
    mask_token_id: int | None = 2

    def __post_init__(self) -> None:
        """Refuse sizes that do not fit together.

        Raises:
            ValueError: Says which option to change.
        """
        super().__post_init__()
        head_dim, rest = divmod(self.hidden_size, self.num_attention_heads)
        if rest or head_dim % 2:
            raise ValueError(
                f"hidden_size {self.hidden_size} divided by num_attention_heads "
                f"{self.num_attention_heads} must be an even whole number"
            )


class SelfAttention(nn.Module):
    """The three projections; named as in the published weights."""

    def __init__(self, config: NucleotideTransformerConfig) -> None:
        super().__init__()
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)


class Projection(nn.Module):
    """A linear layer called ``dense``, as in the published weights."""

    def __init__(self, in_size: int, out_size: int, *, bias: bool) -> None:
        super().__init__()
        self.dense = nn.Linear(in_size, out_size, bias=bias)

    def forward(self, states: Tensor) -> Tensor:
        """Map (…, in_size) to (…, out_size)."""
        return self.dense(states)


class Attention(nn.Module):
    """Norm, rotary self-attention, projection."""

    def __init__(self, config: NucleotideTransformerConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.n_heads = config.num_attention_heads
        self.attention_dropout = config.attention_probs_dropout_prob
        self.LayerNorm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.self = SelfAttention(config)
        self.output = Projection(width, width, bias=True)

    def forward(
        self,
        states: Tensor,
        tables: tuple[Tensor, Tensor],
        bias: Tensor | None,
        need_weights: bool,
    ) -> tuple[Tensor, Tensor | None]:
        """Return what is added to the states and, if asked for, the probabilities."""
        normed = self.LayerNorm(states)
        context, weights = attend(
            rotate(split_heads(self.self.query(normed), self.n_heads), tables),
            rotate(split_heads(self.self.key(normed), self.n_heads), tables),
            split_heads(self.self.value(normed), self.n_heads),
            bias,
            dropout=self.attention_dropout if self.training else 0.0,
            need_weights=need_weights,
        )
        return self.output(merge_heads(context)), weights


class Layer(nn.Module):
    """One pre-norm layer; the first half of the inner MLP layer is the gate (SiLU)."""

    def __init__(self, config: NucleotideTransformerConfig) -> None:
        super().__init__()
        width, inner = config.hidden_size, config.intermediate_size
        self.attention = Attention(config)
        self.LayerNorm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.intermediate = Projection(width, 2 * inner, bias=False)
        self.output = Projection(inner, width, bias=False)
        self.dropout = Dropout(config.hidden_dropout_prob)

    def forward(
        self,
        states: Tensor,
        tables: tuple[Tensor, Tensor],
        bias: Tensor | None,
        need_weights: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Return the new states and, if asked for, the attention probabilities."""
        added, weights = self.attention(states, tables, bias, need_weights)
        states = states + self.dropout(added)
        gate, inner = self.intermediate(self.LayerNorm(states)).chunk(2, dim=-1)
        return states + self.dropout(self.output(F.silu(gate) * inner)), weights


class Encoder(nn.Module):
    """The layers and the final norm; named as in the published weights."""

    def __init__(self, config: NucleotideTransformerConfig) -> None:
        super().__init__()
        self.layer = nn.ModuleList(
            Layer(config) for _ in range(config.num_hidden_layers)
        )
        self.emb_layer_norm_after = nn.LayerNorm(
            config.hidden_size, eps=config.layer_norm_eps
        )


class NucleotideTransformerModel(Backbone):
    """The encoder; its last states are normalised."""

    can_pack = True

    def __init__(self, config: NucleotideTransformerConfig) -> None:
        super().__init__(config)
        self.embeddings = nn.ModuleDict(
            {"word_embeddings": nn.Embedding(config.vocab_size, config.hidden_size)}
        )
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
        lengths: Tensor | None = None,
        longest: int = 0,
    ) -> tuple[Tensor, tuple[Tensor, Tensor], Tensor | Packed | Varlen | None]:
        """Give the embeddings, the rotary tables and the bias of padding."""
        states = mask_states(inputs_embeds, attention_mask)
        head_dim = self.config.hidden_size // self.config.num_attention_heads
        given = (states, attention_mask, lengths, longest)
        return states, *start_rotary(*given, head_dim, ROTARY_BASE)

    def finish(self, all_states: list[Tensor]) -> None:
        """Normalise the last states."""
        all_states[-1] = self.encoder.emb_layer_norm_after(all_states[-1])
