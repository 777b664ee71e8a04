from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from sklearn.metrics import average_precision_score, roc_auc_score

from error_sequence_model.figures import (
    arrange_regions,
    get_areas,
    get_contributions,
    get_curves,
    get_limit,
    get_logo_limit,
    get_reliability,
    measure_text,
    plot_curve,
    plot_forest,
    plot_logo,
    wrap_text,
)
from error_sequence_model.statistics import (
    compare_classes,
    make_strata,
    permute_classes,
    scale_maps,
)
from error_sequence_model.windows import get_regions


def test_areas_equal_scikit_learn():
    generator = np.random.default_rng(0)
    truth = generator.random(300) < 0.3
    score = np.round(truth + generator.normal(0, 1, 300), 1)
    average, area = get_areas(truth, score)
    assert average == pytest.approx(average_precision_score(truth, score))
    assert area == pytest.approx(roc_auc_score(truth, score))


def test_curves_end_where_they_must():
    truth = np.array([True, False, True, False])
    precision, roc = get_curves(truth, np.array([0.9, 0.8, 0.7, 0.1]))
    assert precision.x.tolist() == [0, 0.5, 0.5, 1, 1]
    assert precision.y[-1] == 0.5
    assert (roc.x[-1], roc.y[-1]) == (1, 1)
    many = np.random.default_rng(0).random(20_000)
    assert len(get_curves(many > 0.5, many)[0].x) <= 401


def test_reliability_bins_have_equal_mass():
    generator = np.random.default_rng(0)
    probability = generator.random(500)
    table = get_reliability(generator.random(500) < probability, probability)
    assert table["n"].tolist() == [50] * 10
    assert (table["low"] <= table["observed"]).all()
    assert (table["observed"] <= table["high"]).all()
    assert len(get_reliability(np.array([True]), np.array([0.3]))) == 1


def test_plots_draw_into_given_axes():
    ax = Figure().add_subplot()
    curves = [("a", get_curves(np.array([1, 0]), np.array([0.9, 0.1]))[0])]
    assert plot_curve(curves, ax, kind="pr", prevalence=0.5) is ax
    frame = pd.DataFrame({"v": [0.5], "v_low": [0.4], "v_high": [np.nan]})
    assert plot_forest(frame.assign(color="k"), ax, value="v", reference=0.5) is ax


def test_scaling_keeps_sign_and_survives_zeros():
    maps = np.array([[0.0, 0, 0], [1, -2, 4], [0, 0, 0]], dtype=np.float32)
    scaled = scale_maps(maps)
    assert np.isfinite(scaled).all()
    assert (np.sign(scaled) == np.sign(maps)).all()
    sparse = np.zeros((1, 100), dtype=np.float32)
    sparse[0, 3] = -5
    assert scale_maps(sparse)[0, 3] == -1


def test_bootstrap_is_over_genes():
    generator = np.random.default_rng(1)
    genes = np.repeat(np.arange(30), 10)
    effect = generator.normal(0, 1, 30)[genes]
    values = (effect + generator.normal(0, 0.1, 300))[:, None]
    first = np.arange(300) % 2 == 0
    by_gene = compare_classes(values, first, genes, draws=400)
    by_site = compare_classes(values, first, np.arange(300), draws=400)
    assert by_gene.first.n_genes == 30
    width = by_gene.first.high - by_gene.first.low
    assert width > 1.5 * (by_site.first.high - by_site.first.low)
    # The gene effect is shared by both classes, so their difference is not affected.
    assert by_gene.difference.high - by_gene.difference.low < width / 3
    assert by_gene.first.mean == pytest.approx(values[first].mean())


def test_too_few_genes_give_no_band():
    values = np.ones((4, 2))
    compared = compare_classes(values, np.array([1, 1, 0, 0], bool), np.zeros(4))
    assert np.isnan(compared.first.low).all()
    empty = compare_classes(np.ones((3, 2)), np.zeros(3, bool), np.arange(3))
    assert empty.first.n_sites == 0


def test_permutation_finds_the_planted_position_only():
    generator = np.random.default_rng(2)
    values = generator.normal(size=(120, 40))
    first = np.arange(120) < 60
    values[first, 7] += 1.5
    strata = np.arange(120) % 3
    test = permute_classes(values, first, np.arange(120) // 2, strata, draws=200)
    assert np.flatnonzero(test.p_value < 0.05).tolist() == [7]
    assert test.statistic[7] > 0


def test_permutation_holds_its_level_with_gene_effects():
    generator = np.random.default_rng(3)
    hits = 0
    for seed in range(60):
        genes = np.repeat(np.arange(24), 5)
        first = np.repeat(np.arange(24) < 12, 5)
        values = generator.normal(size=(24, 6))[genes]
        values = values + generator.normal(0, 0.3, values.shape)
        strata = np.zeros(120, dtype=int)
        test = permute_classes(values, first, genes, strata, draws=99, seed=seed)
        hits += bool((test.p_value < 0.05).any())
    # Whole genes carry a class here, the worst case; without genes over 50 of 60 hit.
    assert hits <= 12


def test_permutation_refuses_too_few():
    test = permute_classes(
        np.ones((6, 3)), np.array([1, 0, 0, 0, 0, 0], bool), np.arange(6), np.zeros(6)
    )
    assert test.n_draws == 0
    assert np.isnan(test.p_value).all()


def test_strata_use_scores_only_where_classes_overlap():
    generator = np.random.default_rng(0)
    gc, first = generator.random(90), np.arange(90) < 45
    _, words = make_strata(gc, generator.random(90), first)
    assert "score" in words
    _, words = make_strata(gc, first + generator.random(90) / 10, first)
    assert words == "within GC terciles"


def test_contributions_sum_to_the_mean():
    values = np.array([[1.0, -2.0], [3.0, 4.0]])
    logo = get_contributions(values, ["AC", "AN"])
    assert logo[0].tolist() == [2, 0, 0, 0]
    assert logo[1].tolist() == [0, -1, 0, 0]
    ax = plot_logo(logo, Figure().add_subplot(), start=-1)
    low, high = ax.get_ylim()
    assert low == -high
    assert get_logo_limit([np.zeros((3, 4))]) == 1.0


def test_regions_are_clipped_and_stacked():
    regions = get_regions("acceptor", 30, 10)
    assert regions[0].key == "branch_zone"
    assert regions[0].start == -30
    assert all(-30 <= r.start < r.end <= 10 for r in regions)
    lanes = arrange_regions(get_regions("acceptor", 200, 200))
    assert max(lanes.values()) == 2
    assert max(arrange_regions(get_regions("donor", 200, 200)).values()) == 0
    assert get_regions("any", 100, 100) == []


def test_limits_are_symmetric_and_never_zero():
    assert get_limit([np.array([0.0, np.nan])]) == 1.0
    assert get_limit([np.array([-2.0, 1.0])]) == pytest.approx(2.2)


def test_text_is_wrapped_to_its_width():
    text = "one two three four five supercalifragilisticexpialidocious six"
    lines = wrap_text(text, 1.0, 9)
    assert all(measure_text(line, 9) <= 1.0 for line in lines)
    assert "".join("".join(lines).split()) == text.replace(" ", "")


def test_equal_probabilities_are_one_point_of_reliability():
    truth = np.repeat([True, False], 50)
    table = get_reliability(truth, np.full(100, 0.5))
    assert table[["predicted", "observed", "n"]].to_numpy().tolist() == [
        [0.5, 0.5, 100]
    ]
