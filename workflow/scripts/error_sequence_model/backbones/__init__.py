"""Genomic language models behind one protocol; published weights load strictly.

Every backbone takes ``input_ids`` (batch, length) or ``inputs_embeds``, an
``attention_mask`` (1 = token, 0 = padding on the right) and returns a
``BaseModelOutput`` with ``last_hidden_state`` (batch, length, hidden).

Names are loaded when they are first used: the workflow asks for the table of published
models, which needs neither torch nor transformers.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    from error_sequence_model.backbones.local_copies import find_checkpoint
    from error_sequence_model.backbones.published import (
        PUBLISHED,
        PublishedModel,
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

_PLACES = {
    "FAMILIES": "families",
    "PUBLISHED": "published",
    "Checkpoint": "loading",
    "Family": "families",
    "PublishedModel": "published",
    "create_backbone": "creating",
    "create_lm_head": "creating",
    "find_checkpoint": "local_copies",
    "get_family": "creating",
    "get_lm_loss": "heads",
    "get_published": "published",
    "list_options": "creating",
    "load_backbone": "loading",
    "load_checkpoint": "loading",
    "make_config": "creating",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
