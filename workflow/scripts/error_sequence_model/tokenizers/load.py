"""Tokenizers of all model families; the right one for a checkpoint folder.

Spans are base coordinates of the given sequence, 0-based and half-open; special tokens
have ``start == end``. A sequence of base ``i`` and a junction ``j``: the junction lies
between base ``j - 1`` and base ``j``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from error_sequence_model.core import InputError, read_json
from error_sequence_model.tokenizers.base import (
    Encoding,
    SequenceTokenizer,
    junction_tokens,
    normalise_sequence,
    project_to_bases,
)
from error_sequence_model.tokenizers.characters import (
    CharacterTokenizer,
    HyenaDNATokenizer,
    NucleotideTokenizer,
    SpliceBertTokenizer,
)
from error_sequence_model.tokenizers.subwords import BPETokenizer, KmerTokenizer

__all__ = [
    "BPETokenizer",
    "CharacterTokenizer",
    "Encoding",
    "HyenaDNATokenizer",
    "KmerTokenizer",
    "NucleotideTokenizer",
    "SequenceTokenizer",
    "SpliceBertTokenizer",
    "junction_tokens",
    "load_tokenizer",
    "normalise_sequence",
    "project_to_bases",
]


def load_tokenizer(folder: str | Path) -> SequenceTokenizer:
    """Read the tokenizer of a checkpoint, its kind told by the content of the files.

    Args:
        folder: A checkpoint folder of any family, published or ours. Code that the
            checkpoint names (``auto_map``) is never run.

    Returns:
        The tokenizer.

    Raises:
        InputError: No tokenizer files, or none of a known kind.
    """
    folder = Path(folder)
    settings_file = folder / "tokenizer_config.json"
    settings = _read_object(settings_file) if settings_file.exists() else {}
    if (folder / "tokenizer.json").exists():
        content = _read_object(folder / "tokenizer.json")
        model = content.get("model")
        if isinstance(model, dict) and model.get("type") == "BPE":
            return BPETokenizer.from_folder(folder)
    options = {"add_special_tokens": settings.get("add_special_tokens", True)}
    vocabulary_file = folder / "vocab.txt"
    if vocabulary_file.exists():
        tokens = _read_words(vocabulary_file)
        if tokens == NucleotideTokenizer.TOKENS:
            return NucleotideTokenizer()
        if tokens == HyenaDNATokenizer.TOKENS:
            return HyenaDNATokenizer(**options)
        if tokens in (SpliceBertTokenizer.TOKENS, SpliceBertTokenizer.MULTIMOLECULE):
            return SpliceBertTokenizer(**options)
        if "<cls>" in tokens and KmerTokenizer.find_k(tokens) is not None:
            return KmerTokenizer(tokens)
    elif settings.get("tokenizer_class") == "HyenaDNATokenizer":
        return HyenaDNATokenizer(**options)
    raise InputError(
        f"{folder}: no tokenizer of a known kind; expected are tokenizer.json (BPE of "
        "DNABERT-2), vocab.txt (nucleotide encoder, SpliceBERT, Nucleotide Transformer)"
        " or a tokenizer_config.json of HyenaDNA"
    )


def _read_object(file: Path) -> dict[str, Any]:
    content = read_json(file)
    if not isinstance(content, dict):
        raise InputError(f"{file}: not a table of settings")
    return content


def _read_words(file: Path) -> tuple[str, ...]:
    try:
        return tuple(file.read_text(encoding="utf-8").split())
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: not a list of tokens ({error})") from error
