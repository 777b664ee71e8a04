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

from error_sequence_model.core import get_progress
from error_sequence_model.genome import complement_bases
from error_sequence_model.settings import NEAR
from error_sequence_model.splits.components import link_equal
from error_sequence_model.splits.kmers import NO_KMER, K, get_kmers

logger = logging.getLogger(__name__)

SKETCH_SIZE = 64  # k-mers kept per window, about
REPEAT_LIMIT = 64  # windows of one sketched k-mer that are compared with each other
RANGES = 16  # of hashes, one held at a time where copies are made
BLOCK = 512  # windows at a time: their k-mers stay in the cache


def _mix(values: np.ndarray) -> np.ndarray:
    """Hash uint64 values (the splitmix64 finaliser), so that sketches are unbiased."""
    with np.errstate(over="ignore"):
        x = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@dataclass(frozen=True)
class Sketch:
    """Sketched k-mers of a set of windows.

    Attributes:
        parts: ``(hashes, rows)`` of each range of hashes, the ranges rising: uint64 and
            int32 ``(n_kept,)``, sorted by hash, then by row of the window.
        sizes: int32 ``(n,)`` k-mers of each window.
    """

    parts: list[tuple[np.ndarray, np.ndarray]]
    sizes: np.ndarray


def sketch_windows(windows: np.ndarray) -> Sketch:
    """Keep about 64 k-mers per window, the same ones in windows that share them.

    Args:
        windows: uint8 ``(n, length)`` ASCII.
    """
    length = windows.shape[1] if windows.ndim == 2 else 0
    share = min(1.0, SKETCH_SIZE / max(1, length - K + 1))
    limit = np.uint64(min(share * 2.0**64, 2.0**64 - 2048))
    # Of a million windows these are gigabytes: sorted range by range, no copy is whole.
    bounds = np.arange(1, RANGES, dtype=np.uint64) * (limit // np.uint64(RANGES))
    sizes = np.zeros(len(windows), dtype=np.int32)
    found: list[list[tuple[np.ndarray, np.ndarray]]] = [[] for _ in range(RANGES)]
    for start in range(0, len(windows), BLOCK):
        forward, reverse = get_kmers(windows[start : start + BLOCK])
        kept = _mix(np.minimum(forward, reverse))
        is_kept = (kept <= limit) & (forward != NO_KMER)
        rows, hashes = _sort_once(np.nonzero(is_kept)[0], kept[is_kept])
        sizes[start : start + BLOCK] = np.bincount(rows, minlength=len(forward))
        rows = (rows + start).astype(np.int32)
        cuts = np.searchsorted(hashes, bounds)
        pairs = zip(np.split(hashes, cuts), np.split(rows, cuts), strict=True)
        for part, pair in zip(found, pairs, strict=True):
            part.append(pair)
    parts = []
    while found and found[0]:
        hashes, rows = map(np.concatenate, zip(*found.pop(0), strict=True))
        # Stable: the rows of a hash stay in the order of the blocks, which rises.
        order = np.argsort(hashes, kind="stable")
        parts.append((hashes[order], rows[order]))
    return Sketch(parts, sizes)


def _sort_once(rows: np.ndarray, hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sort by hash, then row; a k-mer that repeats within a window counts once."""
    order = np.argsort(hashes, kind="stable")
    rows, hashes = rows[order], hashes[order]
    is_new = np.ones(len(rows), dtype=bool)
    is_new[1:] = (hashes[1:] != hashes[:-1]) | (rows[1:] != rows[:-1])
    return rows[is_new], hashes[is_new]


def _count_pairs(
    first: list[np.ndarray], second: list[np.ndarray], n: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return each (first, second) once, and how often it occurs."""
    none = np.zeros(0, dtype=np.int64)
    codes = np.concatenate([none, *first]) * n + np.concatenate([none, *second])
    codes, counts = np.unique(codes, return_counts=True)
    return np.stack([codes // n, codes % n], axis=1), counts


def find_candidates(sketch: Sketch) -> tuple[np.ndarray, np.ndarray]:
    """Pair windows of one set that share sketched k-mers.

    Windows that share a k-mer with more than 64 others (a repeat) are paired with
    their next 64 in order only, which still chains them into one component.

    Returns:
        ``(pairs, counts)``: int64 ``(n_pairs, 2)``, first < second, and the number of
        sketched k-mers each pair shares.
    """
    first, second = [], []
    for hashes, rows in sketch.parts:
        for step in range(1, REPEAT_LIMIT + 1):
            is_same = hashes[step:] == hashes[:-step]
            if not is_same.any():
                break
            first.append(rows[:-step][is_same])
            second.append(rows[step:][is_same])
    return _count_pairs(first, second, max(1, len(sketch.sizes)))


def find_cross_candidates(
    query: Sketch, target: Sketch, is_query: np.ndarray, is_target: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pair query windows with target windows that share sketched k-mers.

    Args:
        query: Sketch of a set of windows.
        target: Sketch of a set of windows of the same length, or the same sketch.
        is_query: Which of the first are asked about, bool ``(n_query,)``.
        is_target: Which of the second may be found, bool ``(n_target,)``.

    Returns:
        ``(pairs, counts)`` as above, pairs of (query row, target row); at most 64
        targets are taken per shared k-mer, so that repeats stay affordable.
    """
    first, second = [], []
    for (hashes, rows), (others, places) in zip(query.parts, target.parts, strict=True):
        wanted, offered = is_query[rows], is_target[places]
        queries, targets = hashes[wanted], others[offered]
        low = np.searchsorted(targets, queries, side="left")
        high = np.searchsorted(targets, queries, side="right")
        counts = np.minimum(high - low, REPEAT_LIMIT)
        step = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        first.append(np.repeat(rows[wanted], counts))
        second.append(places[offered][np.repeat(low, counts) + step])
    return _count_pairs(first, second, max(1, len(is_target)))


def measure_pairs(
    query: tuple[np.ndarray, Sketch],
    target: tuple[np.ndarray, Sketch],
    pairs: np.ndarray,
    counts: np.ndarray,
    *,
    similarity: float = NEAR,
) -> np.ndarray:
    """Compute the similarity of candidate pairs, exactly where it can matter.

    A pair whose sketches share less than a quarter of what near-duplicates share on
    average keeps the sketches' own estimate; most candidates are such chance pairs.

    Args:
        query: Windows, uint8 ``(n_query, length)``, and their sketch.
        target: Windows, uint8 ``(n_target, length)``, and their sketch.
        pairs: int64 ``(n_pairs, 2)`` rows of query and target.
        counts: ``(n_pairs,)`` sketched k-mers each pair shares.
        similarity: From which similarity windows count as near-duplicates.

    Returns:
        float32 ``(n_pairs,)``.
    """
    total = query[1].sizes[pairs[:, 0]] + target[1].sizes[pairs[:, 1]]
    measured = (counts / np.maximum(1, total - counts)).astype(np.float32)
    # At a Jaccard index of j two sets share j / (1 + j) of their summed sizes.
    is_close = counts >= 0.25 * similarity / (1 + similarity) * total
    measured[is_close] = compare_pairs(query[0], target[0], pairs[is_close])
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
    """Link windows that resemble each other, for ``components.join_pairs``.

    Args:
        windows: uint8 ``(n, length)``.
        similarity: The least similarity that links two windows. Equal windows and
            reverse complements are linked whatever their length.

    Returns:
        Two ``(first, second)`` sets of row pairs.
    """
    sketch = sketch_windows(windows)
    pairs, counts = find_candidates(sketch)
    sketched = windows, sketch
    measured = measure_pairs(sketched, sketched, pairs, counts, similarity=similarity)
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
