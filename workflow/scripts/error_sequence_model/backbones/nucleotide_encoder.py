"""Our own backbone: single bases, a dilated convolutional stem, a rotary transformer.

Made for windows of a few hundred bases and a few thousand training sites: the stem
finds motifs from little data, attention relates them over any distance. States are
(batch, length, hidden); one token is one base; padding is on the right.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from error_sequence_model.backbones.attention import (
    Packed,
    Varlen,
    attend,
    merge_heads,
    split_heads,
)
from error_sequence_model.backbones.backbone import Backbone, NetworkConfig
from error_sequence_model.backbones.small_layers import (
    CalibratedNorm,
    Dropout,
    calibrating,
    rotate,
    start_rotary,
)
from error_sequence_model.backbones.stem import Stem, part_sequences


@dataclass
class NucleotideEncoderConfig(NetworkConfig):
    """Size and options of a ``NucleotideEncoder``.

    Attributes:
        hidden_size: Width of the transformer and of the output.
        num_hidden_layers: Transformer layers (short name ``layers``).
        num_attention_heads: Heads per layer (short name ``heads``).
        intermediate_ratio: Width of the gated MLP as a multiple of ``hidden_size``.
        stem_channels: Width of the stem and of the base embedding.
        stem_kernel_size: Bases seen by one convolution (odd).
        stem_dilations: One residual block of two convolutions each; empty = no stem.
        dropout: Dropout on embeddings and on every residual branch.
        attention_dropout: Dropout of attention weights; slow on CPU if not 0.
        rotary_base: Base of the rotary frequencies.
        final_norm: Whether the last states go through a layer norm. Without it a state
            keeps its strength; measured on few training sites, that is worth more.
        max_length: Longest input that windows are cut to, for information only: rotary
            positions take any length.
    """

    model_type = "nucleotide_encoder"

    vocab_size: int = 7
    hidden_size: int = 128
    num_hidden_layers: int = 4
    num_attention_heads: int = 4
    intermediate_ratio: float | int = 2.0
    stem_channels: int = 64
    stem_kernel_size: int = 11
    stem_dilations: list[int] | tuple[int, ...] = (1, 1, 4, 4)
    dropout: float | int = 0.1
    attention_dropout: float | int = 0.0
    rotary_base: float | int = 10000.0
    layer_norm_eps: float = 1e-5
    final_norm: bool = False
    max_length: int | None = None
    pad_token_id: int | None = 5
    mask_token_id: int | None = 6

    def __post_init__(self) -> None:
        """Refuse sizes that do not fit together.

        Raises:
            ValueError: Says which option to change.
        """
        super().__post_init__()
        sizes = (
            "hidden_size",
            "num_attention_heads",
            "stem_channels",
            "stem_kernel_size",
        )
        for name in sizes:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} {getattr(self, name)} must be at least 1")
        if self.num_hidden_layers < 0 or min(self.stem_dilations, default=1) < 1:
            raise ValueError(
                f"num_hidden_layers {self.num_hidden_layers} must not be negative, and "
                f"stem_dilations {self.stem_dilations} must be at least 1"
            )
        head_dim, rest = divmod(self.hidden_size, self.num_attention_heads)
        if rest or head_dim % 2:
            raise ValueError(
                f"hidden_size {self.hidden_size} divided by num_attention_heads "
                f"{self.num_attention_heads} must be an even whole number"
            )
        if self.stem_kernel_size % 2 == 0:
            raise ValueError(f"stem_kernel_size {self.stem_kernel_size} must be odd")
        self.stem_dilations = list(self.stem_dilations)


class RotaryLayer(nn.Module):
    """One pre-norm transformer layer with rotary positions and a gated MLP."""

    def __init__(self, config: NucleotideEncoderConfig) -> None:
        super().__init__()
        width = config.hidden_size
        inner = round(width * config.intermediate_ratio)
        self.n_heads = config.num_attention_heads
        self.attention_dropout = config.attention_dropout
        self.attention_norm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.attention_input = nn.Linear(width, 3 * width, bias=False)
        self.attention_output = nn.Linear(width, width, bias=False)
        self.mlp_norm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.mlp_input = nn.Linear(width, 2 * inner, bias=False)
        self.mlp_output = nn.Linear(inner, width, bias=False)
        self.dropout = Dropout(config.dropout)

    def forward(
        self,
        states: Tensor,
        tables: tuple[Tensor, Tensor],
        bias: Tensor | None,
        need_weights: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Map states (batch, length, hidden); return them and attention or ``None``."""
        projected = self.attention_input(self.attention_norm(states))
        query, key, value = (
            split_heads(part, self.n_heads) for part in projected.chunk(3, dim=-1)
        )
        context, weights = attend(
            rotate(query, tables),
            rotate(key, tables),
            value,
            bias,
            dropout=self.attention_dropout if self.training else 0.0,
            need_weights=need_weights,
        )
        states = states + self.dropout(self.attention_output(merge_heads(context)))
        gate, inner = self.mlp_input(self.mlp_norm(states)).chunk(2, dim=-1)
        return states + self.dropout(self.mlp_output(F.gelu(gate) * inner)), weights


