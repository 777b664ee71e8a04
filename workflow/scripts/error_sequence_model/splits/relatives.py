"""Which windows are relatives: shared seeds, then local alignment.

Two windows are relatives if the best local alignment of theirs, as they stand or one
reverse-complemented, has at least 80 % identity and covers at least half of both: what
an outside search (MMseqs2, nucleotide, ``--min-seq-id 0.8 -c 0.5``) calls a hit. Of
windows longer than 2,000 bases the 2,000 around the centre are compared.

Work is linear in the windows: seeds are long enough not to be shared by chance; of a
repeat's windows each is held against as many others, drawn at random, as 2,000 shared
seeds per window allow, and aligned to the 64 whose diagonals score best.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from error_sequence_model.core import get_progress
from error_sequence_model.splits.alignment import (
    LONGEST,
    are_relatives,
    score_diagonals,
    turn,
)
from error_sequence_model.splits.components import join_pairs
from error_sequence_model.splits.homology import list_words

SEEDS = range(11, 16)  # sizes of seeds; the more windows, the longer
CHANCE = 256  # windows that share a seed with one by chance, at most
HITS, CANDIDATES = 2000, 64  # per window
FEW_HITS = 50_000_000  # that are looked at in any case
LONE = 15  # bases of a seed that is enough alone
LEAST = 50  # of a diagonal; a seed alone scores up to 30, and by chance little more
BLOCK, CHUNK, ROUND = 128, 4_000_000, 32_768
SCORED = 4096  # pairs at a time
HELD = 100_000_000  # seeds held at a time
_PLACE, _ROW = np.uint64(11), np.uint64(22)  # bits of a key, beside one of turn
_ONE = np.uint64(1)
_MASK = (_ONE << _ROW) - _ONE
_DIAGONAL, _MIDDLE = np.uint64(12), 1 << 11
_BAND = np.uint64(5)  # bits of a diagonal that the band of the alignment covers
_TABLE = 24  # bits of the tables of the queries' seeds
_FACTORS = np.uint32(0x9E3779B1), np.uint32(0x85EBCA6B)  # odd


@dataclass(frozen=True)
class _Pairs:
    """Candidates, the best first.

    Attributes:
        first: int64 ``(n,)`` rows.
        second: int64 ``(n,)`` rows.
        is_turned: bool ``(n,)``: the second is reverse-complemented.
        diagonals: int64 ``(n,)``: place in the second minus place in the first.
    """

    first: np.ndarray
    second: np.ndarray
    is_turned: np.ndarray
    diagonals: np.ndarray

    def __len__(self) -> int:
        return len(self.first)

    def take(self, rows: np.ndarray) -> _Pairs:
        """Choose pairs."""
        return _Pairs(
            *(x[rows] for x in (self.first, self.second, self.is_turned)),
            self.diagonals[rows],
        )

    def get_windows(self, windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Both windows of each pair, in one orientation."""
        second = windows[self.second]
        second[self.is_turned] = turn(second[self.is_turned])
        return windows[self.first], second

    def align(self, windows: np.ndarray) -> np.ndarray:
        """Tell which are relatives."""
        return are_relatives(*self.get_windows(windows), self.diagonals)


