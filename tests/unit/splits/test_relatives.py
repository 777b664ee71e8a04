"""Relatives: windows that align at 80 % identity over half of both."""

from __future__ import annotations

import numpy as np
import pytest

from error_sequence_model.splits.alignment import are_relatives, score_diagonals, turn
from error_sequence_model.splits.components import join_pairs
from error_sequence_model.splits.relatives import find_relatives, link_relatives

BASES = np.frombuffer(b"ACGT", np.uint8)
LENGTH = 400


def draw(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.choice(BASES, size=shape)


def change(window: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Other bases at just this share of the places."""
    codes = np.searchsorted(BASES, window)
    places = rng.permutation(len(window))[: round(share * len(window))]
    codes[places] = (codes[places] + rng.integers(1, 4, len(places))) % 4
    return BASES[codes]


def make_pair(
    rng: np.random.Generator, shared: int, share: float, gap: int = 0
) -> tuple[np.ndarray, np.ndarray, int]:
    """Two windows that share a stretch, and its diagonal."""
    one, other = draw(rng, 2, LENGTH)
    first, second = rng.integers(0, LENGTH - shared - gap + 1, 2)
    stretch = one[first : first + shared]
    half = shared // 2
    copy = np.concatenate([stretch[:half], draw(rng, gap), stretch[half:]])
    other[second : second + shared + gap] = change(copy, share, rng)
    return one, other, second - first


@pytest.mark.parametrize(
    ("shared", "share", "gap", "expected"),
    [
        (230, 0.15, 0, True),
        (230, 0.10, 12, True),
        (150, 0.05, 0, False),
        (380, 0.30, 0, False),
    ],
)
def test_identity_and_coverage_decide(shared, share, gap, expected) -> None:
    rng = np.random.default_rng(7)
    pairs = [make_pair(rng, shared, share, gap) for _ in range(20)]
    query, target = (np.stack([pair[i] for pair in pairs]) for i in (0, 1))
    diagonals = np.array([pair[2] for pair in pairs])
    found = are_relatives(query, target, diagonals)
    assert found.sum() >= 18 if expected else not found.any()
    if expected:
        assert score_diagonals(query, target, diagonals).min() > 60


def test_alignments_equal_the_textbook() -> None:
    rng = np.random.default_rng(3)
    from error_sequence_model.splits import alignment

    query = draw(rng, 6, 40)
    target = np.stack([np.roll(change(row, 0.2, rng), 3) for row in query])
    target[:, 20:] = np.roll(target[:, 20:], 2, axis=1)
    query[0, 5] = target[0, 5] = ord("N")
    found, _ = alignment._align(query, target, np.full(6, 3), alignment._SCORE)
    packed, _ = alignment._align(query, target, np.full(6, 3), alignment._PACKED)
    expected = [smith_waterman(*pair) for pair in zip(query, target, strict=True)]
    assert found.tolist() == expected
    assert (packed >> 36).tolist() == expected


def smith_waterman(query: np.ndarray, target: np.ndarray) -> int:
    """Best local score, match 2, mismatch -3, gap 5 + 2 a base; cell by cell."""
    n, m = len(query) + 1, len(target) + 1
    score, across, down = np.zeros((n, m)), *np.full((2, n, m), -1e9)
    for i in range(1, n):
        for j in range(1, m):
            is_same = query[i - 1] == target[j - 1] != ord("N")
            across[i, j] = max(score[i, j - 1] - 7, across[i, j - 1] - 2)
            down[i, j] = max(score[i - 1, j] - 7, down[i - 1, j] - 2)
            step = score[i - 1, j - 1] + (2 if is_same else -3)
            score[i, j] = max(0, step, across[i, j], down[i, j])
    return int(score.max())


def make_families() -> tuple[np.ndarray, np.ndarray]:
    """Windows and their families: 20 of three relatives, turned or not; 40 of one."""
    rng = np.random.default_rng(5)
    windows, families = draw(rng, 100, LENGTH), np.arange(100)
    for family in range(20):
        for copy in (40 + family, 60 + family):
            place = rng.integers(0, 150)
            stretch = windows[family, 70:320]
            windows[copy, place : place + 250] = change(stretch, 0.12, rng)
            families[copy] = family
            if rng.random() < 0.5:
                windows[copy] = turn(windows[copy : copy + 1])[0]
    return windows, families


def test_families_are_found_and_nothing_else() -> None:
    windows, families = make_families()
    links = link_relatives(windows, np.arange(len(windows)))
    found = join_pairs(len(windows), *links)
    assert (found[:, None] == found).tolist() == (
        families[:, None] == families
    ).tolist()
    # What is in one group is not compared.
    assert not link_relatives(windows, families)[0].size


def test_each_query_gets_a_relative_among_the_targets() -> None:
    windows, _ = make_families()
    rows = np.arange(len(windows))
    is_query, is_target = rows < 40, rows >= 60
    found = find_relatives(windows, is_query, is_target)
    assert found[:20].tolist() == list(range(60, 80))
    assert (found[20:] == -1).all()


def test_long_windows_are_compared_around_the_centre() -> None:
    rng = np.random.default_rng(6)
    windows = draw(rng, 4, 3000)
    windows[1, 500:2500] = change(windows[0, 500:2500], 0.1, rng)
    windows[3, :500] = windows[2, :500]
    is_query = np.array([True, False, True, False])
    assert find_relatives(windows, is_query, ~is_query).tolist() == [1, -1, -1, -1]
