from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from error_sequence_model.attribution import draw_alternatives
from error_sequence_model.attribution.shuffling import shuffle_dinucleotides

QUICK = settings(max_examples=60, deadline=None)


@QUICK
@given(st.text("ACGTN", max_size=120), st.integers(0, 99))
def test_dinucleotide_counts_are_kept_exactly(text, seed) -> None:
    symbols = np.frombuffer(text.encode(), dtype=np.uint8)
    shuffled = shuffle_dinucleotides(symbols, np.random.default_rng(seed))
    assert shuffled.dtype == symbols.dtype
    assert Counter(pairwise(shuffled.tolist())) == Counter(pairwise(symbols.tolist()))
    if len(text):
        assert shuffled[0] == symbols[0]
        assert shuffled[-1] == symbols[-1]


def test_draws_differ_and_repeat_with_their_seed() -> None:
    symbols = np.random.default_rng(0).integers(0, 4, 200)
    draws = [
        shuffle_dinucleotides(symbols, np.random.default_rng(seed))
        for seed in range(20)
    ]
    assert len({draw.tobytes() for draw in draws}) == 20
    again = shuffle_dinucleotides(symbols, np.random.default_rng(3))
    assert np.array_equal(again, draws[3])
    assert np.mean([(draw == symbols).mean() for draw in draws]) < 0.4


def test_all_eulerian_paths_are_equally_likely() -> None:
    symbols = np.array([0, 1, 0, 2, 0, 1, 2, 0])
    rng = np.random.default_rng(0)
    counts = Counter(shuffle_dinucleotides(symbols, rng).tobytes() for _ in range(6000))
    shares = np.array(list(counts.values())) / 6000
    assert len(counts) > 4
    # Distinct sequences stand for equally many paths, as only equal edges are swapped.
    assert np.allclose(shares, 1 / len(counts), atol=0.03)


@QUICK
@given(st.text("ACGTN", min_size=1, max_size=80), st.integers(0, 99))
def test_alternatives_always_differ_and_are_bases(text, seed) -> None:
    found = draw_alternatives(text, 5, np.random.default_rng(seed))
    assert found.shape == (5, len(text))
    own = np.frombuffer(text.encode(), dtype="S1")
    assert (found != own).all()
    assert set(np.unique(found)) <= {b"A", b"C", b"G", b"T"}


def test_alternatives_follow_the_composition_of_the_sequence() -> None:
    text = "ACACACACACACAGACACACACAC" * 20
    found = draw_alternatives(text, 20, np.random.default_rng(0))
    own = np.frombuffer(text.encode(), dtype="S1")
    after_a = np.flatnonzero(own[:-1] == b"A") + 1
    of_c = found[:, after_a[own[after_a] == b"C"]]
    assert (of_c == b"G").mean() > 0.8, "C after A is replaced by what else follows A"
