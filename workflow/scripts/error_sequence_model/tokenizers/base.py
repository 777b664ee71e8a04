"""What all tokenizers share: sequences to token ids with the base span of every token.

Spans are base coordinates of the given sequence, 0-based and half-open; special tokens
have ``start == end``. Sequences are upper-cased and U becomes T before anything else.
Too long a sequence is cut around the junction, never at its tail.
"""

from __future__ import annotations

import abc
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from error_sequence_model.core import InputError
from error_sequence_model.tokenizers.spans import centre_tokens

NOT_A_BASE = re.compile(r"[^ACGTRYSWKMBDHVN]")


class Encoding(NamedTuple):
    """One tokenized sequence.

    Attributes:
        input_ids: Token ids, int32 (n_tokens,).
        spans: Base span of each token, int32 (n_tokens, 2).
    """

    input_ids: np.ndarray
    spans: np.ndarray


class Encodings(NamedTuple):
    """Many tokenized sequences, end to end; row i is ``offsets[i]:offsets[i + 1]``.

    Attributes:
        input_ids: Token ids, int32 (n_tokens,).
        starts: First base of each token, int32 (n_tokens,).
        ends: One past its last base, int32 (n_tokens,).
        offsets: int32 (n_rows + 1,).
    """

    input_ids: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    offsets: np.ndarray


def join_encodings(encodings: Sequence[Encoding]) -> Encodings:
    """Lay encodings end to end."""
    counts = [len(e.input_ids) for e in encodings]
    nothing = np.zeros(0, dtype=np.int32)
    spans = [nothing.reshape(0, 2), *(e.spans for e in encodings)]
    starts, ends = np.concatenate(spans).T.astype(np.int32)
    ids = np.concatenate([nothing, *(e.input_ids for e in encodings)])
    return Encodings(ids.astype(np.int32), starts, ends, count_up(counts))


