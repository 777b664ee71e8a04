"""Copies and pairs: told where they add something, and not where they do not."""

from __future__ import annotations

import numpy as np
import pytest

from error_sequence_model.causes.combinations import (
    count_apart,
    describe_combinations,
    measure_spacing,
)

N, LENGTH = 1200, 100
WIDTHS = {"a": 6, "b": 6}


def draw(seed, *, odds=0.0, distance=None):
    """Two words at random places; errors by `odds` (log) of a second copy of one."""
    rng = np.random.default_rng(seed)
    starts = {name: np.zeros((N, LENGTH), dtype=bool) for name in WIDTHS}
    n_copies = rng.integers(0, 3, N)
    place = rng.integers(10, 30, N)
    starts["a"][np.arange(N), place] = n_copies > 0
    starts["a"][np.arange(N), place + 10] = n_copies > 1
    other = place + distance if distance else rng.integers(45, 65, N)
    starts["b"][np.arange(N), other] = rng.random(N) < 0.6
    chance = 1 / (1 + np.exp(1 - 1.0 * (n_copies > 0) - odds * (n_copies > 1)))
    return starts, rng.random(N) < chance


def describe(case):
    return describe_combinations(case[0], WIDTHS, case[1], np.arange(N) // 2, fdr=0.05)


def test_hits_that_overlap_are_one():
    starts = np.zeros((2, 30), dtype=bool)
    starts[0, [3, 5, 8, 9, 20]] = True
    assert count_apart(starts, 5).tolist() == [3, 0]


def test_a_second_copy_is_told_where_it_adds_to_the_first():
    (found,) = describe(draw(1, odds=1.2))["copies"]
    assert found["explanation"] == "a" and found["q"] < 0.01
    assert found["low"] < np.exp(1.2) < found["high"]
    assert found["n_several"] > found["n_single"] > 100


def test_words_that_keep_a_distance_are_a_pair():
    (found,) = describe(draw(2, distance=12))["pairs"]
    assert (found["first"], found["second"]) == ("a", "b")
    assert found["distance"] == pytest.approx(12, abs=2)
    assert found["distance_q"] <= 0.05 and found["n_distance"] == found["n_both"]


def test_nothing_is_told_of_words_that_only_lie_side_by_side():
    told = [describe(draw(seed)) for seed in range(20)]
    assert sum(bool(one["copies"]) for one in told) <= 2
    assert sum(bool(one["pairs"]) for one in told) <= 3


def test_where_two_words_lie_by_themselves_makes_no_distance():
    rng = np.random.default_rng(0)
    p_values = [
        measure_spacing(
            rng.integers(20, 24, 80), rng.integers(40, 60, 80), np.arange(80), seed=seed
        )[2]
        for seed in range(20)
    ]
    assert np.mean(np.array(p_values) < 0.05) <= 0.15
    assert np.isnan(measure_spacing(*[np.arange(5)] * 3)[2])


def test_neighbours_that_share_their_words_are_one_finding():
    """Three sites within one stretch see the same two words: found in 33 % of nulls."""
    rng = np.random.default_rng(1)
    first, second = rng.integers(0, 60, 12), rng.integers(60, 140, 12)
    once = measure_spacing(first, second, np.arange(12))
    shifts = np.tile([0, 7, 14], 12)
    three = measure_spacing(
        *(np.repeat(place, 3) + shifts for place in (first, second)),
        np.repeat(np.arange(12), 3),
    )
    assert three == (once[0], 3 * once[1], once[2])
