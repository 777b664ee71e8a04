"""Tokenizers with tokens of several bases: the BPE of DNABERT-2 and k-mers of NT."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from functools import cached_property
from itertools import chain, product
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from error_sequence_model.core import InputError
from error_sequence_model.tokenizers.base import (
    Encoding,
    Encodings,
    SequenceTokenizer,
    count_up,
)
from error_sequence_model.tokenizers.merging import (
    LETTERS,
    DnaMerges,
    select_merges,
)

# A step is one thread; the library would take every core, and warn when forked.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

# Our own merging goes over the bases of all sequences together and needs a table of a
# byte per pair of tokens; with fewer or longer sequences the library is faster.
FEWEST_SEQUENCES = 2048
LONGEST_SEQUENCE = 4096
MOST_TOKENS = 8192


class BPETokenizer(SequenceTokenizer):
    """Byte-pair encoding of DNA: [CLS] tokens [SEP], spans from its offsets.

    N and the ambiguity codes are one [UNK] each. The padding id is the tokenizer's
    (3), not the 0 of the published configuration, which is [UNK]. Truncation, padding
    and dropout that were saved with a tokenizer are left out: whoever trained with
    them saved them, and here they would cut windows, or pad them, without a word.

    Args:
        tokenizer: The fast tokenizer, as read from ``tokenizer.json``; not changed.

    Raises:
        InputError: One of its special tokens is missing.
    """

    family = "bpe"

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = Tokenizer.from_str(tokenizer.to_str())
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._tokenizer.model.dropout = None
        self.vocabulary = tokenizer.get_vocab(with_added_tokens=True)
        names = ("[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]")
        if missing := [name for name in names if name not in self.vocabulary]:
            raise InputError(f"the BPE tokenizer lacks {', '.join(missing)}")
        words = [word for word in self.vocabulary if word not in names]
        if 2 * sum(set(word) <= set("ACGTN") for word in words) < len(words):
            raise InputError(
                f"most of the BPE tokenizer's {len(words)} words are no DNA: it is of "
                "a model of text"
            )
        unknown, first, last, self.pad_token_id, self.mask_token_id = (
            self.vocabulary[name] for name in names
        )
        self.unk_token_id = unknown
        self.prefix, self.suffix = (first,), (last,)
        # Bases of each token; an unknown letter is one.
        self._widths = np.ones(max(self.vocabulary.values()) + 1, dtype=np.int32)
        for token, index in self.vocabulary.items():
            if token not in names:
                self._widths[index] = len(token)

    @classmethod
    def from_folder(cls, folder: str | Path) -> BPETokenizer:
        """Read ``tokenizer.json`` of a checkpoint folder.

        Raises:
            InputError: The file cannot be read.
        """
        file = Path(folder) / "tokenizer.json"
        try:
            tokenizer = Tokenizer.from_file(str(file))
        except Exception as error:  # the library raises nothing more specific
            raise InputError(f"{file}: not a tokenizer ({error})") from error
        return cls(tokenizer)

    def _split(self, sequence: str) -> Encoding:
        encoded = self._tokenizer.encode(sequence, add_special_tokens=False)
        return Encoding(
            np.array(encoded.ids, dtype=np.int32),
            np.array(encoded.offsets, dtype=np.int32).reshape(-1, 2),
        )

    def _split_many(self, sequences: Sequence[str]) -> Encodings:
        ids, counts = self._encode_all(sequences)
        offsets = count_up(counts)
        # Without the library's offsets, which take half of its time: tokens lie side
        # by side.
        bases = np.concatenate([[0], np.cumsum(self._widths[ids])]).astype(np.int32)
        firsts = bases[offsets]
        if np.any(np.diff(firsts) != [len(sequence) for sequence in sequences]):
            # Tokens of this vocabulary are not what they are spelt.
            return super()._split_many(sequences)
        starts = bases[:-1] - np.repeat(firsts[:-1], counts)
        return Encodings(ids, starts, starts + self._widths[ids], offsets)

    def _encode_all(self, sequences: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Give the ids of all sequences, end to end, and how many each has."""
        # Nothing is left of A, C, G and T when they are stripped from both ends.
        plain = [
            row
            for row, sequence in enumerate(sequences)
            if len(sequence) <= LONGEST_SEQUENCE and not sequence.strip(LETTERS)
        ]
        if len(plain) < FEWEST_SEQUENCES or self._merges is None:
            return self._encode_by_library(sequences)
        tokens, counts = self._merges.encode([sequences[row] for row in plain])
        ids = self._ids_of_merges[tokens]
        if len(plain) == len(sequences):
            return ids, counts
        others = sorted(set(range(len(sequences))) - set(plain))
        rows = np.array(plain + others)
        more = self._encode_by_library([sequences[row] for row in others])
        ids, counts = (
            np.concatenate(both) for both in zip((ids, counts), more, strict=True)
        )
        back = np.argsort(np.repeat(rows, counts), kind="stable")
        return ids[back], counts[np.argsort(rows)]

    def _encode_by_library(
        self, sequences: Sequence[str]
    ) -> tuple[np.ndarray, np.ndarray]:
        encoded = self._tokenizer.encode_batch_fast(sequences, add_special_tokens=False)
        rows = [row.ids for row in encoded]
        counts = np.array([len(row) for row in rows], dtype=np.int64)
        return np.fromiter(chain.from_iterable(rows), np.int32, counts.sum()), counts

    @cached_property
    def _merges(self) -> DnaMerges | None:
        """The vocabulary made ready for many sequences, if it is of the plain kind."""
        settings = json.loads(self._tokenizer.to_str())
        model, split = settings["model"], settings["pre_tokenizer"]
        spelling = ("continuing_subword_prefix", "end_of_word_suffix", "ignore_merges")
        added = {token["content"] for token in settings["added_tokens"]}
        merges = select_merges(model["merges"])
        if (
            any(model.get(name) for name in (*spelling, "byte_fallback"))
            or settings["normalizer"] is not None
            or (split is not None and split["type"] != "Whitespace")
            or any(set(token) <= set(LETTERS) for token in added)
            or merges is None
            or len(merges) > MOST_TOKENS
            or not set(LETTERS) <= set(self.vocabulary)
        ):
            return None
        words = [left + right for left, right in merges]
        _, counts = self._encode_by_library(words)
        split_up = [
            word for word, count in zip(words, counts, strict=True) if count > 1
        ]
        return DnaMerges(merges, unreachable=split_up)

    @cached_property
    def _ids_of_merges(self) -> np.ndarray:
        ids = [self.vocabulary[word] for word in self._merges.words]
        return np.array(ids, dtype=np.int32)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write ``tokenizer.json`` and ``tokenizer_config.json``."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self._tokenizer.save(str(folder / "tokenizer.json"))
        settings = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "unk_token": "[UNK]",
            "cls_token": "[CLS]",
            "sep_token": "[SEP]",
            "pad_token": "[PAD]",
            "mask_token": "[MASK]",
        }
        text = json.dumps(settings, indent=2) + "\n"
        (folder / "tokenizer_config.json").write_text(text)


