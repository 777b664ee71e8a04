"""Scores of cross-validated models are those of all folds, not of the first one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata

from error_sequence_model.results import RunResults, build_units, read_sites
from error_sequence_model.results.folds import average_folds, merge_metrics
from error_sequence_model.statistics import compute_metrics
from fake_results import build_results, compare_folds


def make_fold(n: int, signal: float, seed: int) -> dict:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    scores = 1 / (1 + np.exp(-signal * (2 * labels - 1) - rng.normal(size=n)))
    both = np.stack([1 - scores, scores], axis=1)
    found = compute_metrics(labels, both, threshold=0.4 + 0.1 * seed, draws=200)
    return {"classes": ["correct", "error"], **found}


def test_metrics_of_folds_are_sums_and_means() -> None:
    first, second = make_fold(300, 1.0, 0), make_fold(100, 0.0, 1)
    merged = merge_metrics([first, second])
    assert merged["n_sites"] == merged["n_genes"] == 400
    assert merged["n_errors"] == first["n_errors"] + second["n_errors"]
    assert merged["prevalence"] == pytest.approx(merged["n_errors"] / 400)
    assert np.sum(merged["confusion"]) == 400
    assert merged["auroc"] == pytest.approx(
        0.75 * first["auroc"] + 0.25 * second["auroc"]
    )
    assert merged["threshold"] == pytest.approx(0.425)
    low, high = merged["intervals"]["auroc"]
    width = (high - low) / 2
    widths = [np.diff(f["intervals"]["auroc"])[0] / 2 for f in (first, second)]
    expected = np.hypot(0.75 * widths[0], 0.25 * widths[1])
    assert low < merged["auroc"] < high and width == pytest.approx(expected, rel=0.05)


def test_what_a_fold_lacks_is_not_made_up() -> None:
    first, second = make_fold(60, 1.0, 0), make_fold(60, 1.0, 1)
    assert merge_metrics([first, {}]) == first
    assert merge_metrics([{}, {}]) == {}
    del second["auprc"], second["intervals"]["auroc"]
    merged = merge_metrics([first, second])
    assert merged["auprc"] is None and merged["intervals"]["auprc"] is None
    assert merged["auroc"] is not None and merged["intervals"]["auroc"] is None


def test_a_comparison_is_averaged_by_sites() -> None:
    table = compare_folds()
    averaged = average_folds(table)
    assert averaged["model"].tolist() == ["encoder", "kmers", "boosting"]
    row = averaged.iloc[0]
    assert row["n_sites"] == 400 and row["n_genes"] == 200
    assert row["delta_auprc"] == pytest.approx(0.25 * 0.2 - 0.75 * 0.1)
    half = np.hypot(0.25 * 0.1, 0.75 * 0.1)
    assert row["delta_high"] - row["delta_auprc"] == pytest.approx(half)
    # 0.3 in the small fold, 0.7 in the large one.
    assert averaged.loc[2, "auprc"] == pytest.approx(0.6)
    one = table[table["fold"] == 0]
    assert average_folds(one) is one


def test_metrics_of_a_unit_are_those_of_all_folds(tmp_path) -> None:
    shape = {"n_per_class": 60, "splice_types": ("donor",)}
    fake = build_results(tmp_path, folds=(0, 1), **shape)
    runs = [RunResults.load(run) for run in fake.runs]
    (unit,) = build_units(runs, read_sites(fake.sites), {}, "FP")
    sizes = [run.metrics["n_sites"] for run in runs]
    assert unit.lead.metrics["n_sites"] == sum(sizes)
    values = [run.metrics["auroc"] for run in runs]
    mean = np.average(values, weights=sizes)
    assert unit.lead.metrics["auroc"] == pytest.approx(mean)


def test_sites_are_ranked_within_their_fold(tmp_path) -> None:
    """Probabilities of two models are not comparable: one of these always says more."""
    shape = {"n_per_class": 60, "splice_types": ("donor",)}
    fake = build_results(tmp_path, folds=(0, 1), **shape)
    runs = [RunResults.load(run) for run in fake.runs]
    names = ["probability_error", "probability_correct"]
    tables = [run.predictions for run in runs]
    assert set(names) <= set(tables[0])
    tables[1]["probability_error"] = 0.9 + 0.1 * tables[1]["probability_error"]
    (unit,) = build_units(runs, read_sites(fake.sites), {}, "FP")
    found = unit.predicted
    parts = [found[found["tested_in"] == fold] for fold in (0, 1)]
    assert all(len(part) for part in parts) and len(found) == sum(map(len, parts))
    for part in parts:
        expected = rankdata(part["probability"]) / len(part)
        np.testing.assert_allclose(part["rank"], expected)
