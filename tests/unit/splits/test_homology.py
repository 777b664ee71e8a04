"""Which windows resemble each other, and what is joined to what."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from error_sequence_model.genome import clean_bases, reverse_complement
from error_sequence_model.splits import get_kmers
from error_sequence_model.splits.components import join_pairs, link_equal, link_overlaps
from error_sequence_model.splits.homology import compare_pairs, hash_windows


def random_windows(n: int, length: int = 300, seed: int = 1) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.choice(np.frombuffer(b"ACGT", np.uint8), size=(n, length))


def turn(window: np.ndarray) -> np.ndarray:
    return clean_bases(reverse_complement(window.tobytes().decode()))


@given(st.integers(1, 31), st.text("ACGTN", min_size=1, max_size=40))
def test_kmers_of_any_size_are_those_of_the_text(k: int, text: str) -> None:
    windows = np.frombuffer(text.encode(), np.uint8)[None]
    forward, reverse = get_kmers(windows, k)
    assert forward.shape == reverse.shape == (1, max(0, len(text) - k + 1))
    for place in range(forward.shape[1]):
        word = text[place : place + k]
        for kmer, letters in ((forward, word), (reverse, reverse_complement(word))):
            number = (
                int("".join(str("ACGT".find(base)) for base in letters), 4)
                if ("N" not in word)
                else 2**64 - 1
            )
            assert int(kmer[0, place]) == number


def test_kmers_and_their_reverse_complements() -> None:
    windows = np.stack([clean_bases("ACGTTN")])
    forward, reverse = get_kmers(windows, 3)
    assert forward[0, :3].tolist() == [0b000110, 0b011011, 0b101111]
    turned, _ = get_kmers(np.stack([turn(windows[0])]), 3)
    assert reverse[0, :3].tolist() == turned[0, ::-1][:3].tolist()
    assert forward[0, 3] == reverse[0, 3] == np.uint64(2**64 - 1)


def test_similarity_is_the_jaccard_index_of_either_orientation() -> None:
    windows = random_windows(4)
    half = np.concatenate([windows[0][:158], windows[1][158:]])
    query = np.stack([windows[0], turn(windows[0]), half, windows[2]])
    pairs = np.array([[0, 0], [1, 0], [2, 0], [3, 0]])
    found = compare_pairs(query, windows, pairs)
    # `half` shares 143 of its 285 16-mers: 143 / (285 + 285 - 143).
    assert np.allclose(found, [1, 1, 143 / 427, 0], atol=0.01)


def test_windows_of_n_are_nobodys_copy() -> None:
    windows = np.full((3, 50), ord("N"), dtype=np.uint8)
    assert len(set(hash_windows(windows))) == 3


intervals = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 60), st.integers(1, 15)), max_size=25
)


@given(intervals)
def test_overlap_links_equal_brute_force(found: list[tuple[int, int, int]]) -> None:
    n = len(found)
    chrom, start, length = (
        np.array(x, dtype=np.int64)
        for x in (zip(*found, strict=True) if found else ([], [], []))
    )
    end = start + length
    one, two = np.nonzero(
        (chrom[:, None] == chrom) & (start[:, None] < end) & (start < end[:, None])
    )
    expected = join_pairs(n, one, two)
    assert (
        join_pairs(n, *link_overlaps(chrom, start, end)).tolist() == expected.tolist()
    )


@given(st.lists(st.integers(0, 5), max_size=30))
def test_equal_links(values: list[int]) -> None:
    groups = join_pairs(len(values), *link_equal(np.array(values, dtype=np.int64)))
    table = dict(zip(values, groups.tolist(), strict=True))
    assert [table[value] for value in values] == groups.tolist()
    assert len(set(table.values())) == len(table)