class KmerTokenizer(SequenceTokenizer):
    """The k-mers of the Nucleotide Transformer: <cls>, then k-mers from the left.

    Bases that fill no k-mer before an N or the end stand alone, N is a token of its
    own, and a run of other characters is one <unk> over all of them. The frame starts
    anew after each of these, and at the window's first base: a shift by one base
    changes every token.

    Args:
        tokens: The vocabulary in order of ids (``vocab.txt``).
    """

    family = "kmer"

    def __init__(self, tokens: Sequence[str] | None = None) -> None:
        tokens = self.default_tokens() if tokens is None else tokens
        self.vocabulary = {token: index for index, token in enumerate(tokens)}
        k = self.find_k(tokens)
        if k is None:
            raise InputError(f"a vocabulary of {len(tokens)} tokens without all k-mers")
        self.k = k
        self.unk_token_id = self.vocabulary["<unk>"]
        self.pad_token_id = self.vocabulary["<pad>"]
        self.mask_token_id = self.vocabulary["<mask>"]
        self.prefix = (self.vocabulary["<cls>"],)
        self._pattern = re.compile(f"[ACGT]{{{k}}}|[ACGTN]|[^ACGTN]+")

    @staticmethod
    def default_tokens() -> tuple[str, ...]:
        """Vocabulary of the published models: k-mers in the order A, T, C, G."""
        kmers = ("".join(bases) for bases in product("ATCG", repeat=6))
        specials = ("<unk>", "<pad>", "<mask>", "<cls>", "<eos>", "<bos>")
        return (*specials, *kmers, *"ATCGN")

    @staticmethod
    def find_k(tokens: Sequence[str]) -> int | None:
        """Length of the k-mers if the vocabulary holds all of them, else ``None``."""
        words = [token for token in tokens if re.fullmatch("[ACGT]{2,}", token)]
        k = len(words[0]) if words else 0
        is_complete = len(words) == 4**k and all(len(word) == k for word in words)
        return k if is_complete and set("ACGTN") <= set(tokens) else None

    def _split(self, sequence: str) -> Encoding:
        matches = list(self._pattern.finditer(sequence))
        unknown = self.unk_token_id
        ids = [self.vocabulary.get(match.group(), unknown) for match in matches]
        spans = [match.span() for match in matches]
        return Encoding(
            np.array(ids, dtype=np.int32),
            np.array(spans, dtype=np.int32).reshape(-1, 2),
        )

    def save_pretrained(self, folder: str | Path) -> None:
        """Write ``vocab.txt`` and ``tokenizer_config.json``."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        ordered = sorted(self.vocabulary, key=self.vocabulary.__getitem__)
        (folder / "vocab.txt").write_text("\n".join(ordered) + "\n")
        settings = {
            "tokenizer_class": "EsmTokenizer",
            "unk_token": "<unk>",
            "cls_token": "<cls>",
            "pad_token": "<pad>",
            "mask_token": "<mask>",
            "eos_token": None,
        }
        text = json.dumps(settings, indent=2) + "\n"
        (folder / "tokenizer_config.json").write_text(text)
