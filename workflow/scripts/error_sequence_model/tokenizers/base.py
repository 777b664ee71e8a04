"""What all tokenizers share: sequences to token ids with the base span of every token.

Spans are base coordinates of the given sequence, 0-based and half-open; special tokens
have ``start == end``. A junction is an interbase coordinate: it lies between base
``junction - 1`` and base ``junction``. Sequences are upper-cased and U becomes T before
anything else. Too long a sequence is cut around the junction, never at its tail.
"""

from __future__ import annotations

import abc
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from error_sequence_model.core import InputError

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


def junction_tokens(spans: np.ndarray, junction: int) -> tuple[int, int]:
    """Find the tokens on both sides of the junction.

    Args:
        spans: Base span of each token, int (n_tokens, 2).
        junction: Interbase coordinate in the tokenized sequence.

    Returns:
        The index of the token that holds base ``junction - 1`` and of the one that
        holds base ``junction``: the same token when the junction lies inside it. At an
        end of the sequence, where one of the bases does not exist, the other counts
        for both.

    Raises:
        InputError: The junction lies outside the tokens (cut off, or a wrong value).

    Example:
        >>> spans = np.array([[0, 0], [0, 3], [3, 5], [5, 9], [0, 0]])
        >>> junction_tokens(spans, 5), junction_tokens(spans, 4)
        ((2, 3), (2, 2))
    """
    spans = np.asarray(spans)
    body = np.flatnonzero(spans[:, 1] > spans[:, 0])
    starts, ends = spans[body, 0], spans[body, 1]
    if len(body) == 0 or not starts[0] <= junction <= ends[-1]:
        covered = f"[{starts[0]}, {ends[-1]}]" if len(body) else "nothing"
        raise InputError(
            f"junction {junction} is not covered by the tokens, which cover {covered}; "
            "give a junction inside the window and enough tokens (max_length)"
        )
    # Searching by start makes a base in a gap (text the tokenizer dropped) belong to
    # the token before it.
    after = int(np.searchsorted(starts, min(junction, ends[-1] - 1), "right")) - 1
    before = int(np.searchsorted(starts, max(junction - 1, starts[0]), "right")) - 1
    return int(body[before]), int(body[after])


def centre_tokens(spans: np.ndarray, junction: int, keep: int) -> slice:
    """Choose the run of tokens that stays when a sequence has too many.

    Args:
        spans: Spans of the tokens without specials, int (n_tokens, 2), in order.
        junction: Interbase coordinate the run is centred on.
        keep: Number of tokens to keep.

    Returns:
        A slice of ``min(keep, n_tokens)`` tokens, as central as the ends allow.

    Example:
        >>> spans = np.array([[0, 3], [3, 5], [5, 9], [9, 12]])
        >>> centre_tokens(spans, junction=5, keep=2)
        slice(1, 3, None)
    """
    count = len(spans)
    if count <= keep:
        return slice(0, count)
    index = int(np.searchsorted(spans[:, 1], junction, "right"))
    is_inside = index < count and spans[index, 0] < junction
    centre = index + (0.5 if is_inside else 0.0)
    start = min(max(int(np.floor(centre - keep / 2 + 0.5)), 0), count - keep)
    return slice(start, start + keep)


def project_to_bases(
    token_scores: np.ndarray,
    spans: np.ndarray,
    length: int,
    *,
    how: Literal["spread", "repeat"] = "spread",
) -> np.ndarray:
    """Put scores of tokens on the base axis.

    Args:
        token_scores: Scores, float (..., n_tokens).
        spans: Base span of each token, int (n_tokens, 2).
        length: Number of bases.
        how: "spread" divides a token's score evenly among its bases, so the total over
            the tokens that are not special is conserved; "repeat" gives each base the
            whole score (for display: totals then grow with token length).

    Returns:
        Scores, float32 (..., length); 0 at bases without a token.

    Raises:
        InputError: The shapes do not fit, a span leaves the sequence, or ``how`` is
            unknown.

    Example:
        >>> spans = np.array([[0, 0], [0, 3], [3, 5]])
        >>> project_to_bases([9.0, 6.0, 1.0], spans, 6).tolist()
        [2.0, 2.0, 2.0, 0.5, 0.5, 0.0]
    """
    scores, spans = np.asarray(token_scores, dtype=np.float64), np.asarray(spans)
    if how not in ("spread", "repeat"):
        raise InputError(f'how is {how!r}; allowed: "spread", "repeat"')
    if spans.ndim != 2 or scores.shape[-1:] != spans.shape[:1]:
        raise InputError(
            f"token_scores has shape {scores.shape} and spans {spans.shape}; the last "
            "axis of the scores and the first of the spans must both be the tokens"
        )
    widths = spans[:, 1] - spans[:, 0]
    if len(spans) and (spans.min() < 0 or spans.max() > length or widths.min() < 0):
        raise InputError(f"a token span lies outside the sequence of {length} bases")
    body = np.flatnonzero(widths > 0)
    widths = widths[body]
    values = scores[..., body] / (widths if how == "spread" else 1)
    first_of_token = np.cumsum(widths) - widths
    steps = np.arange(widths.sum()) - np.repeat(first_of_token, widths)
    bases = np.repeat(spans[body, 0], widths) + steps
    projected = np.zeros((*scores.shape[:-1], length), dtype=np.float32)
    projected[..., bases] = np.repeat(values, widths, axis=-1)
    return projected
