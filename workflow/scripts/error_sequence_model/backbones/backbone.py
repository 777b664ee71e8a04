"""The contract of a backbone, and what the families written here share.

States are (batch, length, hidden), one row per token, padding on the right.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from error_sequence_model.backbones.attention import drop_full_mask


class Backbone(PreTrainedModel):
    """A genomic language model without heads; ``inputs_embeds`` are word embeddings.

    A family names its embedding and gives its layers, what they start from, and what
    happens to the last states. Each layer takes states, what `start` gave beside them,
    and whether attention is asked for; it returns states and attention or ``None``.
    """

    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _no_split_modules = ("Layer",)
    words: ClassVar[str] = "embeddings.word_embeddings"
    can_pack: ClassVar[bool] = False

    def start(
        self,
        inputs_embeds: Tensor,
        attention_mask: Tensor | None,
        need_weights: bool,
        **more: Any,
    ) -> tuple[Tensor, ...]:
        """Give the first states, and what every layer is called with beside states."""
        raise NotImplementedError

    def get_layers(self) -> Iterable[nn.Module]:
        """Give the layers in their order."""
        raise NotImplementedError

    def finish(self, all_states: list[Tensor]) -> None:
        """Put the last states right, as by a final norm; in place."""

    def get_input_embeddings(self) -> nn.Embedding:
        """The word embedding, whose output ``inputs_embeds`` replaces."""
        return self.get_submodule(self.words)

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        """Replace the word embedding."""
        self.set_submodule(self.words, value)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
        **more: Any,
    ) -> BaseModelOutput:
        """Run the model.

        Args:
            input_ids: Token ids, int64 (batch, length), special ones included.
            attention_mask: 1 at tokens, 0 at padding on the right, (batch, length).
            inputs_embeds: Word embeddings (batch, length, width) instead of ids.
            output_hidden_states: Whether to return the states of all layers.
            output_attentions: Whether to return attention (then not fused).
            **more: What the family takes beside; where it ``can_pack``, ``lengths``:
                int64 (n,) on the CPU, tokens of sequences that follow each other in
                one row, without padding.

        Returns:
            ``last_hidden_state`` (batch, length, hidden); ``hidden_states``: the first
            states, then each layer's, the last ones as `finish` leaves them;
            ``attentions``: per layer (batch, heads, queries, keys), ``None`` where the
            family has none. States at padding mean nothing.

        Raises:
            InputError: The input is longer than the family allows.
        """
        if inputs_embeds is None:
            inputs_embeds = self.get_input_embeddings()(input_ids)
        mask = drop_full_mask(attention_mask)
        states, *context = self.start(inputs_embeds, mask, output_attentions, **more)
        all_states, all_weights = [states], []
        for layer in self.get_layers():
            states, weights = layer(states, *context, output_attentions)
            all_states.append(states)
            all_weights.append(weights)
        self.finish(all_states)
        has_weights = output_attentions and all(w is not None for w in all_weights)
        return BaseModelOutput(
            last_hidden_state=all_states[-1],
            hidden_states=tuple(all_states) if output_hidden_states else None,
            attentions=tuple(all_weights) if has_weights else None,
        )
