"""Agreement beyond chance against tables worked out by hand, and genes as units."""

from __future__ import annotations

import numpy as np
import pytest

from error_sequence_model.statistics import measure_agreement


def make_verdicts(both: int, first: int, second: int, neither: int):
    counts = [both, first, second, neither]
    return (
        np.repeat([True, True, False, False], counts),
        np.repeat([True, False, True, False], counts),
    )


@pytest.mark.parametrize(
    ("counts", "kappa"),
    # Cohen's table of two raters; the same everywhere; opposite; chance alone.
    [
        ((20, 5, 10, 15), 0.4),
        ((5, 0, 0, 5), 1.0),
        ((0, 5, 5, 0), -1.0),
        ((25, 25, 25, 25), 0.0),
    ],
)
def test_kappa_of_tables_by_hand(counts, kappa) -> None:
    first, second = make_verdicts(*counts)
    found = measure_agreement(first, second, np.arange(len(first)))
    assert found[:4] == counts
    assert found.kappa == pytest.approx(kappa)
    assert found.low <= kappa <= found.high


def test_shared_is_of_those_with_any_yes() -> None:
    first, second = make_verdicts(2, 1, 1, 96)
    found = measure_agreement(first, second, np.arange(100))
    assert found.shared == 0.5


def test_copies_of_a_gene_make_nothing_surer() -> None:
    first, second = make_verdicts(20, 5, 10, 15)
    genes = np.arange(50)
    once = measure_agreement(first, second, genes)
    four = measure_agreement(np.tile(first, 4), np.tile(second, 4), np.tile(genes, 4))
    assert (four.low, four.high) == pytest.approx((once.low, once.high))
    apart = measure_agreement(
        np.tile(first, 4), np.tile(second, 4), np.arange(200), draws=500
    )
    assert apart.high - apart.low < 0.7 * (once.high - once.low)


def test_nothing_to_agree_on_is_nan() -> None:
    no = np.zeros(10, dtype=bool)
    found = measure_agreement(no, no, np.arange(10))
    assert np.isnan(found.kappa) and np.isnan(found.low) and np.isnan(found.shared)


def test_one_gene_says_nothing_of_how_sure_an_agreement_is() -> None:
    first, second = make_verdicts(20, 5, 10, 15)
    found = measure_agreement(first, second, np.zeros(50, dtype=int))
    assert found.kappa == pytest.approx(0.4)
    assert np.isnan(found.low) and np.isnan(found.high)
