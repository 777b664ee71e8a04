"""Which windows resemble each other: k-mer sketches, then exact comparison.

Similarity is the Jaccard index of two windows' sets of 16-mers, the larger of the two
orientations (as they stand, or one reverse-complemented). Candidates come from a sketch
(the k-mers whose hash is small, orientation ignored); each is verified exactly. Windows
whose similarity reaches ``NEAR`` count as near-duplicates: 0.2 is about 93 % identity
over the whole window, or an identical third of it.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass

import numpy as np

from error_sequence_model.genomes.fasta import complement_bases
from error_sequence_model.jobs.logs import get_progress
from error_sequence_model.splitting.kmers import NO_KMER, K, get_kmers
from error_sequence_model.splitting.settings import NEAR
from error_sequence_model.splitting.unionfind import link_equal

logger = logging.getLogger(__name__)

SKETCH_SIZE = 64  # k-mers kept per window, about
REPEAT_LIMIT = 64  # windows of one sketched k-mer that are compared with each other
HASHES = 2**21  # looked up at a time
BLOCK = 512  # windows at a time: their k-mers stay in the cache


def _mix(values: np.ndarray) -> np.ndarray:
    """Hash uint64 values (the splitmix64 finaliser), so that sketches are unbiased."""
    with np.errstate(over="ignore"):
        x = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@dataclass(frozen=True)
class Sketch:
    """Sketched k-mers of a set of windows, sorted by hash, then row.

    Attributes:
        hashes: uint64 ``(n_kept,)``.
        rows: int32 ``(n_kept,)`` the window each belongs to.
    """

    hashes: np.ndarray
    rows: np.ndarray

    def select(self, is_chosen: np.ndarray) -> Sketch:
        """Keep the k-mers of some windows (bool ``(n,)``); rows keep their numbers."""
        kept = is_chosen[self.rows]
        return Sketch(self.hashes[kept], self.rows[kept])


def sketch_windows(windows: np.ndarray) -> Sketch:
    """Keep about 64 k-mers per window, the same ones in windows that share them.

    Args:
        windows: uint8 ``(n, length)`` ASCII.
    """
    length = windows.shape[1] if windows.ndim == 2 else 0
    share = min(1.0, SKETCH_SIZE / max(1, length - K + 1))
    limit = np.uint64(min(share * 2.0**64, 2.0**64 - 2048))
    hashes, rows = [], []
    for start in range(0, len(windows), BLOCK):
        forward, reverse = get_kmers(windows[start : start + BLOCK])
        kept = _mix(np.minimum(forward, reverse))
        is_kept = (kept <= limit) & (forward != NO_KMER)
        row, hash_ = np.nonzero(is_kept)[0], kept[is_kept]
        order = np.argsort(hash_, kind="stable")
        row, hash_ = row[order], hash_[order]
        # A k-mer that repeats within a window counts once.
        is_new = np.ones(len(row), dtype=bool)
        is_new[1:] = (hash_[1:] != hash_[:-1]) | (row[1:] != row[:-1])
        hashes.append(hash_[is_new])
        rows.append((row[is_new] + start).astype(np.int32))
    if not hashes:
        return Sketch(np.zeros(0, np.uint64), np.zeros(0, np.int32))
    # Of a million windows these are gigabytes: no copy is kept longer than needed. A
    # stable sort leaves the rows of a hash in the order of the blocks, which rises.
    hashes, rows = np.concatenate(hashes), np.concatenate(rows)
    order = np.argsort(hashes, kind="stable")
    hashes = hashes[order]
    return Sketch(hashes, rows[order])


def _count_pairs(
    first: np.ndarray, second: np.ndarray, n: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return each (first, second) once, and how often it occurs."""
    codes, counts = np.unique(first.astype(np.int64) * n + second, return_counts=True)
    return np.stack([codes // n, codes % n], axis=1), counts


def find_candidates(sketch: Sketch, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Pair windows of one set that share sketched k-mers.

    Windows that share a k-mer with more than 64 others (a repeat) are paired with
    their next 64 in order only, which still chains them into one component.

    Returns:
        ``(pairs, counts)``: int64 ``(n_pairs, 2)``, first < second, and the number of
        sketched k-mers each pair shares.
    """
    first, second = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
    for step in range(1, REPEAT_LIMIT + 1):
        is_same = sketch.hashes[step:] == sketch.hashes[:-step]
        if not is_same.any():
            break
        first.append(sketch.rows[:-step][is_same])
        second.append(sketch.rows[step:][is_same])
    return _count_pairs(np.concatenate(first), np.concatenate(second), max(1, n))


def find_cross_candidates(
    query: Sketch, target: Sketch, n: int
) -> tuple[np.ndarray, np.ndarray]:
    """Pair query windows with target windows that share sketched k-mers.

    Args:
        query: Sketch of some rows of a set of windows.
        target: Sketch of other rows of it.
        n: Number of windows in the set.

    Returns:
        ``(pairs, counts)`` as above, pairs of (query row, target row); at most 64
        targets are taken per shared k-mer, so that repeats stay affordable.
    """
    first, second = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
    for start in range(0, len(query.hashes), HASHES):
        block = slice(start, start + HASHES)
        low = np.searchsorted(target.hashes, query.hashes[block], side="left")
        high = np.searchsorted(target.hashes, query.hashes[block], side="right")
        counts = np.minimum(high - low, REPEAT_LIMIT)
        place = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        first.append(np.repeat(query.rows[block], counts))
        second.append(target.rows[np.repeat(low, counts) + place])
    return _count_pairs(np.concatenate(first), np.concatenate(second), max(1, n))


def measure_pairs(
    windows: np.ndarray,
    sketches: tuple[Sketch, Sketch],
    pairs: np.ndarray,
    counts: np.ndarray,
    *,
    similarity: float = NEAR,
) -> np.ndarray:
    """Compute the similarity of candidate pairs, exactly where it can matter.

    A pair whose sketches share less than a quarter of what near-duplicates share on
    average keeps the sketches' own estimate; most candidates are such chance pairs.

    Args:
        windows: uint8 ``(n, length)``.
        sketches: The sketches the pairs were found with (first and second column).
        pairs: int64 ``(n_pairs, 2)`` rows of ``windows``.
        counts: ``(n_pairs,)`` sketched k-mers each pair shares.
        similarity: From which similarity windows count as near-duplicates.

    Returns:
        float32 ``(n_pairs,)``.
    """
    first, second = (np.bincount(s.rows, minlength=len(windows)) for s in sketches)
    total = first[pairs[:, 0]] + second[pairs[:, 1]]
    measured = (counts / np.maximum(1, total - counts)).astype(np.float32)
    # At a Jaccard index of j two sets share j / (1 + j) of their summed sizes.
    is_close = counts >= 0.25 * similarity / (1 + similarity) * total
    measured[is_close] = compare_pairs(windows, windows, pairs[is_close])
    return measured


def _sorted_kmers(windows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per window its distinct k-mers, rising, then padding; and their number."""
    forward, reverse = get_kmers(windows)
    distinct = []
    for kmers in (forward, reverse):
        kmers = np.sort(kmers, axis=1)
        kmers[:, 1:][kmers[:, 1:] == kmers[:, :-1]] = NO_KMER
        distinct.append(np.sort(kmers, axis=1))
    return distinct[0], distinct[1], (distinct[0] != NO_KMER).sum(axis=1)


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
        first, _, n_first = _sorted_kmers(query[block[:, 0]])
        forward, reverse, n_second = _sorted_kmers(target[block[:, 1]])
        shared = np.maximum(
            _count_shared(first, forward), _count_shared(first, reverse)
        )
        union = np.maximum(1, n_first + n_second - shared)
        similarity[start : start + BLOCK] = shared / union
    return similarity


def link_homologous(
    windows: np.ndarray, *, similarity: float = NEAR
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Link windows that resemble each other, for ``unionfind.join_pairs``.

    Args:
        windows: uint8 ``(n, length)``.
        similarity: The least similarity that links two windows. Equal windows and
            reverse complements are linked whatever their length.

    Returns:
        Two ``(first, second)`` sets of row pairs.
    """
    sketch = sketch_windows(windows)
    pairs, counts = find_candidates(sketch, len(windows))
    measured = measure_pairs(
        windows, (sketch, sketch), pairs, counts, similarity=similarity
    )
    pairs = pairs[measured >= similarity]
    return [(pairs[:, 0], pairs[:, 1]), link_equal(hash_windows(windows))]


def hash_windows(windows: np.ndarray) -> np.ndarray:
    """Return one value per window, equal for equal and reverse-complement windows.

    Args:
        windows: uint8 ``(n, length)`` ASCII.

    Returns:
        ``(n,)`` 16-byte digests (dtype S32, hexadecimal). A window without any called
        base gets a value of its own: N against N is not a shared sequence.
    """
    digests = []
    for row in range(len(windows)):
        text = windows[row].tobytes()
        turned = complement_bases(windows[row][::-1]).tobytes()
        if not text.strip(b"N"):
            text = turned = b"%d" % row
        digests.append(
            hashlib.blake2b(min(text, turned), digest_size=16).hexdigest().encode()
        )
    return np.array(digests, dtype="S32")
