"""Types of scores that have none, by the bases around."""

from __future__ import annotations

import numpy as np
import pytest

from error_sequence_model.predictors.base_codes import assign_types, encode


def test_types_follow_gt_and_ag():
    context = 30
    flank = "T" * context
    #          0123456789012345678901234567
    sequence = "CCAGGTAAGTCCCCCCAGATTTGCAAAT"
    is_donor, is_acceptor = assign_types(encode(flank + sequence + flank), context)
    assert list(np.flatnonzero(is_acceptor)) == [4, 9, 18]
    # 3: G|GTAAGT; 21: T|GC, no AG before it.
    assert list(np.flatnonzero(is_donor)) == [3, 7, 21]
    assert not (is_donor & is_acceptor).any()


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("GTCAGACGACGACGACGAACAG", "GTAAGTCC", "donor"),
        ("CTTTCTTTTCTCTTTCTTGCAG", "GTCCCCCC", "acceptor"),
    ],
)
def test_where_both_fit_the_surroundings_decide(before, after, expected):
    sequence = before + "G" + after
    place = len(before)
    codes = encode("N" * 30 + sequence + "N" * 30)
    is_donor, is_acceptor = assign_types(codes, 30)
    assert ("donor" if is_donor[place] else "acceptor") == expected
    assert is_donor[place] != is_acceptor[place]
