"""Calls are paired with sites one to one."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from error_sequence_model.calling import match_calls
from error_sequence_model.calling.pairing import pair_sites
from error_sequence_model.settings import CallSettings

places = st.lists(st.integers(0, 30), max_size=7, unique=True)


def as_sites(junctions: list[int], strand: str = "-") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "chrom": "c",
            "junction": np.array(junctions, dtype=np.int64),
            "strand": strand,
            "splice_type": "donor",
            "region": 0,
        }
    )


@given(places, places, st.integers(0, 6))
def test_pairing_is_a_maximum_matching_of_least_distance(
    calls: list[int], truth: list[int], reach: int
) -> None:
    call_of, shift = pair_sites(as_sites(calls), as_sites(truth), reach)
    paired = call_of[call_of >= 0]
    assert len(set(paired)) == len(paired)
    total = 0
    for site, (row, distance) in enumerate(zip(call_of, shift, strict=True)):
        if row >= 0:
            assert distance == -(calls[row] - truth[site])
            assert abs(distance) <= reach
            total += abs(distance)
    assert (len(paired), -total) == best_matching(calls, truth, reach)


def best_matching(calls: list[int], truth: list[int], reach: int) -> tuple[int, int]:
    """Brute force over sites in order; both sides sorted pair without crossing."""
    calls, truth = sorted(calls), sorted(truth)
    best = [[(0, 0)] * (len(calls) + 1) for _ in range(len(truth) + 1)]
    for i, j in itertools.product(range(len(truth)), range(len(calls))):
        options = [best[i][j + 1], best[i + 1][j]]
        distance = abs(truth[i] - calls[j])
        if distance <= reach:
            n, total = best[i][j]
            options.append((n + 1, total - distance))
        best[i + 1][j + 1] = max(options)
    return best[-1][-1]


def test_the_first_base_above_the_threshold_does_not_take_the_site() -> None:
    # Calls at 9 and 10; the site is at 10. Greedy scanning would pair 9.
    found = match_calls(
        as_sites([9, 10], "+"), as_sites([10], "+"), CallSettings(tolerance=2)
    )
    assert found["call_class"].tolist() == ["exact", "unannotated"]
