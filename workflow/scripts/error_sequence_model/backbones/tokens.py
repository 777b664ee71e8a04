"""The tokenizer that belongs to a backbone, by registry name, folder or object."""

from __future__ import annotations

from pathlib import Path

from error_sequence_model.backbones.architectures import FAMILIES
from error_sequence_model.core import InputError
from error_sequence_model.tokenizers import SequenceTokenizer, load_tokenizer


def resolve_tokenizer(base_model: str) -> SequenceTokenizer:
    """Find the tokenizer of "custom", an architecture, a registry name or a folder.

    Raises:
        InputError: There is none of this name, or the architecture has no vocabulary of
            its own.
    """
    architecture = "nucleotide_encoder" if base_model == "custom" else base_model
    if architecture in FAMILIES:
        make_tokenizer = FAMILIES[architecture].make_tokenizer
        if make_tokenizer is None:
            raise InputError(
                f"architecture {architecture} has no vocabulary of its own; give a "
                "`checkpoint`"
            )
        return make_tokenizer()
    if Path(base_model).is_dir():
        return load_tokenizer(base_model)
    from error_sequence_model.backbones.loading import load_backbone

    return load_backbone(base_model)[1]
