"""How similar two windows are: the k-mers they share.

Similarity is the Jaccard index of two windows' sets of 16-mers, the larger of the two
orientations (as they stand, or one reverse-complemented). Windows whose similarity
reaches ``splits.similarity`` count as near-copies: 0.2 is about 93 % identity over the
whole window, or an identical third of it. ``near_copies`` finds them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from error_sequence_model.core import get_progress
from error_sequence_model.genome import complement_bases

K = 16
BLOCK = 512  # windows at a time: their k-mers stay in the cache

NO_KMER = np.uint64(2**64 - 1)  # an N is in it


def get_kmers(windows: np.ndarray, k: int = K) -> tuple[np.ndarray, np.ndarray]:
    """Encode the k-mers of windows, two bits a base.

    Args:
        windows: uint8 ``(n, length)`` ASCII.
        k: At most 31.

    Returns:
        ``(forward, reverse)``, uint64 ``(n, length - k + 1)`` each: the k-mer at each
        place and its reverse complement; all ones where an N is in it.
    """
    words = list_words(windows, k)
    forward, reverse, is_whole = (
        cut_words(x, windows.shape, k)
        for x in (words.forward, words.reverse, words.is_whole)
    )
    forward, reverse = forward.astype(np.uint64), reverse.astype(np.uint64)
    if is_whole is not None:
        forward[~is_whole] = reverse[~is_whole] = NO_KMER
    return forward, reverse


@dataclass(frozen=True)
class Words:
    """The words of one size at each place of windows, all in one row.

    Attributes:
        forward: The least unsigned integers that hold them, two bits a base.
        reverse: Their reverse complements.
        is_whole: bool: no N is in it; None: in none at all. Of the words across the
            ends of windows nothing is said; see ``find_whole``.
        size: Bases.
    """

    forward: np.ndarray
    reverse: np.ndarray
    is_whole: np.ndarray | None
    size: int

    def lengthen(self, more: int) -> Words:
        """Join each word with the one ``more`` bases, at most its size, behind it."""
        size = self.size + more
        # As narrow as can be, and no shifts, as those of bytes are slow.
        dtype = np.min_scalar_type(4**size - 1)
        here, behind = slice(0, len(self.forward) - more), slice(more, None)
        # Where the two overlap they are the same.
        forward = self.forward[here].astype(dtype)
        forward *= dtype.type(4**more)
        forward |= self.forward[behind]
        reverse = self.reverse[behind].astype(dtype)
        reverse *= dtype.type(4**more)
        reverse |= self.reverse[here]
        is_whole = self.is_whole
        if is_whole is not None:
            is_whole = is_whole[here] & is_whole[behind]
        return Words(forward, reverse, is_whole, size)

    def find_whole(self, shape: tuple[int, int]) -> np.ndarray:
        """Tell which words have no N and lie in one window, of windows of a shape."""
        is_whole = np.zeros(shape, dtype=bool)
        is_whole[:, : max(0, shape[1] - self.size + 1)] = True
        is_whole = is_whole.ravel()[: len(self.forward)]
        if self.is_whole is not None:
            is_whole &= self.is_whole
        return is_whole


def list_words(windows: np.ndarray, k: int) -> Words:
    """Encode the words of ``k`` bases, at most 31, of windows (uint8 ASCII)."""
    if windows.shape[1] < k or not len(windows):
        nothing = np.zeros(0, dtype=np.uint8)
        return Words(nothing, nothing, None, k)
    bases = windows.ravel()
    # The second and third bit of A, C, G and T are 0, 1, 3 and 2.
    codes = bases // 2 & 3
    codes ^= codes // 2
    is_base = (bases == ord("A")) | (bases == ord("C"))
    is_base |= (bases == ord("G")) | (bases == ord("T"))
    words = Words(codes, 3 - codes, None if is_base.all() else is_base, 1)
    while words.size < k:
        words = words.lengthen(min(words.size, k - words.size))
    return words


def cut_words(
    words: np.ndarray | None, shape: tuple[int, int], k: int
) -> np.ndarray | None:
    """Leave out the words across the ends of windows: ``(n, length - k + 1)``.

    Args:
        words: Of all windows in one row, or None.
        shape: Of the windows.
        k: Bases of a word.
    """
    if words is None:
        return None
    n, length = shape
    strides = length * words.itemsize, words.itemsize
    return np.ndarray((n, max(0, length - k + 1)), words.dtype, words, 0, strides)


def _sort_distinct(kmers: np.ndarray) -> np.ndarray:
    """Per window its distinct k-mers, rising, then padding."""
    kmers = np.sort(kmers, axis=1)
    kmers[:, 1:][kmers[:, 1:] == kmers[:, :-1]] = NO_KMER
    return np.sort(kmers, axis=1)


def _count_shared(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Count the k-mers two sorted sets share, row by row."""
    both = np.sort(np.concatenate([first, second], axis=1), axis=1)
    return ((both[:, 1:] == both[:, :-1]) & (both[:, 1:] != NO_KMER)).sum(axis=1)


