"""SpliceBERT: a plain BERT over single bases of pre-mRNA, transcript strand.

The network is transformers' own; this module fixes its vocabulary, its length limit and
the switch between fused and returned attention. Reference: Chen et al., Briefings in
Bioinformatics 2024 (bbae163).
"""

from __future__ import annotations

from torch import Tensor
from transformers import BertConfig, BertModel
from transformers.utils.logging import disable_progress_bar

from error_sequence_model.backbones.attention import (
    drop_full_mask,
    get_padding_bias,
    use_plain_attention,
)
from error_sequence_model.backbones.backbone import BackboneOutput
from error_sequence_model.core import InputError

# One small file needs no bar when it is saved, and a log file has no room for one.
disable_progress_bar()


class SpliceBertConfig(BertConfig):
    """Size and options; the defaults are those of SpliceBERT.1024nt."""

    model_type = "splicebert"

    vocab_size: int = 10
    hidden_size: int = 512
    num_hidden_layers: int = 6
    num_attention_heads: int = 16
    intermediate_size: int = 2048
    max_position_embeddings: int = 1026


class SpliceBertModel(BertModel):
    """The encoder without heads; ``inputs_embeds`` are word embeddings."""

    config_class = SpliceBertConfig

    def __init__(self, config: SpliceBertConfig) -> None:
        super().__init__(config, add_pooling_layer=False)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
    ) -> BackboneOutput:
        """Run the encoder; see `Backbone.forward`.

        Raises:
            InputError: The input is longer than the learned positions.
        """
        given = input_ids if input_ids is not None else inputs_embeds
        if given.shape[1] > self.config.max_position_embeddings:
            raise InputError(
                f"{given.shape[1]} tokens are more than the "
                f"{self.config.max_position_embeddings} positions SpliceBERT has "
                "learned; set a smaller window or max_length"
            )
        with use_plain_attention(self.config, wanted=output_attentions):
            output = super().forward(
                input_ids=input_ids,
                # Of four axes, it is taken as it is: transformers looks into others.
                attention_mask=get_padding_bias(
                    drop_full_mask(attention_mask), self.dtype
                ),
                inputs_embeds=inputs_embeds,
                output_hidden_states=output_hidden_states,
                output_attentions=output_attentions,
            )
        return BackboneOutput(
            last_hidden_state=output.last_hidden_state,
            hidden_states=output.hidden_states,
            attentions=output.attentions,
        )