class NucleotideEncoder(Backbone):
    """The backbone; see the module.

    ``inputs_embeds`` are base embeddings, before the stem: (batch, length,
    ``stem_channels``), or ``hidden_size`` without a stem. The first hidden states are
    the stem's output.
    """

    words = "embeddings"
    can_pack = True

    def __init__(self, config: NucleotideEncoderConfig) -> None:
        super().__init__(config)
        has_stem = bool(config.stem_dilations)
        width = config.stem_channels if has_stem else config.hidden_size
        self.embeddings = nn.Embedding(config.vocab_size, width)
        self.dropout = Dropout(config.dropout)
        self.stem = None
        if has_stem:
            self.stem = Stem(
                width,
                config.hidden_size,
                kernel=config.stem_kernel_size,
                dilations=config.stem_dilations,
                dropout=config.dropout,
            )
        self.layers = nn.ModuleList(
            RotaryLayer(config) for _ in range(config.num_hidden_layers)
        )
        self.norm = nn.Identity()
        if config.final_norm:
            self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.initialize()

    def _init_weights(self, module: nn.Module) -> None:
        # Scaled by fan-in, so that narrow models start as well as wide ones.
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.3 if self.stem is not None else 1.0)
        elif isinstance(module, (nn.LayerNorm, CalibratedNorm)):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
            if isinstance(module, CalibratedNorm):
                nn.init.zeros_(module.mean)
                nn.init.ones_(module.deviation)
        elif isinstance(module, (nn.Linear, nn.Conv1d)):
            # A convolution keeps the spread of its input, or motifs start too faint.
            gain = 1.0 if isinstance(module, nn.Conv1d) else 3**-0.5
            std = gain * module.weight[0].numel() ** -0.5
            nn.init.normal_(module.weight, std=std)
            if module.bias is not None:
                nn.init.zeros_(module.bias)

    @property
    def is_calibrated(self) -> bool:
        """Whether the stem's norms hold statistics; always so without a stem."""
        if self.stem is None:
            return True
        norms = [m for m in self.stem.modules() if isinstance(m, CalibratedNorm)]
        return not all((norm.deviation == 1).all() for norm in norms)

    def calibrate(self, input_ids: Tensor, attention_mask: Tensor) -> None:
        """Take the statistics of the stem's norms from a sample of the training data.

        To be called once, before training a new network; a saved one keeps them.

        Args:
            input_ids: int64 (batch, length); a few hundred sequences are enough.
            attention_mask: 1 at bases, 0 at padding, (batch, length).
        """
        if self.stem is None:
            return
        with calibrating(self, self.stem):
            self.stem(self.embeddings(input_ids), attention_mask)

    def get_layers(self) -> nn.ModuleList:
        """Give the layers."""
        return self.layers

    def start(
        self,
        inputs_embeds: Tensor,
        attention_mask: Tensor | None,
        need_weights: bool,
        lengths: Tensor | None = None,
        longest: int = 0,
    ) -> tuple[Tensor, tuple[Tensor, Tensor], Tensor | Packed | Varlen | None]:
        """Give the stem's output, the rotary tables and the bias of padding."""
        states = inputs_embeds
        if self.stem is not None and lengths is None:
            states = self.stem(states, attention_mask)
        elif self.stem is not None:
            states, mask, places = part_sequences(states, lengths, self.stem.reach)
            states = self.stem(states, mask).index_select(1, places)
        states = self.dropout(states)
        head_dim = self.config.hidden_size // self.config.num_attention_heads
        given = (states, attention_mask, lengths, longest)
        return states, *start_rotary(*given, head_dim, self.config.rotary_base)

    def finish(self, all_states: list[Tensor]) -> None:
        """Apply the final norm, if there is one."""
        all_states[-1] = self.norm(all_states[-1])