def compare_pairs(
    query: np.ndarray, target: np.ndarray, pairs: np.ndarray
) -> np.ndarray:
    """Compute the exact similarity of pairs of windows.

    Args:
        query: uint8 ``(n_query, length)``.
        target: uint8 ``(n_target, length)``.
        pairs: int64 ``(n_pairs, 2)`` rows of query and target.

    Returns:
        float32 ``(n_pairs,)``, 0 to 1, the larger of both orientations.
    """
    similarity = np.zeros(len(pairs), dtype=np.float32)
    steps = range(0, len(pairs), BLOCK)
    if len(steps) > 16:
        steps = get_progress(steps, what="comparing windows", unit="blocks")
    for start in steps:
        block = pairs[start : start + BLOCK]
        first = _sort_distinct(get_kmers(query[block[:, 0]])[0])
        forward, reverse = map(_sort_distinct, get_kmers(target[block[:, 1]]))
        shared = np.maximum(
            _count_shared(first, forward), _count_shared(first, reverse)
        )
        sizes = [(kmers != NO_KMER).sum(axis=1) for kmers in (first, forward)]
        union = np.maximum(1, sizes[0] + sizes[1] - shared)
        similarity[start : start + BLOCK] = shared / union
    return similarity


def hash_windows(windows: np.ndarray) -> np.ndarray:
    """Return one value per window, equal for equal and reverse-complement windows.

    Args:
        windows: uint8 ``(n, length)`` ASCII.

    Returns:
        int64 ``(n,)`` digests, of this process only. A window without any called base
        gets a value of its own: N against N is not a shared sequence.
    """
    n, length = windows.shape
    # What lies in the middle is the same too; where it occurs once, a number will do.
    size = min(30 + length % 2, length)
    middle = windows[:, (length - size) // 2 :][:, :size]
    words = np.zeros(n, dtype=np.uint64)
    for start in range(0, n, BLOCK):
        here = slice(start, start + BLOCK)
        words[here] = np.minimum(*get_kmers(middle[here], size))[:, 0]
    order, digests = np.argsort(words), np.arange(n)
    is_same = np.zeros(n + 1, dtype=bool)
    is_same[1:n] = words[order][1:] == words[order][:-1]
    repeated = order[is_same[1:] | is_same[:-1]]
    for start in range(0, len(repeated), BLOCK):
        rows = repeated[start : start + BLOCK]
        block = windows[rows]
        texts, turned = block.tobytes(), complement_bases(block[:, ::-1]).tobytes()
        for place, row in enumerate(rows.tolist()):
            here = slice(place * length, (place + 1) * length)
            text = min(texts[here], turned[here])
            if text.strip(b"N"):
                digests[row] = hash(text)
    return digests
