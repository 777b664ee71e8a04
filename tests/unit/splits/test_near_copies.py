"""Near-copies: no pair is missed, in families of repeats or elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from error_sequence_model.genome import complement_bases
from error_sequence_model.splits import NearCopies, near_copies
from error_sequence_model.splits.components import join_pairs
from error_sequence_model.splits.homology import compare_pairs

BASES = np.frombuffer(b"ACGT", np.uint8)
FAMILY, OLD, YOUNG = 40, 0.12, 0.03  # windows; changed bases of repeats


def draw(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.choice(BASES, size=shape)


def change(window: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    is_changed = rng.random(len(window)) < share
    return np.where(is_changed, draw(rng, len(window)), window)


def make_families(seed: int) -> np.ndarray:
    """Three repeat families of old and young copies, turned or not, and others."""
    rng = np.random.default_rng(seed)
    windows = draw(rng, 5 * FAMILY, 400)
    for family in range(3):
        repeat = draw(rng, 300)
        for row in range(family * FAMILY, (family + 1) * FAMILY):
            start = rng.integers(100)
            share = YOUNG if row % 5 == 0 else OLD
            windows[row, start : start + 300] = change(repeat, share, rng)
            if row % 2:
                windows[row] = complement_bases(windows[row, ::-1])
    # Few different k-mers, the same in two windows, and all of one base.
    windows[-2] = windows[-1] = np.tile(draw(rng, 7), 58)[:400]
    windows[-3] = windows[-4] = ord("A")
    windows[-5, 200:] = complement_bases(windows[-5, 199::-1])  # a hairpin
    windows[-6] = windows[-5]
    return windows[rng.permutation(len(windows))]


def compare_all(windows: np.ndarray) -> np.ndarray:
    n = len(windows)
    pairs = np.stack(np.nonzero(np.ones((n, n))), axis=1)
    return compare_pairs(windows, windows, pairs).reshape(n, n)


@pytest.mark.parametrize("similarity", [0.1, 0.2, 0.4])
def test_no_pair_is_missed_in_repeat_families(similarity, monkeypatch) -> None:
    # Sorted in parts and multiplied in blocks, as many windows are.
    monkeypatch.setattr(near_copies, "HELD", 20_000)
    monkeypatch.setattr(near_copies, "WORK", 10_000)
    windows = make_families(1)
    known = compare_all(windows)
    parts = np.random.default_rng(2).integers(0, 3, len(windows))
    near, n_near = NearCopies(windows, similarity), 0
    for query, target in ((1, 2), (0, 2), (0, 1)):
        is_query, is_target = parts == query, parts == target
        expected = known[:, is_target].max(axis=1)
        expected[~is_query | (expected < similarity)] = 0
        n_near += int((expected > 0).sum())
        greatest = near.measure(is_query, is_target, first=False)
        assert np.allclose(greatest, expected)
        found = near.measure(is_query, is_target)
        assert ((found > 0) == (expected > 0)).all()
    assert n_near >= 2
    expected = join_pairs(len(windows), *np.nonzero(known >= similarity))
    assert join_pairs(len(windows), *near.link()).tolist() == expected.tolist()


def test_pairs_that_share_just_enough_are_found(monkeypatch) -> None:
    monkeypatch.setattr(near_copies, "HELD", 2_000)
    whole = draw(np.random.default_rng(3), 40, 400)
    pieces = np.full_like(whole, ord("N"))
    # 78 of the 385 k-mers are more than a fifth, 76 are less.
    pieces[:20, 30:123], pieces[20:, 30:121] = whole[:20, :93], whole[20:, :91]
    near = NearCopies(np.concatenate([whole, pieces]), 0.2)
    is_piece, is_near = np.arange(80) >= 40, np.arange(80) % 40 < 20
    for is_query in (is_piece, ~is_piece):
        found = near.measure(is_query, ~is_query) > 0
        assert found.tolist() == (is_query & is_near).tolist()


def test_estimates_stay_below_the_similarity_and_near_the_truth() -> None:
    rng = np.random.default_rng(4)
    windows = draw(rng, 60, 400)
    for row in range(20):  # a twentieth to a half of another window
        windows[row + 20, : 20 + 10 * row] = windows[row, : 20 + 10 * row]
    is_query, is_target = np.arange(60) < 20, np.arange(60) >= 20
    found = NearCopies(windows, 0.2).estimate(is_query, is_target)
    known = compare_all(windows)[:20, 20:].max(axis=1)
    assert (found < 0.2).all()
    assert np.allclose(found[:20], np.minimum(known, 0.2), atol=0.01)
    assert not found[20:].any()


@pytest.mark.parametrize("windows", [np.zeros((0, 40)), np.full((3, 40), ord("N"))])
def test_nothing_is_like_nothing(windows: np.ndarray) -> None:
    near = NearCopies(windows.astype(np.uint8))
    is_query = np.arange(len(windows)) == 0
    assert not near.measure(is_query, ~is_query).any()
    assert not near.estimate(is_query, ~is_query).any()
