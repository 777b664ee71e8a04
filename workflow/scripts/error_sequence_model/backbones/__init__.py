"""Genomic language models behind one protocol; published weights load strictly.

Every backbone takes ``input_ids`` (batch, length) or ``inputs_embeds``, an
``attention_mask`` (1 = token, 0 = padding on the right) and returns a
``BackboneOutput`` with ``last_hidden_state`` (batch, length, hidden).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .architectures import FAMILIES, Family
    from .attention import (
        find_padding_reason,
        merge_heads,
        number_tokens,
        prefer_attention,
        split_heads,
    )
    from .backbone import Backbone, BackboneOutput, Network, NetworkConfig
    from .creating import create_backbone, create_lm_head, list_options, make_config
    from .fetching import fetch_model
    from .heads import get_lm_loss
    from .loading import Checkpoint, load_backbone, load_checkpoint
    from .local_copies import find_checkpoint, list_checkpoint_files, name_requests
    from .nucleotide_encoder import NucleotideEncoder, RotaryLayer
    from .published import PUBLISHED, get_published
    from .small_layers import (
        CalibratedNorm,
        calibrating,
        get_rotary_tables,
        rotate,
    )
    from .stem import Stem
    from .tokens import resolve_tokenizer
    from .weights import build_skeleton, read_safetensors, refuse_misfits

__all__, __getattr__ = open_face(__name__, __file__)
