"""Tokenizers with one token per base: ours, HyenaDNA's and SpliceBERT's."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from error_sequence_model.tokenizers.base import (
    Encoding,
    Encodings,
    SequenceTokenizer,
    count_up,
)


class CharacterTokenizer(SequenceTokenizer):
    """One token per base.

    Args:
        vocabulary: Token to id; bases are single upper-case letters.
        unknown: The token of every other character.
        add_special_tokens: Whether to put the family's markers around the sequence.
    """

    tokenizer_class: ClassVar[str]
    prefix_tokens: ClassVar[tuple[str, ...]] = ()
    suffix_tokens: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        vocabulary: Mapping[str, int],
        *,
        unknown: str,
        add_special_tokens: bool = True,
    ) -> None:
        self.vocabulary = dict(vocabulary)
        self.add_special_tokens = add_special_tokens
        self.pad_token_id = self.vocabulary["[PAD]"]
        self.mask_token_id = self.vocabulary["[MASK]"]
        self.unk_token_id = self.vocabulary[unknown]
        if add_special_tokens:
            self.prefix = tuple(self.vocabulary[token] for token in self.prefix_tokens)
            self.suffix = tuple(self.vocabulary[token] for token in self.suffix_tokens)
        self._table = np.full(256, self.unk_token_id, dtype=np.int32)
        for token, index in self.vocabulary.items():
            if len(token) == 1:
                self._table[ord(token)] = index

    def _split(self, sequence: str) -> Encoding:
        codes = np.frombuffer(sequence.encode("ascii", "replace"), dtype=np.uint8)
        starts = np.arange(len(codes), dtype=np.int32)
        return Encoding(self._table[codes], np.stack([starts, starts + 1], axis=1))

    def _split_many(self, sequences: Sequence[str]) -> Encodings:
        offsets = count_up([len(sequence) for sequence in sequences])
        text = "".join(sequences).encode("ascii", "replace")
        codes = np.frombuffer(text, dtype=np.uint8)
        starts = np.arange(len(codes), dtype=np.int32)
        starts -= np.repeat(offsets[:-1], np.diff(offsets))
        return Encodings(self._table[codes], starts, starts + 1, offsets)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write ``tokenizer_config.json`` and, ids in order, ``vocab.txt``."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        settings = {
            "tokenizer_class": self.tokenizer_class,
            "add_special_tokens": self.add_special_tokens,
        }
        text = json.dumps(settings, indent=2) + "\n"
        (folder / "tokenizer_config.json").write_text(text)
        ordered = sorted(self.vocabulary, key=self.vocabulary.__getitem__)
        (folder / "vocab.txt").write_text("\n".join(ordered) + "\n")


class NucleotideTokenizer(CharacterTokenizer):
    """The single-base tokenizer of our own models: token i is base i, no specials.

    Ambiguity codes other than N are read as N.
    """

    family = "nucleotide"
    tokenizer_class = "NucleotideTokenizer"
    TOKENS: ClassVar[tuple[str, ...]] = ("A", "C", "G", "T", "N", "[PAD]", "[MASK]")

    def __init__(self) -> None:
        super().__init__({t: i for i, t in enumerate(self.TOKENS)}, unknown="N")


class HyenaDNATokenizer(CharacterTokenizer):
    """The single-base tokenizer of HyenaDNA: [SEP] after the sequence, none before.

    Ambiguity codes other than N become [UNK]. Padding is on the right here: the
    original pads on the left, which changes the hidden states of a causal model.
    """

    family = "hyenadna"
    tokenizer_class = "HyenaDNATokenizer"
    suffix_tokens = ("[SEP]",)
    TOKENS: ClassVar[tuple[str, ...]] = (
        *("[CLS]", "[SEP]", "[BOS]", "[MASK]", "[PAD]", "[RESERVED]", "[UNK]"),
        *("A", "C", "G", "T", "N"),
    )

    def __init__(self, *, add_special_tokens: bool = True) -> None:
        super().__init__(
            {token: index for index, token in enumerate(self.TOKENS)},
            unknown="[UNK]",
            add_special_tokens=add_special_tokens,
        )


class SpliceBertTokenizer(CharacterTokenizer):
    """The single-base tokenizer of SpliceBERT: [CLS] sequence [SEP].

    MultiMolecule's vocabulary is known too: its checkpoints are loaded with these ids.
    """

    family = "splicebert"
    tokenizer_class = "BertTokenizer"
    prefix_tokens = ("[CLS]",)
    suffix_tokens = ("[SEP]",)
    TOKENS: ClassVar[tuple[str, ...]] = (
        *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
        *("N", "A", "C", "G", "T"),
    )
    MULTIMOLECULE: ClassVar[tuple[str, ...]] = (
        *("<pad>", "<cls>", "<eos>", "<unk>", "<mask>", "<null>"),
        *"ACGUNRYSWKMBDHV.X*-I",
    )

    def __init__(self, *, add_special_tokens: bool = True) -> None:
        super().__init__(
            {token: index for index, token in enumerate(self.TOKENS)},
            unknown="[UNK]",
            add_special_tokens=add_special_tokens,
        )
