"""The verdict on the gain follows its interval, whatever tells it."""

from __future__ import annotations

import pandas as pd
import pytest

from error_sequence_model.reports.findings.gain import (
    describe_gain,
    get_best_row,
    measure_gain,
)
from error_sequence_model.results import load_units, read_sites
from fake_results import build_results, compare_folds

DONORS = {"n_per_class": 40, "splice_types": ("donor",)}


def load(fake, comparison):
    tables = {("fp_vs_tp", "donor"): comparison}
    (unit,), _ = load_units(fake.runs, read_sites(fake.sites), tables, "FP")
    return unit


@pytest.mark.parametrize(
    ("interval", "words", "mark"),
    [
        ((0.03, 0.12), "adds to the baselines", "good"),
        ((-0.02, 0.12), "no evidence", "bad"),
        ((-0.2, -0.1), "worse than a baseline", "bad"),
    ],
)
def test_sentence_follows_the_interval(tmp_path, interval, words, mark):
    rows = {
        "model": ["encoder", "cnn"],
        "kind": ["backbone", "baseline"],
        "seed": [1, None],
        "auprc": [0.6, 0.55],
        "delta_auprc": [sum(interval) / 2, None],
        "delta_low": [interval[0], None],
        "delta_high": [interval[1], None],
    }
    unit = load(build_results(tmp_path, **DONORS), pd.DataFrame(rows))
    text, found = describe_gain(unit)
    assert words in text
    assert found == mark


@pytest.mark.parametrize("rivals", [("kmers", "kmers"), ("kmers", "boosting")])
def test_the_gain_is_that_of_all_folds(tmp_path, rivals) -> None:
    table = compare_folds()
    table.loc[table["kind"].eq("backbone"), "against"] = rivals
    unit = load(build_results(tmp_path, folds=(0, 1), **DONORS), table)
    # 0.3 in the small fold, 0.7 in the large one.
    assert get_best_row(unit.averages, ("baseline",))["model"] == "boosting"
    gain = measure_gain(unit)
    assert gain.delta == pytest.approx(-0.025) and gain.mark == "bad"
    assert gain.baseline == "/".join(sorted(set(rivals)))
    assert gain.auprc - gain.baseline_auprc == pytest.approx(gain.delta)
