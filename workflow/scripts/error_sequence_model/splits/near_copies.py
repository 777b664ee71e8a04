"""Near-copies: windows that share many 16-mers, every pair of them.

A window of ``size`` 16-mers that is similar to another by at least ``similarity``
shares ``need = similarity * size`` of them with it. So windows that share fewer with
all others together are left out, of a window's k-mers the commonest ``need`` cannot be
the only ones shared, and what the rarer ones find is compared exactly. No pair is lost
to that; in families of repeats it saves the work, as nearly all of it is spent on the
commonest k-mers.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_array

from error_sequence_model.settings import NEAR
from error_sequence_model.splits.components import join_pairs
from error_sequence_model.splits.homology import K, compare_pairs, cut_words, list_words

BLOCK, ROWS = 128, 16_384  # windows at a time
CHUNK = 2**18  # k-mers looked at at a time: few enough for the cache
HELD = 2**27  # k-mers sorted at a time, about
SKETCH = 2**26  # k-mers that estimates look at, at most
SURE = 16  # rarer k-mers that candidates share, if they must share as many
WORK = 50_000_000  # additions at a time
RARE = 64  # windows of a k-mer that still tells how near two windows are
_ROUNDS = (0, 1, 4, 16)  # ranks at which the candidates of a window are compared
_ROW, _MASK, _ONE = np.uint64(32), np.uint64(2**32 - 1), np.uint64(1)
_FACTOR = np.uint32(0x9E3779B1)  # odd: hashes are as different as the k-mers


class _Shared:
    """Which windows have which k-mers.

    Args:
        pieces: uint64 keys, sorted; the k-mers' hashes are replaced, in place, by the
            numbers 0, 1, ….
    """

    def __init__(self, pieces: list[np.ndarray]) -> None:
        self._pieces, self._n_kmers = pieces, 0
        for keys in pieces:
            is_new = np.ones(len(keys), dtype=bool)
            is_new[1:] = np.diff(keys >> _ROW) > 0
            numbers = np.cumsum(is_new) + (self._n_kmers - 1)
            self._n_kmers += int(is_new.sum())
            keys &= _MASK
            keys |= numbers.view(np.uint64) << _ROW

    def choose(
        self, is_row: np.ndarray, is_kmer: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Choose windows and k-mers: int32 both, sorted by k-mer."""
        chosen = [np.zeros((2, 0), dtype=np.int32)]
        for keys in self._pieces:
            rows, kmers = _get_rows(keys), (keys >> _ROW).view(np.int64)
            is_chosen = is_row[rows]
            if is_kmer is not None:
                is_chosen &= is_kmer[kmers]
            places = np.flatnonzero(is_chosen)
            chosen.append(np.stack([rows[places], kmers[places]]).astype(np.int32))
        rows, kmers = np.concatenate(chosen, axis=1)
        return rows, kmers

    def make_matrix(self, *chosen: np.ndarray) -> csr_array:
        """K-mers × windows with ones, of windows and k-mers to be chosen."""
        rows, kmers = self.choose(*chosen)
        starts = np.zeros(self._n_kmers + 1, dtype=np.int32)
        np.cumsum(np.bincount(kmers, minlength=self._n_kmers), out=starts[1:])
        ones = np.ones(len(rows), dtype=np.int32)
        return csr_array((ones, rows, starts), shape=(self._n_kmers, len(chosen[0])))


