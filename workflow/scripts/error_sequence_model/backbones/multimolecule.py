"""SpliceBERT as the MultiMolecule project publishes it: other names, other ids.

The network is the same. Keys begin with ``splicebert.`` and ``lm_head.`` and say
``layer_norm``; the vocabulary has 26 letters of RNA, of which SpliceBERT knows ten. Its
rows are put into the order of the original one, so the ids here are the original ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from error_sequence_model.core import InputError
from error_sequence_model.tokenizers import SpliceBertTokenizer

NAMES = {
    **{"[PAD]": "<pad>", "[UNK]": "<unk>", "[CLS]": "<cls>", "[SEP]": "<eos>"},
    **{"[MASK]": "<mask>", "T": "U"},
}
SETTINGS = {
    "hidden_dropout": "hidden_dropout_prob",
    "attention_dropout": "attention_probs_dropout_prob",
}
# Tensors with a row per word.
BY_WORD = (
    *("embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"),
    *("cls.predictions.decoder.bias", "cls.predictions.bias"),
)


def is_multimolecule(weights: Mapping[str, Tensor]) -> bool:
    """Whether tensors have the names of this layout."""
    return "splicebert.embeddings.layer_norm.weight" in weights


def translate_multimolecule(
    settings: Mapping[str, Any], weights: Mapping[str, Tensor], source: Path
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Give a checkpoint's settings and tensors as SpliceBERT's authors name them.

    Args:
        settings: Content of ``config.json``.
        weights: Name to tensor, in MultiMolecule's layout.
        source: Their file, for the message.

    Raises:
        InputError: A tensor has another number of words.
    """
    theirs = SpliceBertTokenizer.MULTIMOLECULE
    rows = [theirs.index(NAMES.get(t, t)) for t in SpliceBertTokenizer.TOKENS]
    translated = {}
    for name, tensor in weights.items():
        own = name.removeprefix("splicebert.").replace("layer_norm", "LayerNorm")
        own = own.replace("lm_head.", "cls.predictions.")
        if own in BY_WORD:
            if len(tensor) != len(theirs):
                raise InputError(
                    f"{source}: {name} has {len(tensor)} words, MultiMolecule's RNA "
                    f"vocabulary {len(theirs)}; take `multimolecule/splicebert`, or "
                    "the authors' own SpliceBERT-1024nt"
                )
            tensor = tensor[torch.tensor(rows)].contiguous()
        translated[own] = tensor
    named = {SETTINGS.get(key, key): value for key, value in settings.items()}
    return named | {"vocab_size": len(rows)}, translated
