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
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_outputs import BaseModelOutput

from error_sequence_model.backbones.hyena_mixing import (
    HyenaDNAConfig,
    HyenaMixer,
    Modulation,
    PositionFeatures,
    Sine,
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


class Layer(GradientCheckpointingLayer):
    """One pre-norm block: mixing along the sequence, then along the channels."""

    def __init__(self, config: HyenaDNAConfig) -> None:
        super().__init__()
        # The published code fixes this epsilon; the configured one is for ln_f only.
        self.norm1 = nn.LayerNorm(config.d_model, eps=1e-5)
        self.mixer = HyenaMixer(config)
        self.norm2 = nn.LayerNorm(config.d_model, eps=1e-5)
        self.mlp = MLP(config)

    def forward(self, states: Tensor) -> Tensor:
        """Map (batch, length, hidden) to the same shape."""
        states = states + self.mixer(self.norm1(states))
        return states + self.mlp(self.norm2(states))


class Backbone(nn.Module):
    """Embedding, blocks and final norm; named as in the published weights."""

    def __init__(self, config: HyenaDNAConfig) -> None:
        super().__init__()
        words = nn.Embedding(config.padded_vocab_size, config.d_model)
        self.embeddings = nn.ModuleDict({"word_embeddings": words})
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.n_layer))
        self.ln_f = nn.LayerNorm(config.d_model, eps=config.layer_norm_epsilon)


class HyenaDNAModel(PreTrainedModel):
    """The model without heads; ``inputs_embeds`` are word embeddings."""

    config_class = HyenaDNAConfig
    base_model_prefix = "hyena"
    supports_gradient_checkpointing = True
    _no_split_modules = ("Layer",)

    def __init__(self, config: HyenaDNAConfig) -> None:
        super().__init__(config)
        self.backbone = Backbone(config)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        std = self.config.initializer_range
        residual_std = std / (2 * self.config.n_layer) ** 0.5
        if isinstance(module, nn.LayerNorm):
            init.ones_(module.weight)
            init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            init.normal_(module.weight, std=std)
        elif isinstance(module, MLP):
            init.normal_(module.fc1.weight, std=std)
            init.normal_(module.fc2.weight, std=residual_std)
            init.zeros_(module.fc1.bias)
            init.zeros_(module.fc2.bias)
        elif isinstance(module, HyenaMixer):
            init.normal_(module.in_proj.weight, std=std)
            init.normal_(module.out_proj.weight, std=residual_std)
            init.zeros_(module.in_proj.bias)
            init.zeros_(module.out_proj.bias)
            init.normal_(module.filter_fn.bias, std=1.0)
        elif isinstance(module, Sine):
            init.constant_(module.freq, self.config.activation_freq)
        elif isinstance(module, PositionFeatures):
            features, times = module.compute()
            init.copy_(module.z, features)
            init.copy_(module.t, times)
        elif isinstance(module, Modulation):
            init.copy_(module.deltas, module.compute())
        # The filter's linear layers and the short convolution keep torch's defaults:
        # with a spread of 0.02 a filter starts, and long stays, at nothing.

    def get_input_embeddings(self) -> nn.Embedding:
        """The word embedding, whose output ``inputs_embeds`` replaces."""
        return self.backbone.embeddings["word_embeddings"]

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        """Replace the word embedding."""
        self.backbone.embeddings["word_embeddings"] = value

    def _embed(
        self,
        input_ids: Tensor | None,
        attention_mask: Tensor | None,
        inputs_embeds: Tensor | None,
    ) -> Tensor:
        if inputs_embeds is None:
            inputs_embeds = self.get_input_embeddings()(input_ids)
        if inputs_embeds.shape[1] > self.config.max_seq_len:
            raise InputError(
                f"{inputs_embeds.shape[1]} tokens are more than the "
                f"{self.config.max_seq_len} this HyenaDNA model was made for; set a "
                "smaller window or max_length, or take a model for longer sequences"
            )
        if attention_mask is not None and not bool(attention_mask[:, 0].all()):
            logger.warning(
                "HyenaDNA has no mask: padding on the left changes all states after it;"
                " pad on the right"
            )
        return inputs_embeds

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
    ) -> BaseModelOutput:
        """Run the model.

        Args:
            input_ids: Token ids, int64 (batch, length).
            attention_mask: 1 at tokens, 0 at padding, (batch, length). Without effect:
                padding on the right cannot reach a token; on the left it does, and a
                warning is logged.
            inputs_embeds: Word embeddings (batch, length, hidden) instead of ids.
            output_hidden_states: Whether to return the states of all layers.
            output_attentions: Without effect; there is no attention.

        Returns:
            ``last_hidden_state`` (batch, length, hidden); ``hidden_states``:
            embeddings, each block's residual stream, and after the final norm (layers +
            2 entries); ``attentions`` is ``None``.

        Raises:
            InputError: The input is too long.
        """
        states = self._embed(input_ids, attention_mask, inputs_embeds)
        all_states = [states]
        for layer in self.backbone.layers:
            states = layer(states)
            all_states.append(states)
        states = self.backbone.ln_f(states)
        all_states.append(states)
        return BaseModelOutput(
            last_hidden_state=states,
            hidden_states=tuple(all_states) if output_hidden_states else None,
            attentions=None,
        )

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
        states = self._embed(input_ids, attention_mask, inputs_embeds)
        matrices = []
        for layer in self.backbone.layers:
            parts = layer.mixer.get_parts(layer.norm1(states))
            projection = layer.mixer.out_proj.weight.float()
            matrices.append(
                reduce_mixing(parts, projection, reduction, chunk_size=chunk_size)
            )
            states = layer(states)
        return tuple(matrices)