def link_relatives(
    windows: np.ndarray, groups: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Link relatives of different groups: enough links for their components.

    Args:
        windows: uint8 ``(n, length)`` ASCII.
        groups: int ``(n,)`` from 0; windows of one group are joined anyway.

    Returns:
        ``(first, second)`` row pairs, the likest first.
    """
    windows = _cut_centre(windows)
    everything = np.ones(len(windows), dtype=bool)
    pairs = _find_pairs(windows, everything, everything, groups)
    links = [np.zeros((2, 0), dtype=np.int64)]
    components = groups
    n_groups = int(groups.max()) + 1
    for rows in _walk(len(pairs)):
        # What better pairs have joined need not be aligned.
        some = pairs.take(rows)
        some = some.take(components[some.first] != components[some.second])
        some = some.take(some.align(windows))
        links.append(np.stack([some.first, some.second]))
        joined = groups[np.concatenate(links, axis=1)]
        components = join_pairs(n_groups, *joined)[groups]
    first, second = np.concatenate(links, axis=1)
    return first, second


def find_relatives(
    windows: np.ndarray, is_query: np.ndarray, is_target: np.ndarray
) -> np.ndarray:
    """Find one relative of each query among the targets.

    Args:
        windows: uint8 ``(n, length)`` ASCII.
        is_query: bool ``(n,)``.
        is_target: bool ``(n,)``, of no query.

    Returns:
        int64 ``(n,)`` rows; -1 where there is none or nothing was asked.
    """
    windows = _cut_centre(windows)
    found = np.full(len(windows), -1)
    pairs = _find_pairs(windows, is_query, is_target)
    for rows in _walk(len(pairs)):
        some = pairs.take(rows)
        some = some.take(found[some.first] < 0)
        some = some.take(some.align(windows))
        found[some.first] = some.second
    return found


def _walk(n: int) -> Iterator[np.ndarray]:
    """Rows in rounds."""
    starts = range(0, n, ROUND)
    if len(starts) > 4:
        starts = get_progress(starts, what="aligning windows", unit="rounds")
    for start in starts:
        yield np.arange(start, min(start + ROUND, n))


def _cut_centre(windows: np.ndarray) -> np.ndarray:
    excess = max(0, windows.shape[1] - LONGEST)
    return windows[:, excess // 2 : excess // 2 + LONGEST]


def _find_pairs(
    windows: np.ndarray,
    is_query: np.ndarray,
    is_target: np.ndarray,
    groups: np.ndarray | None = None,
) -> _Pairs:
    """Pair queries with targets of another group whose shared diagonals score."""
    # Numbered at random, queries first: a repeat's partners are drawn by number.
    order = np.random.default_rng(1).permutation(len(windows))
    is_crossed = not (is_query & is_target).any()
    asked = order[is_query[order]]
    if is_crossed:
        asked = np.concatenate([asked, order[is_target[order]]])
    n_queries = int(is_query.sum())
    seeds = _Seeds(windows, asked, n_queries)
    most = max(HITS * n_queries, FEW_HITS) // seeds.n_parts
    kept = []
    for part in range(seeds.n_parts):
        keys = seeds.list_keys(part)
        hits = _match_keys(keys, n_queries if is_crossed else None, most)
        last = windows.shape[1] - seeds.size
        packed = np.concatenate([_pack_hits(keys, *hit, last) for hit in hits])
        pairs = _count_hits(packed, asked, LONE - seeds.size + 1)
        if groups is not None:
            pairs = pairs.take(groups[pairs.first] != groups[pairs.second])
        kept.append(_drop_chance(windows, pairs))
    return _choose_best(kept)


class _Seeds:
    """The seeds of windows, as keys: k-mer, number among the asked, turn, place.

    Of targets only what queries have is listed.

    Args:
        windows: uint8 ``(n, length)`` ASCII.
        asked: int64 ``(n_asked,)`` rows, queries first.
        n_queries: How many of them are queries.
    """

    def __init__(self, windows: np.ndarray, asked: np.ndarray, n_queries: int) -> None:
        self._windows, self._asked = windows, asked
        length = windows.shape[1]
        # By chance a window shares a seed with (length * bases of the others) / words.
        chance = float(length) ** 2 * len(asked)
        self.size = next((k for k in SEEDS if chance / (4**k / 2) <= CHANCE), SEEDS[-1])
        self._tables = []
        n_keys = len(asked) * max(0, length - self.size + 1)
        if n_queries < len(asked):
            queries = asked[:n_queries]
            # What they lack passes one of two tables by chance, rarely both.
            self._tables = [_Table(windows, queries, self.size, x) for x in _FACTORS]
            n_keys = int(n_keys * np.prod([table.share for table in self._tables]))
            n_keys += n_queries * length
        self.n_parts = n_keys // HELD + 1

    def list_keys(self, part: int) -> np.ndarray:
        """Sorted keys of one part of all k-mers, uint64 ``(n_keys,)``."""
        keys = [np.zeros(0, dtype=np.uint64)]
        for start in range(0, len(self._asked), BLOCK):
            windows = self._windows[self._asked[start : start + BLOCK]]
            words = list_words(windows, self.size)
            kmers = np.minimum(words.forward, words.reverse)
            is_here = words.find_whole(windows.shape)
            if self._tables:
                is_here &= self._tables[0].look_up(kmers)
            kept = np.flatnonzero(is_here)
            for table in self._tables[1:]:
                kept = kept[table.look_up(kmers[kept])]
            if self.n_parts > 1:
                kept = kept[_hash(kmers[kept], _FACTORS[1]) % self.n_parts == part]
            found = kmers[kept]
            is_turned = found < words.forward[kept]
            numbers, places = np.divmod(kept, windows.shape[1])
            numbers, places = numbers.astype(np.uint64), places.astype(np.uint64)
            found = found.astype(np.uint64) << _ROW | numbers + np.uint64(start)
            keys.append((found << _ONE | is_turned) << _PLACE | places)
        joined = np.concatenate(keys)
        joined.sort()
        return joined


class _Table:
    """Which hashes the seeds of windows have, one bit each, as that fits the cache.

    Attributes:
        share: Of hashes that are there.
    """

    def __init__(
        self, windows: np.ndarray, rows: np.ndarray, size: int, factor: np.uint32
    ) -> None:
        self._factor = factor
        is_there = np.zeros(1 << _TABLE, dtype=bool)
        for start in range(0, len(rows), BLOCK):
            block = windows[rows[start : start + BLOCK]]
            words = list_words(block, size)
            kmers = np.minimum(words.forward, words.reverse)
            is_there[_hash(kmers[words.find_whole(block.shape)], factor)] = True
        self.share = float(is_there.mean())
        self._bits = np.packbits(is_there, bitorder="little")

    def look_up(self, kmers: np.ndarray) -> np.ndarray:
        """Tell which k-mers may be there, bool."""
        hashes = _hash(kmers, self._factor)
        bits = self._bits.take(hashes // 8)
        bits >>= (hashes & 7).astype(np.uint8)
        return (bits & 1).view(bool)


def _hash(kmers: np.ndarray, factor: np.uint32) -> np.ndarray:
    """Numbers of ``_TABLE`` bits of k-mers of 32 bits at most."""
    hashes = kmers.astype(np.uint32)
    hashes *= factor
    hashes >>= np.uint32(32 - _TABLE)
    return hashes


def _match_keys(
    keys: np.ndarray, n_queries: int | None, most: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pair keys of one k-mer, in chunks.

    Args:
        keys: uint64 ``(n,)``, sorted.
        n_queries: Numbers below it are held against the others; None: all against all.
        most: Pairs, about: in repeats each key gets some of its partners only.

    Yields:
        ``(first, second)`` places in the keys.
    """
    yield np.zeros((2, 0), dtype=np.int64)
    kmers = keys >> (_ROW + _PLACE + _ONE)
    is_last = np.append(kmers[1:] != kmers[:-1], np.ones(min(len(keys), 1), bool))
    ends = np.flatnonzero(is_last) + 1
    starts = np.append(0, ends)[:-1]
    places = np.arange(len(keys))
    sizes = ends - starts
    if n_queries is None:
        begins, partners = places + 1, np.repeat(ends, sizes) - places - 1
        is_first = partners > 0
    else:
        is_first = (keys >> (_PLACE + _ONE) & _MASK) < n_queries
        middles = starts + np.add.reduceat(is_first, starts) if len(keys) else starts
        begins, partners = np.repeat(middles, sizes), np.repeat(ends - middles, sizes)
        is_first &= partners > 0
    rows = np.flatnonzero(is_first)
    if not len(rows):
        return
    begins, partners = begins[rows], partners[rows]
    limit = int(partners.max(initial=1))
    while limit > 1 and np.minimum(partners, limit).sum() > most:
        limit = limit * 3 // 4
    counts = np.minimum(partners, limit)
    sums = np.cumsum(counts)
    cuts = np.searchsorted(sums, np.arange(0, counts.sum(), CHUNK))
    for begin, end in zip(cuts, [*cuts[1:], len(rows)], strict=True):
        some = counts[begin:end]
        steps = np.arange(some.sum()) - np.repeat(np.cumsum(some) - some, some)
        if n_queries is not None:  # each starts elsewhere in the circle of partners
            steps = (steps + np.repeat(rows[begin:end], some)) % np.repeat(
                partners[begin:end], some
            )
        first, second = (np.repeat(x[begin:end], some) for x in (rows, begins))
        yield first, second + steps


def _pack_hits(
    keys: np.ndarray, first: np.ndarray, second: np.ndarray, last: int
) -> np.ndarray:
    """Pairs of keys as numbers of both windows, turn and diagonal, uint64 ``(n,)``.

    Args:
        keys: uint64 ``(n_keys,)``.
        first: int64 ``(n,)`` places in the keys.
        second: int64 ``(n,)``.
        last: Place of a window's last seed.
    """
    first, second = keys[first], keys[second]
    one = (first >> (_PLACE + _ONE)) & _MASK
    other = (second >> (_PLACE + _ONE)) & _MASK
    is_turned = ((first ^ second) >> _PLACE) & _ONE
    begin, end = (
        (x & ((_ONE << _PLACE) - _ONE)).astype(np.int64) for x in (first, second)
    )
    end = np.where(is_turned.view(np.int64), last - end, end)
    diagonal = (end - begin + _MIDDLE).astype(np.uint64)
    packed = ((one << _ROW | other) << _ONE | is_turned) << _DIAGONAL | diagonal
    return packed[one != other]


def _count_hits(packed: np.ndarray, asked: np.ndarray, least: int) -> _Pairs:
    """Pairs and diagonals of at least so many hits on near diagonals."""
    packed.sort()
    is_new = np.append(np.ones(min(len(packed), 1), bool), packed[1:] != packed[:-1])
    starts = np.flatnonzero(is_new)
    counts = np.diff(np.append(starts, len(packed)))
    packed = packed[starts]
    # Of diagonals near to each other the one with most hits stands for all.
    pairs = packed >> _BAND
    is_new = np.append(np.ones(min(len(pairs), 1), bool), pairs[1:] != pairs[:-1])
    starts = np.flatnonzero(is_new)
    if not len(starts):
        return _Pairs(*np.zeros((4, 0), dtype=np.int64))
    diagonals = (packed & ((_ONE << _DIAGONAL) - _ONE)).astype(np.int64)
    best = np.maximum.reduceat(counts << int(_DIAGONAL) | diagonals, starts)
    is_kept = np.add.reduceat(counts, starts) >= least
    pairs, best = packed[starts][is_kept] >> _DIAGONAL, best[is_kept]
    return _Pairs(
        asked[(pairs >> (_ROW + _ONE)).view(np.int64)],
        asked[(pairs >> _ONE & _MASK).view(np.int64)],
        (pairs & _ONE).astype(bool),
        (best & ((1 << int(_DIAGONAL)) - 1)) - _MIDDLE,
    )


def _drop_chance(windows: np.ndarray, pairs: _Pairs) -> tuple[_Pairs, np.ndarray]:
    """Keep the pairs whose diagonal scores more than a seed by chance."""
    scores = np.zeros(len(pairs), dtype=np.int16)
    for start in range(0, len(pairs), SCORED):
        some = pairs.take(np.arange(start, min(start + SCORED, len(pairs))))
        scores[start : start + SCORED] = score_diagonals(
            *some.get_windows(windows), some.diagonals
        )
    is_kept = scores >= LEAST
    return pairs.take(is_kept), scores[is_kept]


def _choose_best(found: list[tuple[_Pairs, np.ndarray]]) -> _Pairs:
    """Of each window's pairs the best ones, sorted."""
    pairs = _Pairs(
        *(
            np.concatenate([getattr(some, name) for some, _ in found])
            for name in ("first", "second", "is_turned", "diagonals")
        )
    )
    scores = np.concatenate([scores for _, scores in found])
    pairs = pairs.take(np.argsort(-scores, kind="stable"))
    ranks = [_rank(x) for x in (pairs.first, pairs.second)]
    return pairs.take(np.minimum(*ranks) < CANDIDATES)


def _rank(values: np.ndarray) -> np.ndarray:
    """How many equal values come before each, int64 ``(n,)``."""
    order = np.argsort(values, kind="stable")
    is_new = np.append(True, np.diff(values[order]) != 0)[: len(values)]
    starts = np.flatnonzero(is_new)
    ranks = np.empty(len(values), dtype=np.int64)
    sizes = np.diff(np.append(starts, len(values)))
    ranks[order] = np.arange(len(values)) - np.repeat(starts, sizes)
    return ranks
