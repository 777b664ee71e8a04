from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.statistics import (
    combine_p_values,
    compare_pairs,
    compute_p_value,
    get_interval,
    score_models,
)
from fake_predictions import draw_models, make_predictions


def test_a_combined_p_value_is_small_where_most_are() -> None:
    assert combine_p_values([0.03]) == 0.03
    assert combine_p_values([0.03, 0.2]) == 0.2
    assert combine_p_values([0.9, 0.01, 0.02]) == pytest.approx(0.03)
    assert combine_p_values([0.001, 0.8, 0.9]) == 1.0


@pytest.mark.parametrize("weight", [0.0, 0.9, 1.0])
def test_it_holds_its_level_however_the_p_values_depend(weight: float) -> None:
    rng = np.random.default_rng(0)
    shared, own = rng.random((4000, 1)), rng.random((4000, 3))
    p_values = np.where(rng.random((4000, 3)) < weight, shared, own)
    found = np.array([combine_p_values(row) for row in p_values])
    assert (found < 0.05).mean() <= 0.06


def test_one_gene_tells_no_two_models_apart() -> None:
    """Every draw of it is the gene itself: a difference that looks like certainty."""
    labels, odds = draw_models(40, {"a": 2.0, "b": 0.2})
    frame = make_predictions(odds, labels, part=np.full(40, "test"))
    for genes in (["g"] * 40, [f"g{k % 4}" for k in range(40)]):
        scores = score_models(frame, pd.Series(genes), draws=100)
        (pair,) = compare_pairs(scores).itertuples()
        assert pair.delta_auprc > 0.1
        assert np.isnan([pair.p_value, pair.p_holm]).all()
        ends = (pair.delta_auprc_low, pair.delta_auroc_high)
        assert pd.isna(ends[0]) and pd.isna(ends[1])
    scores = score_models(frame, pd.Series(["g"] * 40), draws=100)
    assert scores[("backbone", "a")]["auroc"].get_interval() == (None, None)


def test_a_p_value_and_its_interval_say_the_same() -> None:
    rng = np.random.default_rng(2)
    for genes in (6, 40):
        for shift in np.linspace(1.5, 3.5, 9):
            drawn = rng.normal(shift, 1, 4999)
            low, _ = get_interval(drawn, genes)
            if abs(low) > 0.1:
                assert (compute_p_value(drawn, genes) < 0.05) == (low > 0)


def test_models_alike_are_told_apart_in_one_case_of_twenty() -> None:
    """With six errors, and with five genes: plain percentiles in 10 and 15 %."""
    rng = np.random.default_rng(3)
    for n_genes, per_gene in ((15, 2), (5, 10)):
        gene = np.repeat(np.arange(n_genes), per_gene)
        names, found = pd.Series([f"g{k}" for k in gene]), []
        for run in range(150):
            labels = (rng.random(len(gene)) < 0.2).astype(int)
            labels[:2] = 0, 1
            shared = labels + 0.7 * rng.normal(size=n_genes)[gene]
            noise = rng.normal(size=(2, len(gene)))
            noise += 0.5 * rng.normal(size=(2, n_genes))[:, gene]
            odds = {"a": shared + noise[0], "b": shared + noise[1]}
            frame = make_predictions(odds, labels, part=np.full(len(gene), "test"))
            scores = score_models(frame, names, draws=300, seed=run)
            found.append(compare_pairs(scores)["p_value"].iloc[0] < 0.05)
        assert np.mean(found) <= 0.08
