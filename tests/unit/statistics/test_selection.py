"""Causes are chosen, their shadows are not, and nothing is chosen of noise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.statistics import (
    estimate_joint,
    measure_odds_ratios,
    select_explanations,
)

RNG = np.random.default_rng


def draw_labels(logit, rng):
    return rng.random(len(logit)) < 1 / (1 + np.exp(-logit))


def test_a_shadow_is_told_from_the_cause_and_a_second_cause_is_kept():
    rng = RNG(0)
    n = 3000
    cause, second = rng.random((2, n)) < [[0.3], [0.2]]
    shadow = np.where(rng.random(n) < 0.8, cause, rng.random(n) < 0.3)
    noise = rng.random(n) < 0.5
    is_error = draw_labels(2 * cause + 1.2 * second - 1, rng)
    columns = {"shadow": shadow, "second": second, "noise": noise, "cause": cause}
    candidates = pd.DataFrame(columns).astype(float)
    found = select_explanations(candidates, is_error, np.arange(n))
    assert found.index[found["is_chosen"]].tolist() == ["second", "cause"]
    assert found.loc["shadow", "shadow_of"] == "cause"
    assert 0.8 < found.loc["shadow", "joint_odds_ratio"] < 1.5
    joint = found.loc["cause"]
    assert joint["joint_low"] < np.exp(2) < joint["joint_high"]
    alone = measure_odds_ratios(candidates, is_error.astype(int), np.arange(n))
    assert alone.loc["shadow", "low"] > 2


def test_what_owes_itself_to_hidden_bases_is_no_explanation():
    """A badly measured cause leaves a shadow beside it, unless its bases are hidden."""
    rng = RNG(1)
    n = 4000
    word = rng.random(n) < 0.3
    seen = word & (rng.random(n) < 0.85)  # altered copies are not found
    part = word | (rng.random(n) < 0.1)
    is_error = draw_labels(3 * word - 1.5, rng)
    columns = pd.DataFrame({"seen": seen, "part": part}).astype(float)
    columns.loc[:, "part"] *= rng.random(n) < 0.9
    named = select_explanations(columns, is_error, np.arange(n))["is_chosen"]
    assert named.all()

    def hide(names):
        view = columns.copy()
        if "seen" in names:
            view["part"] *= ~word
        if "part" in names:
            view["seen"] *= ~part
        return view

    found = select_explanations(columns, is_error, np.arange(n), hide=hide)
    assert found["is_chosen"].sum() == 1


def test_nothing_is_chosen_of_noise():
    chosen = []
    for seed in range(40):
        rng = RNG(seed)
        candidates = pd.DataFrame(rng.random((400, 12)) < 0.3).astype(float)
        candidates.columns = candidates.columns.astype(str)
        genes = rng.integers(0, 120, 400)
        found = select_explanations(candidates, rng.random(400) < 0.4, genes)
        chosen.append(found["is_chosen"].any())
    assert np.mean(chosen) <= 0.1


def test_copies_and_undefined_values_do_no_harm():
    rng = RNG(2)
    cause = (rng.random(600) < 0.4).astype(float)
    is_error = draw_labels(2 * cause - 1, rng)
    cause[:50] = np.nan
    candidates = pd.DataFrame({"one": cause, "copy": cause})
    found = select_explanations(candidates, is_error, np.arange(600))
    assert found["is_chosen"].sum() == 1
    empty = select_explanations(candidates[[]], is_error, np.arange(600))
    assert empty.empty and "is_chosen" in empty
    same = estimate_joint(is_error, candidates.fillna(0).to_numpy(), np.arange(600))
    assert np.isnan(same[0].p)


@pytest.mark.parametrize("has_strata", [True, False])
def test_types_that_must_not_be_mixed(has_strata):
    """Donors are missed more often and have the flag more often: no cause of misses."""
    p_values = []
    for seed in range(200):
        rng = RNG(seed)
        is_donor = rng.random(600) < 0.5
        labels = (rng.random(600) < np.where(is_donor, 0.7, 0.3)).astype(int)
        flag = (rng.random(600) < np.where(is_donor, 0.57, 0.07)).astype(float)
        found = measure_odds_ratios(
            pd.DataFrame({"tandem": flag}),
            labels,
            rng.integers(0, 150, 600),
            strata=is_donor if has_strata else None,
        )
        p_values.append(found["p"].iloc[0])
    rate = (np.array(p_values) < 0.05).mean()
    assert 0.03 <= rate <= 0.07 if has_strata else rate > 0.9


def test_joint_interval_covers_the_truth_and_not_too_much():
    covered, widths = [], []
    for seed in range(40):
        rng = RNG(seed)
        genes = np.repeat(np.arange(100), 5)
        flag = rng.random(500) < 0.4
        is_error = draw_labels(
            -0.5 + 0.8 * flag + 0.7 * rng.standard_normal(100)[genes], rng
        )
        [found] = estimate_joint(is_error, flag[:, None].astype(float), genes)
        # The gene effect shrinks the marginal log odds ratio to about 0.75.
        covered.append(found.low < np.exp(0.75) < found.high)
        widths.append(np.log(found.high / found.low))
    assert 0.82 <= np.mean(covered) <= 1.0
    assert 0.5 < np.mean(widths) < 1.1
