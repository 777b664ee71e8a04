"""Odds ratios, q values and coverage against truth that is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control

from error_sequence_model.statistics import (
    adjust_p_values,
    measure_coverage,
    measure_odds_ratios,
)


def make_table(errors_with: int, errors: int, correct_with: int, correct: int):
    """A flag and labels with these counts."""
    flag = np.zeros(errors + correct)
    flag[:errors_with] = 1
    flag[errors : errors + correct_with] = 1
    labels = (np.arange(errors + correct) < errors).astype(int)
    return pd.DataFrame({"flag": flag}), labels


def test_odds_ratio_is_that_of_the_table():
    flags, labels = make_table(30, 100, 20, 200)
    found = measure_odds_ratios(flags, labels, np.arange(300)).loc["flag"]
    expected = (30.5 / 70.5) / (20.5 / 180.5)
    assert found["odds_ratio"] == pytest.approx(expected)
    assert found["low"] < expected < found["high"]
    # Independent sites: the interval is Woolf's, but for t in place of z.
    error = np.sqrt(1 / 30.5 + 1 / 70.5 + 1 / 20.5 + 1 / 180.5)
    half = np.log(found["high"] / found["odds_ratio"])
    assert half == pytest.approx(1.96 * error, rel=0.03)


def test_clusters_widen_the_interval_and_empty_cells_stay_finite():
    flags, labels = make_table(30, 100, 20, 200)
    alone = measure_odds_ratios(flags, labels, np.arange(300)).loc["flag"]
    # Genes that are all alike inside: ten copies of a smaller sample.
    genes = np.concatenate([np.arange(100) // 10, 100 + np.arange(200) // 10])
    together = measure_odds_ratios(flags, labels, genes).loc["flag"]
    assert together["odds_ratio"] == alone["odds_ratio"]
    assert together["high"] > 1.5 * alone["high"]
    flags, labels = make_table(30, 100, 0, 200)
    found = measure_odds_ratios(flags, labels, np.arange(300)).loc["flag"]
    assert np.isfinite(found).all()
    assert found["high"] > 10 * found["odds_ratio"]


def test_too_few_or_undefined_sites_are_not_tested():
    flags, labels = make_table(4, 100, 0, 200)
    assert measure_odds_ratios(flags, labels, np.arange(300))["p"].isna().all()
    flags, labels = make_table(30, 100, 20, 200)
    partly = flags.assign(flag=flags["flag"].mask(np.arange(300) % 2 == 0))
    kept = np.arange(300) % 2 == 1
    found = measure_odds_ratios(partly, labels, np.arange(300))
    same = measure_odds_ratios(flags[kept], labels[kept], np.arange(300)[kept])
    pd.testing.assert_frame_equal(found, same)


def test_p_values_are_even_where_there_is_nothing():
    generator = np.random.default_rng(3)
    genes = np.repeat(np.arange(120), 5)
    hits = []
    for _ in range(300):
        # Both flag and error run in genes; they have nothing to do with each other.
        rate = generator.beta(2, 4, 120)[genes]
        labels = (generator.random(600) < generator.beta(2, 4, 120)[genes]).astype(int)
        flags = pd.DataFrame({"x": (generator.random(600) < rate).astype(float)})
        hits.append(measure_odds_ratios(flags, labels, genes).loc["x", "p"] < 0.05)
    assert 0.015 <= np.mean(hits) <= 0.09


def test_q_values_are_benjamini_and_hochbergs():
    p = np.array([0.01, np.nan, 0.04, 0.03, 0.5, 0.001])
    q = adjust_p_values(p)
    known = np.isfinite(p)
    np.testing.assert_allclose(q[known], false_discovery_control(p[known]))
    assert np.isnan(q[1])
    assert np.isnan(adjust_p_values(np.array([np.nan]))).all()


def test_coverage_counts_both_classes():
    labels = np.repeat([1, 0], [40, 60])
    has = np.zeros(100, dtype=bool)
    has[:30] = True
    has[40:46] = True
    found = measure_coverage(has, labels, np.arange(100), draws=200)
    assert found["errors"].share == pytest.approx(0.75)
    assert found["correct"].share == pytest.approx(0.1)
    assert found["errors"].low < 0.75 < found["errors"].high
    assert measure_coverage(has[:40], labels[:40], np.arange(40))["correct"] is None


def test_a_stratum_without_a_class_or_a_flag_compares_nothing() -> None:
    """All errors are donors: what donors have more of says nothing of errors."""
    flags, labels = make_table(290, 300, 10, 300)
    types = np.where(labels == 1, "donor", "acceptor")
    assert measure_odds_ratios(flags, labels, np.arange(600), types)["p"].isna().all()
    flags, labels = make_table(30, 100, 20, 200)
    alone = measure_odds_ratios(flags, labels, np.arange(300)).loc["flag"]
    more = pd.DataFrame({"flag": np.r_[flags["flag"], np.ones(40), [0.0, 1.0] * 20]})
    found = measure_odds_ratios(
        more,
        np.r_[labels, [0, 1] * 20, np.ones(40, dtype=int)],
        np.arange(380),
        np.repeat(["told", "all flagged", "all errors"], [300, 40, 40]),
    ).loc["flag"]
    pd.testing.assert_series_equal(found, alone)
