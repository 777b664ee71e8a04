"""Seqlets and their clusters on maps with known stretches."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from error_sequence_model.motifs.clusters import find_motifs_in_seqlets
from error_sequence_model.motifs.seqlets import LONGEST, SHORTEST, call_seqlets
from error_sequence_model.statistics import scale_maps

BASES = "ACGT"


def encode(word):
    return np.array([BASES.index(base) for base in word])


def plant(words, *, n=60, length=200, height=0.6, noise=0.1, seed=0, step=1):
    """Maps and codes with a word in turn in each site; signs by the words' order."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (n, length)).astype(np.int8)
    maps = rng.normal(0, noise, (n, length))
    starts = rng.integers(2, (length - 12) // step, n) * step
    for row, start in enumerate(starts):
        word, sign = words[row % len(words)]
        codes[row, start : start + len(word)] = encode(word)
        maps[row, start : start + len(word)] += sign * height
    return maps, codes, starts


def test_seqlets_are_where_they_were_planted_and_of_their_sign():
    maps, _, starts = plant([("TTAGGGT", 1), ("GACCATC", -1)])
    found = call_seqlets(maps)
    assert len(found) == 60
    assert (found["row"] == np.arange(60)).all()
    first, last = found["start"] - starts, found["end"] - starts - 7
    assert (first.abs() <= 2).mean() > 0.9 and (last.abs() <= 2).mean() > 0.9
    assert ((first < 7) & (last > -7)).all()
    assert (found["sign"] == np.where(np.arange(60) % 2 == 0, 1, -1)).all()
    assert (found["q"] <= 0.05).all()


@pytest.mark.parametrize("seed", range(4))
def test_noise_has_no_seqlets(seed):
    rng = np.random.default_rng(seed)
    assert len(call_seqlets(rng.normal(size=(80, 200)), seed=seed)) <= 4
    assert len(call_seqlets(np.zeros((5, 100)))) == 0


def test_tokens_of_several_bases_are_no_seqlets_by_themselves():
    """Four bases of one token share a value: that is no evidence of a stretch."""
    rng = np.random.default_rng(3)
    tokens = np.repeat(rng.normal(size=(60, 50)), 4, axis=1)
    assert len(call_seqlets(tokens)) <= 3
    maps, _, starts = plant([("TTAGGGTTAGGG", 1)], noise=0.0, step=4)
    noisy = maps + np.repeat(rng.normal(0, 0.1, (60, 50)), 4, axis=1)
    found = call_seqlets(noisy)
    assert len(found) >= 50
    assert (np.abs(found["start"] - starts[found["row"]]) <= 4).mean() > 0.9


def test_maps_without_a_sign_give_high_stretches_only():
    maps, _, _ = plant([("TTAGGGT", 1), ("GACCATC", -1)])
    assert set(call_seqlets(maps, is_signed=False)["sign"]) == {1}


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.integers(5, 60), st.integers(1, 12))
def test_seqlets_lie_in_the_window_and_are_no_longer_than_allowed(seed, length, n):
    rng = np.random.default_rng(seed)
    maps = np.cumsum(rng.normal(size=(n, length)), axis=1)
    found = call_seqlets(maps, fdr=0.5, seed=seed)
    assert (found["start"] >= 0).all() and (found["end"] <= length).all()
    sizes = found["end"] - found["start"]
    assert ((sizes >= SHORTEST) & (sizes <= LONGEST)).all()


def cluster(maps, codes):
    return find_motifs_in_seqlets(call_seqlets(maps), scale_maps(maps), codes)


def test_a_reverse_complement_is_another_motif():
    maps, codes, _ = plant([("TTAGGGT", 1), ("ACCCTAA", 1), ("GACCATC", -1)], n=90)
    found = cluster(maps, codes)
    assert {(m.consensus, m.sign) for m in found} == {
        ("TTAGGGT", 1),
        ("ACCCTAA", 1),
        ("GACCATC", -1),
    }
    for motif in found:
        assert len(motif.rows) == 30
        assert motif.matrix.max(axis=1).min() > 0.9
        assert np.allclose(motif.matrix.sum(axis=1), 1)
        heights = motif.contributions.sum(axis=1) * motif.sign
        assert (heights > 0).all()


def test_shifted_seqlets_are_aligned_and_placed():
    """Maps that show a part of the word each time: the motif is the word, placed."""
    maps, codes, starts = plant([("GATTACAG", 1)], n=80, height=0.0)
    rng = np.random.default_rng(5)
    for row, start in enumerate(starts):
        first = start + rng.integers(0, 3)
        maps[row, first : first + 6] += 0.7
    (motif,) = cluster(maps, codes)
    assert motif.consensus in "GATTACAG" and len(motif.consensus) >= 5
    shift = "GATTACAG".index(motif.consensus)
    assert (motif.starts == starts[motif.rows] + shift).mean() > 0.95


def test_few_seqlets_make_no_motif():
    maps, codes, _ = plant([("TTAGGGT", 1)], n=4)
    assert cluster(maps, codes) == []
