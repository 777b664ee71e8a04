"""Byte-pair encoding of many DNA sequences at once, base by base over all of them.

The tokens of a prefix end in exactly one token that (a) is a suffix of the prefix and
(b) fits the last token of what is left of it: the two, written side by side, are
encoded as these two. So one pass from left to right, which remembers the last token of
every prefix, gives what merging pairs in order of rank gives. Suffixes are found by an
automaton over the vocabulary (Aho and Corasick 1975); which tokens fit is one table for
all pairs. It holds where a token is only used by merges of a higher rank than those
that make it (proper vocabularies: Berglund and van der Merwe 2023, "Formalizing BPE
tokenization"), which is asked for here.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

LETTERS = "ACGT"
_CODES = np.full(256, len(LETTERS), dtype=np.uint8)
_CODES[list(LETTERS.encode())] = range(len(LETTERS))


def encode_letters(text: str) -> np.ndarray:
    """Code the bases of an ASCII text: A, C, G, T as 0 to 3, all else as 4, uint8."""
    return _CODES[np.frombuffer(text.encode("ascii"), dtype=np.uint8)]


def select_merges(merges: Sequence[Sequence[str]]) -> list[tuple[str, str]] | None:
    """Keep the merges that make words of A, C, G and T, in order of rank.

    Returns:
        The pairs, or ``None`` if a word is made twice or used before it is made: one
        pass does not encode such vocabularies.
    """
    made = set(LETTERS)
    kept = []
    for left, right in merges:
        if set(left + right) <= set(LETTERS):
            if not {left, right} <= made or left + right in made:
                return None
            made.add(left + right)
            kept.append((left, right))
    return kept


class DnaMerges:
    """Merges of a byte-pair vocabulary, made ready for many sequences of A, C, G, T.

    Tokens are numbered here by rank: the four letters, then a token per merge.

    Args:
        merges: Pairs of words, as `select_merges` gives them.
        unreachable: Words that are no token of their own spelling.

    Attributes:
        words: Spelling of each token.
    """

    def __init__(
        self, merges: Sequence[tuple[str, str]], unreachable: Collection[str] = ()
    ) -> None:
        self.words = [*LETTERS, *(left + right for left, right in merges)]
        numbers = {word: number for number, word in enumerate(self.words)}
        parts = [(numbers[left], numbers[right]) for left, right in merges]
        self._widths = np.array([len(word) for word in self.words], dtype=np.int64)
        self._fits = _find_fitting_pairs(parts).ravel()
        for word in unreachable:
            del numbers[word]
        self._build_automaton(numbers)

    def _build_automaton(self, numbers: dict[str, int]) -> None:
        """States are beginnings of words; each knows its longest suffix that is a word.

        Args:
            numbers: The tokens that may be chosen.
        """
        starts = {word[:end] for word in numbers for end in range(len(word) + 1)}
        names = sorted(starts, key=len)
        states = {name: state for state, name in enumerate(names)}
        following = np.zeros((len(names), len(LETTERS)), dtype=np.int64)
        longest = np.zeros(len(names), dtype=np.int64)
        shorter = np.zeros(len(self.words), dtype=np.int64)
        links = [0] * len(names)
        for state, name in enumerate(names):
            link = 0
            if len(name) > 1:
                link = following[links[states[name[:-1]]], LETTERS.index(name[-1])]
            links[state] = link
            longest[state] = longest[link]
            if name in numbers:
                longest[state] = numbers[name]
                shorter[numbers[name]] = longest[link]
            for code, letter in enumerate(LETTERS):
                beyond = following[link, code] if name else 0
                following[state, code] = states.get(name + letter, beyond)
        self._following = following.ravel() * len(LETTERS)
        self._longest = np.repeat(longest, len(LETTERS))
        self._shorter = shorter

    def encode(self, sequences: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Encode sequences of A, C, G and T.

        Returns:
            Tokens of all sequences, end to end, int64 (n_tokens,), and how many each
            of them has, int64 (n_sequences,).
        """
        lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
        # The longest first: at each base, those that go on are the first ones.
        order = np.argsort(-lengths, kind="stable")
        columns = np.argsort(order)
        codes = np.zeros((len(sequences), int(lengths.max(initial=0))), dtype=np.uint8)
        codes[np.arange(codes.shape[1]) < lengths[:, None]] = encode_letters(
            "".join(sequences)
        )
        last = self._find_last_tokens(codes[order].T, lengths[order])
        ends = self._mark_ends(last, lengths, columns)
        rows, places = np.nonzero(ends)
        return last[places, columns[rows]], ends.sum(axis=1)

    def _find_last_tokens(self, codes: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Find the last token of every prefix.

        Args:
            codes: uint8 (longest, n_sequences).
            lengths: Bases of the sequences, falling.

        Returns:
            int64 (1 + longest, n_sequences); the row of the empty prefix holds the
            number of tokens, which stands for the start and fits all.
        """
        n_tokens, n_rows = len(self.words), codes.shape[1]
        last = np.full((len(codes) + 1, n_rows), n_tokens, dtype=np.int64)
        flat, columns = last.ravel(), np.arange(n_rows)
        back = self._widths * n_rows
        going_on = np.searchsorted(-lengths, -np.arange(len(codes)), side="left")
        state = np.zeros(n_rows, dtype=np.int64)
        for place, count in enumerate(going_on):
            state = self._following[state[:count] + codes[place, :count]]
            tokens, cells = self._longest[state], columns[:count] + (place + 1) * n_rows
            last[place + 1, :count] = tokens
            while len(cells):
                before = flat[cells - back[tokens]]
                unfit = np.flatnonzero(~self._fits[before * n_tokens + tokens])
                cells, tokens = cells[unfit], self._shorter[tokens[unfit]]
                flat[cells] = tokens
        return last

    def _mark_ends(
        self, last: np.ndarray, lengths: np.ndarray, columns: np.ndarray
    ) -> np.ndarray:
        """Go back from the ends over last tokens; bool (n_sequences, 1 + longest)."""
        ends = np.zeros((len(lengths), len(last)), dtype=bool)
        rows = np.flatnonzero(lengths)
        places = lengths[rows]
        while len(rows):
            ends[rows, places] = True
            places = places - self._widths[last[places, columns[rows]]]
            inside = np.flatnonzero(places)
            rows, places = rows[inside], places[inside]
        return ends


def _find_fitting_pairs(parts: Sequence[tuple[int, int]]) -> np.ndarray:
    """Find which tokens stay two when they are written side by side.

    Two tokens are taken apart, the one of the higher rank first. They stay two unless
    their own merge, or a merge across them on the way down, comes before the merge
    that was just undone: it would have been made first.

    Args:
        parts: The two tokens of each merge, in order of rank; letters have none.

    Returns:
        bool (n_tokens + 1, n_tokens), first token by second; the last row, of the
        start of a sequence, fits all.
    """
    n_tokens = len(LETTERS) + len(parts)
    # Whether a merge on the way down comes too early, by first token and by second.
    crossed = np.zeros((n_tokens, n_tokens), dtype=bool)
    crossed_by_second = np.zeros((n_tokens, n_tokens), dtype=bool)
    with_first: list[list[int]] = [[] for _ in range(n_tokens)]
    with_second: list[list[int]] = [[] for _ in range(n_tokens)]
    for token, (left, right) in enumerate(parts, start=len(LETTERS)):
        # As the first of two, the second having a lower rank: undone to its right part.
        row = crossed[right, :token].copy()
        row[[second for second in with_first[right] if second < token]] = True
        crossed[token, :token] = crossed_by_second[:token, token] = row
        with_first[left].append(right)
        with_second[right].append(left)
        # As the second, the first having no higher rank: undone to its left part. A
        # merge of this very rank is made from left to right, so it counts as earlier.
        column = np.append(crossed_by_second[left, :token], crossed[token, left])
        column[[first for first in with_second[left] if first <= token]] = True
        crossed_by_second[token, : token + 1] = crossed[: token + 1, token] = column
    fits = np.ones((n_tokens + 1, n_tokens), dtype=bool)
    fits[:-1] = ~crossed
    for left, right in parts:
        fits[left, right] = False
    return fits
