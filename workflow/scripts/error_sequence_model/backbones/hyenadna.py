"""HyenaDNA: long convolutions with implicit filters, one token per base, causal.

Written from the published description; parameter names are those of the published
weights without their ``hyena.`` prefix. A position sees only what lies 5' of it, so
padding on the right changes nothing; there is no attention, but see
``HyenaDNAModel.mixing_matrices``. Reference: Nguyen et al., NeurIPS 2023.
"""

from __future__ import annotations

import logging

import torch
from torch import Tensor, nn

from error_sequence_model.backbones.backbone import Backbone
from error_sequence_model.backbones.hyena_mixing import (
    HyenaDNAConfig,
    HyenaMixer,
    reduce_mixing,
)
from error_sequence_model.core import InputError

logger = logging.getLogger(__name__)


class MLP(nn.Module):
    """Two layers with the tanh form of GELU."""

    def __init__(self, config: HyenaDNAConfig) -> None:
        super().__init__()
        self.fc1 = nn.Linear(config.d_model, config.d_inner)
        self.fc2 = nn.Linear(config.d_inner, config.d_model)

    def forward(self, states: Tensor) -> Tensor:
        """Map (batch, length, hidden) to the same shape."""
        inner = nn.functional.gelu(self.fc1(states), approximate="tanh")
        return self.fc2(inner)


class Layer(nn.Module):
    """One pre-norm block: mixing along the sequence, then along the channels."""

    def __init__(self, config: HyenaDNAConfig) -> None:
        super().__init__()
        # The published code fixes this epsilon; the configured one is for ln_f only.
        self.norm1 = nn.LayerNorm(config.d_model, eps=1e-5)
        self.mixer = HyenaMixer(config)
        self.norm2 = nn.LayerNorm(config.d_model, eps=1e-5)
        self.mlp = MLP(config)

    def forward(
        self, states: Tensor, need_weights: bool = False
    ) -> tuple[Tensor, None]:
        """Map (batch, length, hidden) to the same shape; there is no attention."""
        states = states + self.mixer(self.norm1(states))
        return states + self.mlp(self.norm2(states)), None


class Stack(nn.Module):
    """Embedding, blocks and final norm; named as in the published weights."""

    def __init__(self, config: HyenaDNAConfig) -> None:
        super().__init__()
        words = nn.Embedding(config.padded_vocab_size, config.d_model)
        self.embeddings = nn.ModuleDict({"word_embeddings": words})
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.n_layer))
        self.ln_f = nn.LayerNorm(config.d_model, eps=config.layer_norm_epsilon)


class HyenaDNAModel(Backbone):
    """The model; the mask is without effect, as padding on the right reaches no token.

    ``hidden_states`` have one entry more: the last layer's, then after the final norm.
    """

    words = "backbone.embeddings.word_embeddings"

    def __init__(self, config: HyenaDNAConfig) -> None:
        super().__init__(config)
        self.backbone = Stack(config)
        self.initialize()

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.LayerNorm):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=self.config.initializer_range)
        # All else keeps torch's defaults: with a spread of 0.02 a filter starts, and
        # long stays, at nothing.

    def get_layers(self) -> nn.ModuleList:
        """Give the blocks."""
        return self.backbone.layers

    def start(
        self, inputs_embeds: Tensor, attention_mask: Tensor | None, need_weights: bool
    ) -> tuple[Tensor]:
        """Give the embeddings.

        Raises:
            InputError: The input is too long.
        """
        if inputs_embeds.shape[1] > self.config.max_seq_len:
            raise InputError(
                f"{inputs_embeds.shape[1]} tokens are more than the "
                f"{self.config.max_seq_len} this HyenaDNA model was made for; set a "
                "smaller window or max_length, or take a model for longer sequences"
            )
        is_seen = attention_mask is not None and not torch.compiler.is_compiling()
        # A GPU would have to be waited for.
        is_seen = is_seen and attention_mask.device.type == "cpu"
        if is_seen and not bool(attention_mask[:, 0].all()):
            logger.warning(
                "HyenaDNA has no mask: padding on the left changes all states after it;"
                " pad on the right"
            )
        return (inputs_embeds,)

    def finish(self, all_states: list[Tensor]) -> None:
        """Add the last states after the final norm."""
        all_states.append(self.backbone.ln_f(all_states[-1]))

    @torch.no_grad()
    def mixing_matrices(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        *,
        reduction: str | None = "absolute",
        chunk_size: int = 16,
    ) -> tuple[Tensor, ...]:
        """Write out the map along the sequence that each layer applies.

        Per channel a layer computes ``y = A v`` with
        ``A[t, s] = x0[t] (h[t - s] + D [t = s]) x1[s]``. This is the attention-like
        view of the model, but it is signed, its rows do not sum to one, and position t
        never sees a base 3' of it. Position s stands for bases s - 2 … s (the short
        convolution).

        Args:
            input_ids: Token ids, int64 (batch, length).
            attention_mask: As in ``forward``.
            inputs_embeds: Word embeddings instead of ids.
            reduction: "absolute": mean over channels of |A|; "mean": signed mean over
                channels; "output": size of what position s adds to the output at t,
                the norm over outputs of sum_c W_out[:, c] A_c[t, s] v_c[s] (much
                slower); ``None``: all channels.
            chunk_size: Rows written out at once; a piece takes rows × channels ×
                length × 4 bytes, a few times over.

        Returns:
            Per layer (batch, length, length), rows t and columns s, float32; without
            reduction (batch, channels, length, length). Lower-triangular.

        Raises:
            InputError: The input does not fit, or the reduction is unknown.
        """
        if inputs_embeds is None:
            inputs_embeds = self.get_input_embeddings()(input_ids)
        (states,) = self.start(inputs_embeds, attention_mask, False)
        matrices = []
        for layer in self.backbone.layers:
            parts = layer.mixer.get_parts(layer.norm1(states))
            projection = layer.mixer.out_proj.weight.float()
            matrices.append(
                reduce_mixing(parts, projection, reduction, chunk_size=chunk_size)
            )
            states, _ = layer(states)
        return tuple(matrices)
