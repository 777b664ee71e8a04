"""ModernBERT-type DNA models: rotary, pre-norm, with local and global layers.

The network is transformers' own; this module gives it our masks, which need no look at
the data, and the switch between fused and returned attention. Tokens are those of a BPE
of DNA. References: Warner et al. 2024 (ModernBERT, arXiv:2412.13663).
"""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn
from transformers import AttentionInterface, ModernBertConfig, ModernBertModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.utils.logging import disable_progress_bar

from error_sequence_model.backbones.attention import (
    Packed,
    Varlen,
    attend,
    drop_full_mask,
    get_local_bias,
    get_padding_bias,
    number_tokens,
    pack,
    use_plain_attention,
)
from error_sequence_model.backbones.backbone import BackboneOutput

# One small file needs no bar when it is saved, and a log file has no room for one.
disable_progress_bar()
FUSED = "fused"  # its name in transformers


class ModernBertDnaConfig(ModernBertConfig):
    """Size and options; the defaults are those of the base model.

    The last three fields are those of the first published configurations, which today's
    write out layer by layer (``layer_types``, ``rope_parameters``).
    """

    model_type = "modernbert"
    attribute_map: ClassVar[dict[str, str]] = {"layer_norm_eps": "norm_eps"}

    vocab_size: int = 4096
    pad_token_id: int | None = None
    eos_token_id: int | list[int] | None = None
    bos_token_id: int | None = None
    cls_token_id: int | None = None
    sep_token_id: int | None = None
    global_attn_every_n_layers: int = 3
    global_rope_theta: float = 160_000.0
    local_rope_theta: float = 10_000.0

    def __post_init__(self, **kwargs: object) -> None:
        """Write the layers out, and refuse sizes that do not fit together.

        Raises:
            ValueError: Says which option to change.
        """
        head_dim, rest = divmod(self.hidden_size, self.num_attention_heads)
        if rest or head_dim % 2:
            raise ValueError(
                f"hidden_size {self.hidden_size} divided by num_attention_heads "
                f"{self.num_attention_heads} must be an even whole number"
            )
        if self.layer_types is None:
            self.layer_types = [
                "sliding_attention"
                if layer % self.global_attn_every_n_layers
                else "full_attention"
                for layer in range(self.num_hidden_layers)
            ]
        if self.rope_parameters is None:
            self.rope_parameters = {
                name: {"rope_type": "default", "rope_theta": theta}
                for name, theta in (
                    ("full_attention", self.global_rope_theta),
                    ("sliding_attention", self.local_rope_theta),
                )
            }
        super().__post_init__(**kwargs)


def _attend_fused(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor | Packed | Varlen | None,
    **more: Any,
) -> tuple[Tensor, None]:
    """Fused attention as transformers calls it, also of sequences in one row."""
    if not isinstance(bias, (Packed, Varlen)):
        return sdpa_attention_forward(module, query, key, value, bias, **more)
    context, _ = attend(query, key, value, bias, dropout=more["dropout"])
    return context.transpose(1, 2), None


AttentionInterface.register(FUSED, _attend_fused)


class ModernBertDnaModel(ModernBertModel):
    """The encoder without heads; ``inputs_embeds`` are word embeddings."""

    config_class = ModernBertDnaConfig
    can_pack, has_bias = True, False

    def __init__(self, config: ModernBertDnaConfig) -> None:
        super().__init__(config)
        # Not for a call: what is computed again, backwards, comes after it.
        self.config._attn_implementation = FUSED

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
        lengths: Tensor | None = None,
        longest: int = 0,
    ) -> BackboneOutput:
        """Run the encoder; see `Backbone.forward`."""
        given = input_ids if input_ids is not None else inputs_embeds
        length, reach, places = given.shape[1], self.config.sliding_window, None
        if lengths is None:
            full = get_padding_bias(drop_full_mask(attention_mask), self.dtype)
            local = get_local_bias(length, reach, given.device, self.dtype)
            local = local if full is None else local + full
        else:
            full, local = pack(lengths, longest), pack(lengths, longest, reach)
            places = number_tokens(lengths, length)[1][None]
        with use_plain_attention(self.config, wanted=output_attentions):
            output = super().forward(
                input_ids=input_ids,
                attention_mask={"full_attention": full, "sliding_attention": local},
                position_ids=places,
                inputs_embeds=inputs_embeds,
                output_hidden_states=output_hidden_states,
                output_attentions=output_attentions,
            )
        return BackboneOutput(
            last_hidden_state=output.last_hidden_state,
            hidden_states=output.hidden_states,
            attentions=output.attentions,
        )
