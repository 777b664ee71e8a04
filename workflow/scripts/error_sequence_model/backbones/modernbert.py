"""ModernBERT-type DNA models: rotary, pre-norm, with local and global layers.

The network is transformers' own; this module gives it our masks, which need no look at
the data, and the switch between fused and returned attention. Tokens are those of a BPE
of DNA. References: Warner et al. 2024 (ModernBERT, arXiv:2412.13663).
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from transformers import ModernBertConfig, ModernBertModel
from transformers.utils.logging import disable_progress_bar

from error_sequence_model.backbones.attention import (
    drop_full_mask,
    get_padding_bias,
    use_plain_attention,
)
from error_sequence_model.backbones.backbone import BackboneOutput

# One small file needs no bar when it is saved, and a log file has no room for one.
disable_progress_bar()


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


class ModernBertDnaModel(ModernBertModel):
    """The encoder without heads; ``inputs_embeds`` are word embeddings."""

    config_class = ModernBertDnaConfig

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
    ) -> BackboneOutput:
        """Run the encoder; see `Backbone.forward`."""
        given = input_ids if input_ids is not None else inputs_embeds
        length, device = given.shape[1], given.device
        padding = get_padding_bias(drop_full_mask(attention_mask), self.dtype)
        places = torch.arange(length, device=device)
        is_far = (places[:, None] - places).abs() > self.config.sliding_window
        local = torch.zeros(length, length, dtype=self.dtype, device=device)
        local = local.masked_fill(is_far, torch.finfo(self.dtype).min / 4)[None, None]
        masks = {
            "full_attention": padding,
            "sliding_attention": local if padding is None else local + padding,
        }
        with use_plain_attention(self.config, wanted=output_attentions):
            output = super().forward(
                input_ids=input_ids,
                attention_mask=masks,
                inputs_embeds=inputs_embeds,
                output_hidden_states=output_hidden_states,
                output_attentions=output_attentions,
            )
        return BackboneOutput(
            last_hidden_state=output.last_hidden_state,
            hidden_states=output.hidden_states,
            attentions=output.attentions,
        )