def count_up(counts: Sequence[int] | np.ndarray) -> np.ndarray:
    """Offsets of rows with so many items, int32 (n + 1,)."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)


def normalise_sequence(sequence: str) -> str:
    """Upper-case a sequence and turn U into T.

    Raises:
        InputError: A character is not an IUPAC nucleotide code.
    """
    normalised = sequence.upper().replace("U", "T")
    if strange := NOT_A_BASE.search(normalised):
        raise InputError(
            f"character {strange.group()!r} at base {strange.start()} is no nucleotide;"
            " allowed are A, C, G, T, U, N and the IUPAC codes RYSWKMBDHV"
        )
    return normalised


class SequenceTokenizer(abc.ABC):
    """What all tokenizers share: truncation, batches, names of tokens.

    A subclass splits a sequence into tokens without specials (``_split``), knows the
    specials before and after them and writes itself to a folder.

    Attributes:
        family: The kind of tokenizer: "nucleotide", "hyenadna", "splicebert", "bpe",
            "kmer".
        vocabulary: Token to id.
        prefix: Ids of the special tokens before the sequence.
        suffix: Ids of the special tokens after the sequence.
    """

    family: ClassVar[str]
    vocabulary: dict[str, int]
    prefix: tuple[int, ...] = ()
    suffix: tuple[int, ...] = ()
    pad_token_id: int
    unk_token_id: int
    mask_token_id: int | None

    @property
    def vocab_size(self) -> int:
        """Number of token ids."""
        return len(self.vocabulary)

    @property
    def special_token_ids(self) -> frozenset[int]:
        """Ids that stand for no sequence: padding, masks, markers, unknown."""
        return frozenset(
            index for token, index in self.vocabulary.items() if token[0] in "[<"
        )

    @abc.abstractmethod
    def _split(self, sequence: str) -> Encoding:
        """Tokenize without specials and without truncation."""

    @abc.abstractmethod
    def save_pretrained(self, folder: str | Path) -> None:
        """Write the files that ``load_tokenizer`` reads."""

    def encode(
        self,
        sequence: str,
        *,
        max_length: int | None = None,
        junction: int | None = None,
        normalise: bool = True,
    ) -> Encoding:
        """Tokenize one sequence.

        Args:
            sequence: Nucleotides, any case, DNA or RNA.
            max_length: Longest result in tokens, specials included.
            junction: Interbase coordinate in ``sequence`` that a truncated result stays
                centred on; the middle by default.
            normalise: Upper-case, turn U into T and refuse what is no nucleotide. Only
                comparisons with the original tokenizers turn it off.

        Returns:
            Ids and spans, in the coordinates of ``sequence`` also after truncation.

        Raises:
            InputError: A character is no nucleotide, or ``max_length`` leaves no room.
        """
        encoding = self._split(normalise_sequence(sequence) if normalise else sequence)
        n_special = len(self.prefix) + len(self.suffix)
        if max_length is not None:
            if max_length <= n_special:
                raise InputError(
                    f"max_length is {max_length}; a sequence needs more than the "
                    f"{n_special} special tokens of the {self.family} tokenizer"
                )
            centre = len(sequence) // 2 if junction is None else junction
            kept = centre_tokens(encoding.spans, centre, max_length - n_special)
            encoding = Encoding(encoding.input_ids[kept], encoding.spans[kept])
        if n_special == 0:
            return encoding
        input_ids = np.concatenate([self.prefix, encoding.input_ids, self.suffix])
        around = ((len(self.prefix), len(self.suffix)), (0, 0))
        return Encoding(input_ids.astype(np.int32), np.pad(encoding.spans, around))

    def encode_many(self, sequences: Sequence[str]) -> Encodings:
        """Tokenize many sequences, whole: what ``encode`` gives for each, but faster.

        Args:
            sequences: Nucleotides, any case, DNA or RNA.

        Raises:
            InputError: A character is no nucleotide.
        """
        text = "\n".join(sequences).upper().replace("U", "T")
        rows = text.split("\n") if sequences else []
        if len(rows) != len(sequences) or NOT_A_BASE.search(text.replace("\n", "")):
            # One of them is odd, and said to be.
            return join_encodings([self.encode(sequence) for sequence in sequences])
        encodings = self._split_many(rows)
        counts = np.diff(encodings.offsets)
        n_before, n_after = len(self.prefix), len(self.suffix)
        offsets = count_up(counts + n_before + n_after)
        places = np.arange(len(encodings.input_ids))
        places += np.repeat(offsets[:-1] + n_before - encodings.offsets[:-1], counts)
        arrays = np.zeros((3, offsets[-1]), dtype=np.int32)
        arrays[:, places] = encodings[:3]
        for place, index in enumerate(self.prefix):
            arrays[0, offsets[:-1] + place] = index
        for place, index in enumerate(self.suffix):
            arrays[0, offsets[1:] - n_after + place] = index
        return Encodings(*arrays, offsets)

    def _split_many(self, sequences: Sequence[str]) -> Encodings:
        """Tokenize normalised sequences without specials."""
        return join_encodings([self._split(sequence) for sequence in sequences])

    def __call__(
        self,
        sequences: str | Sequence[str],
        *,
        max_length: int | None = None,
        return_tensors: str = "pt",
        padding: bool | str = True,
        truncation: bool = True,
    ) -> dict[str, Any]:
        """Tokenize a batch, padded on the right.

        Args:
            sequences: One sequence or several.
            max_length: Longest row in tokens; longer ones are cut around their middle.
            return_tensors: "pt" (torch) or "np" (numpy).
            padding: True or "longest". This and `truncation` are there for calls
                written for the tokenizers of transformers; rows always are padded.
            truncation: True; rows always are cut to ``max_length``.

        Returns:
            ``input_ids`` and ``attention_mask`` (1 = token, 0 = padding), each int64
            (n_sequences, n_tokens).

        Raises:
            InputError: An option is not allowed, or a sequence cannot be encoded.
        """
        if padding not in (True, "longest"):
            raise InputError(f'padding is {padding!r}; use True or "longest"')
        if truncation is not True:
            raise InputError(f"truncation is {truncation!r}; leave `max_length` out")
        if return_tensors not in ("pt", "np"):
            raise InputError(f'return_tensors is {return_tensors!r}; use "pt" or "np"')
        rows = [sequences] if isinstance(sequences, str) else sequences
        encoded = [self.encode(row, max_length=max_length).input_ids for row in rows]
        width = max((len(row) for row in encoded), default=0)
        input_ids = np.full((len(encoded), width), self.pad_token_id, dtype=np.int64)
        attention_mask = np.zeros_like(input_ids)
        for index, row in enumerate(encoded):
            input_ids[index, : len(row)] = row
            attention_mask[index, : len(row)] = 1
        batch = {"input_ids": input_ids, "attention_mask": attention_mask}
        if return_tensors == "np":
            return batch
        import torch  # here: tokenizing alone needs none of it

        return {name: torch.from_numpy(values) for name, values in batch.items()}

    def tokens(self, input_ids: Sequence[int] | np.ndarray) -> list[str]:
        """Names of token ids."""
        names = {index: token for token, index in self.vocabulary.items()}
        return [names[int(index)] for index in input_ids]
