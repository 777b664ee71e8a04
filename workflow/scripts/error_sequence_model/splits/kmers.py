"""The k-mers of windows, two bits a base, and their reverse complements."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

K = 16

_CODES = np.full(256, 255, dtype=np.uint8)
for _code, _base in enumerate(b"ACGT"):
    _CODES[_base] = _code
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
    n, length = windows.shape
    if length < k:
        return np.zeros((n, 0), dtype=np.uint64), np.zeros((n, 0), dtype=np.uint64)
    codes = _CODES[windows]
    is_base = codes < 4
    codes = np.where(is_base, codes, 0).astype(np.uint64)
    step = _Words(codes, np.uint64(3) - codes, is_base, 1)
    words, left = None, k
    # Words of 1, 2, 4, … bases; those of k's binary digits make up the k-mer.
    while left:
        if left % 2:
            words = step if words is None else words.join(step)
        left //= 2
        step = step.join(step) if left else step
    forward, reverse = words.forward, words.reverse
    forward[~words.is_whole] = NO_KMER
    reverse[~words.is_whole] = NO_KMER
    return forward, reverse


@dataclass(frozen=True)
class _Words:
    """The words of one size at each place of windows: (n, length - size + 1) arrays."""

    forward: np.ndarray  # uint64
    reverse: np.ndarray  # uint64
    is_whole: np.ndarray  # bool: no N is in it
    size: int

    def join(self, other: _Words) -> _Words:
        """Put the other words behind these."""
        width = self.forward.shape[1] - other.size
        mine, theirs = slice(0, width), slice(self.size, self.size + width)
        return _Words(
            (self.forward[:, mine] << np.uint64(2 * other.size))
            | other.forward[:, theirs],
            self.reverse[:, mine]
            | (other.reverse[:, theirs] << np.uint64(2 * self.size)),
            self.is_whole[:, mine] & other.is_whole[:, theirs],
            self.size + other.size,
        )
