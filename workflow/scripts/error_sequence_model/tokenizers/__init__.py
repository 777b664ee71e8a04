"""From bases to token ids and back to places; the store of what was tokenized."""

from __future__ import annotations

from typing import TYPE_CHECKING

from error_sequence_model.core import open_face

if TYPE_CHECKING:
    from .base import (
        Encoding,
        SequenceTokenizer,
        centre_tokens,
        join_encodings,
        junction_tokens,
        project_to_bases,
    )
    from .characters import (
        CharacterTokenizer,
        HyenaDNATokenizer,
        NucleotideTokenizer,
        SpliceBertTokenizer,
    )
    from .load import load_tokenizer
    from .store import TokenStore, write_tokens
    from .subwords import BPETokenizer, KmerTokenizer

__all__, __getattr__ = open_face(__name__, __file__)
