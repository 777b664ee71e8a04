"""Genomic language models behind one protocol; published weights load strictly.

Every backbone takes ``input_ids`` (batch, length) or ``inputs_embeds``, an
``attention_mask`` (1 = token, 0 = padding on the right) and returns a
``BaseModelOutput`` with ``last_hidden_state`` (batch, length, hidden).
"""

from error_sequence_model.backbones.creating import (
    create_backbone,
    create_lm_head,
    get_family,
    list_options,
    make_config,
)
from error_sequence_model.backbones.families import FAMILIES, Family
from error_sequence_model.backbones.heads import get_lm_loss
from error_sequence_model.backbones.loading import (
    Checkpoint,
    load_backbone,
    load_checkpoint,
)
from error_sequence_model.backbones.published import (
    PUBLISHED,
    PublishedModel,
    find_checkpoint,
    get_published,
)

__all__ = [
    "FAMILIES",
    "PUBLISHED",
    "Checkpoint",
    "Family",
    "PublishedModel",
    "create_backbone",
    "create_lm_head",
    "find_checkpoint",
    "get_family",
    "get_lm_loss",
    "get_published",
    "list_options",
    "load_backbone",
    "load_checkpoint",
    "make_config",
]