class NearCopies:
    """Finds near-copies among windows; what they share is listed once.

    Args:
        windows: uint8 ``(n, length)`` ASCII.
        similarity: From which similarity on (see ``homology``).
    """

    def __init__(self, windows: np.ndarray, similarity: float = NEAR) -> None:
        self._windows, self._similarity = windows, similarity
        width = max(0, windows.shape[1] - K + 1)
        n_kmers = len(windows) * width
        n_parts = max(1, -(-n_kmers // HELD))
        # A power of two, as the sketch is cut by whole bits.
        self._share = 1 << max(0, int(np.ceil(np.log2(max(1, n_kmers) / SKETCH))))
        self._sizes, repeats = np.zeros((2, len(windows)), dtype=np.int64)
        self._sizes += width
        buffer = np.empty(n_kmers // n_parts * 9 // 8, dtype=np.uint64)
        shared = []
        for part in range(n_parts):
            keys = _list_keys(windows, part, n_parts, self._sizes, buffer)
            keys.sort()
            shared += _list_shared(keys, repeats)
        del keys, buffer
        self._sizes -= repeats
        # A k-mer and its reverse complement may both be in a window: one token, twice.
        least = np.ceil(similarity * self._sizes - 1e-6).astype(np.int64) - repeats
        self._need = np.maximum(1, least)
        # All k-mers, or the part of them that tells enough below the similarity.
        last = np.uint64(2**64 // self._share - 1)
        self._sketch = _Shared([keys[keys <= last] for keys in shared])
        self._drop_few(shared)
        self._shared = _Shared(shared)

    def _drop_few(self, shared: list[np.ndarray]) -> None:
        """Leave out windows that share too few k-mers with all others together."""
        is_done = False
        while not is_done:
            has = np.zeros(len(self._need), dtype=np.int32)
            for keys in shared:  # of one type: twice as fast
                np.add.at(has, _get_rows(keys), np.int32(1))
            is_kept, is_done = has >= self._need, True
            for place, keys in enumerate(shared):
                is_here = is_kept[_get_rows(keys)]
                if not is_here.all():
                    keys = keys[np.flatnonzero(is_here)]
                    shared[place], is_done = _drop_lone(keys), False

    def measure(
        self, is_query: np.ndarray, is_target: np.ndarray, *, first: bool = True
    ) -> np.ndarray:
        """Measure how near queries come to targets, where that reaches the similarity.

        Args:
            is_query: bool ``(n,)``.
            is_target: bool ``(n,)``, of no query.
            first: The first near-copy is enough; else the greatest similarity.

        Returns:
            float32 ``(n,)``; 0 where no target is a near-copy.
        """
        nearest = np.zeros(len(self._need), dtype=np.float32)
        for pairs in self._list_candidates(is_query, is_target):
            ranks = np.arange(len(pairs)) - np.searchsorted(pairs[:, 0], pairs[:, 0])
            for low, high in zip(_ROUNDS, [*_ROUNDS[1:], len(pairs)], strict=True):
                is_due = (ranks >= low) & (ranks < high)
                if first:
                    is_due &= nearest[pairs[:, 0]] < self._similarity
                some = pairs[is_due]
                similarity = compare_pairs(self._windows, self._windows, some)
                np.maximum.at(nearest, some[:, 0], similarity)
        nearest[nearest < self._similarity] = 0
        return nearest

    def _list_candidates(
        self, is_query: np.ndarray, is_target: np.ndarray
    ) -> Iterator[np.ndarray]:
        """Pairs that may be near-copies, int64 ``(n, 2)``, by query, best first."""
        targets = self._shared.make_matrix(is_target)
        frequency = np.diff(targets.indptr)
        rows, kmers = self._shared.choose(is_query, frequency > 0)
        has = np.bincount(rows, minlength=len(self._need))
        has[has < self._need] = 0
        places = np.flatnonzero((has > 0)[rows])
        # Sorted in one go by window, then frequency as far as there are bits for it.
        n_bits = np.uint64(targets.shape[0].bit_length())
        free = 64 - int(n_bits) - len(has).bit_length()
        asked = rows[places].astype(np.uint64) << np.uint64(free)
        most = min(2**free, 2**31) - 1
        asked |= np.minimum(frequency[kmers[places]], most).astype(np.uint64)
        asked = asked << n_bits | kmers[places].astype(np.uint64)
        asked.sort()
        rows = (asked >> (n_bits + np.uint64(free))).view(np.int64)
        kmers = (asked & ((_ONE << n_bits) - _ONE)).view(np.int64)
        sure = np.minimum(self._need, SURE)
        # Of the `need` shared k-mers all but `need - sure` are among the rarer ones.
        kept = has - self._need + sure
        is_kept = np.arange(len(rows)) < (np.cumsum(has) - has + kept)[rows]
        rows, kmers = rows[is_kept], kmers[is_kept]
        work = np.cumsum(frequency[kmers])
        start = 0
        while start < len(rows):
            end = np.searchsorted(work, work[start] + WORK)
            end = np.searchsorted(rows, rows[min(end, len(rows) - 1)], side="right")
            is_first = np.diff(rows[start:end], prepend=-1) > 0
            queries, numbers = rows[start:end][is_first], np.cumsum(is_first) - 1
            matrix = csr_array(
                (np.ones(end - start, np.int32), (numbers, kmers[start:end])),
                shape=(len(queries), targets.shape[0]),
            )
            found = (matrix @ targets).tocoo()
            query = queries[found.row]
            is_likely = found.data >= sure[query]
            order = np.lexsort((-found.data[is_likely], query[is_likely]))
            yield np.stack(
                [query[is_likely][order], found.col[is_likely][order]], axis=1
            ).astype(np.int64)
            start = end

    def estimate(self, is_query: np.ndarray, is_target: np.ndarray) -> np.ndarray:
        """Estimate the greatest similarity to a target from k-mers of few windows.

        Returns:
            float32 ``(n,)``, below the similarity; 0 where nothing was asked.
        """
        frequency = np.diff(self._sketch.make_matrix(is_target).indptr)
        is_rare = (frequency > 0) & (frequency <= RARE)
        queries, targets = (
            self._sketch.make_matrix(x, is_rare) for x in (is_query, is_target)
        )
        shared = (queries.T @ targets).tocoo()
        count = shared.data * self._share
        sizes = self._sizes[shared.row] + self._sizes[shared.col]
        nearest = np.zeros(len(self._need), dtype=np.float32)
        np.maximum.at(nearest, shared.row, count / np.maximum(1, sizes - count))
        return np.minimum(nearest, np.nextafter(np.float32(self._similarity), 0))

    def link(self) -> tuple[np.ndarray, np.ndarray]:
        """Link near-copies: enough ``(first, second)`` rows for their components."""
        n = len(self._need)
        links = [np.zeros((0, 2), dtype=np.int64)]
        components, everything = np.arange(n), np.ones(n, dtype=bool)
        for pairs in self._list_candidates(everything, everything):
            pairs = pairs[pairs[:, 0] < pairs[:, 1]]
            for start in range(0, len(pairs), ROWS):
                some = pairs[start : start + ROWS]
                some = some[np.not_equal(*components[some].T)]
                similarity = compare_pairs(self._windows, self._windows, some)
                links.append(some[similarity >= self._similarity])
                components = join_pairs(n, *np.concatenate(links).T)
        first, second = np.concatenate(links).T
        return first, second


def _list_keys(
    windows: np.ndarray, part: int, n_parts: int, sizes: np.ndarray, buffer: np.ndarray
) -> np.ndarray:
    """List the 16-mers of windows, orientation ignored, of one part of all hashes.

    Args:
        windows: uint8 ``(n, length)``.
        part: From 0.
        n_parts: Of all hashes.
        sizes: int64 ``(n,)``: k-mers of each window; corrected where there is an N.
        buffer: uint64; grows if need be. Memory is dearer to get than to use.

    Returns:
        uint64 keys, the hashed k-mer before the window, in the buffer.
    """
    low, high = ((x << 32) // n_parts for x in (part, part + 1))
    rows = np.repeat(np.arange(BLOCK, dtype=np.uint64), windows.shape[1])
    used = 0
    for start in range(0, len(windows), BLOCK):
        block = windows[start : start + BLOCK]
        words = list_words(block, K)
        tokens = np.minimum(words.forward, words.reverse).astype(np.uint32, copy=False)
        tokens *= _FACTOR
        if words.is_whole is not None:
            is_whole = cut_words(words.is_whole, block.shape, K)
            sizes[start : start + len(block)] = is_whole.sum(axis=1)
        is_here = words.find_whole(block.shape)
        if n_parts > 1:
            is_here &= tokens - np.uint32(low) < np.uint32(high - low)
        # Places, as choosing by booleans in no order is slow.
        places = np.flatnonzero(is_here)
        if used + len(places) > len(buffer):
            buffer.resize(used + len(places) + len(buffer) // 8, refcheck=False)
        found = buffer[used : used + len(places)]
        found[:] = tokens[places]
        found <<= _ROW
        found |= rows[places]
        found += np.uint64(start)
        used += len(places)
    return buffer[:used]


def _get_rows(keys: np.ndarray) -> np.ndarray:
    """The windows of keys, int64."""
    return (keys & _MASK).view(np.int64)


def _list_shared(keys: np.ndarray, repeats: np.ndarray) -> list[np.ndarray]:
    """The keys of k-mers of two windows or more, each once, sorted, in pieces.

    Args:
        keys: uint64, sorted.
        repeats: int64 ``(n,)``; how often each window had a k-mer again is added.
    """
    shared, start = [np.zeros(0, dtype=np.uint64)], 0
    while start < len(keys):
        last = keys[min(start + CHUNK, len(keys)) - 1]
        end = np.searchsorted(keys, last | _MASK, side="right")
        some = keys[start:end]
        is_new = np.ones(len(some), dtype=bool)
        np.not_equal(some[1:], some[:-1], out=is_new[1:])
        if not is_new.all():
            np.add.at(repeats, _get_rows(some[~is_new]), 1)
            some = some[is_new]
        shared.append(_drop_lone(some))
        start = end
    return shared


def _drop_lone(keys: np.ndarray) -> np.ndarray:
    """Keep the k-mers of two windows or more; keys are sorted, each once."""
    tokens = keys >> _ROW
    is_shared = np.zeros(len(keys), dtype=bool)
    np.equal(tokens[1:], tokens[:-1], out=is_shared[1:])
    is_shared[:-1] |= is_shared[1:]
    return keys[np.flatnonzero(is_shared)]
