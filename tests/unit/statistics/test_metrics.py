from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, t
from sklearn import metrics as reference

from error_sequence_model.statistics import (
    choose_threshold,
    compute_auprc,
    compute_auroc,
    compute_macro,
    compute_sampled_auprc,
    count_genes,
    draw_gene_weights,
    get_interval,
    get_mean_interval,
    metrics,
    number_groups,
)
from error_sequence_model.statistics.metrics import count_confusion, score_confusion

QUICK = settings(max_examples=30, deadline=None)


def draw_case(seed: int, count: int, levels: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    labels[:2] = [0, 1]
    scores = rng.integers(0, levels, count) / levels + 0.2 * labels
    return labels, scores.astype(np.float32)


@QUICK
@given(st.integers(0, 9999), st.integers(2, 120), st.sampled_from([2, 5, 1000]))
def test_ranking_metrics_equal_scikit_learn_with_ties_and_weights(
    seed, count, levels
) -> None:
    labels, scores = draw_case(seed, count, levels)
    assert compute_auprc(labels, scores) == pytest.approx(
        reference.average_precision_score(labels, scores), abs=1e-12
    )
    assert compute_auroc(labels, scores) == pytest.approx(
        reference.roc_auc_score(labels, scores), abs=1e-12
    )
    weights = next(draw_gene_weights(np.arange(count) // 3, draws=4, seed=seed))
    auprc, auroc = (f(labels, scores, weights) for f in (compute_auprc, compute_auroc))
    for draw, weight in enumerate(weights):
        if min(weight[labels == 1].sum(), weight[labels == 0].sum()) == 0:
            assert np.isnan(auprc[draw])
            assert np.isnan(auroc[draw])
            continue
        assert auprc[draw] == pytest.approx(
            reference.average_precision_score(labels, scores, sample_weight=weight)
        )
        assert auroc[draw] == pytest.approx(
            reference.roc_auc_score(labels, scores, sample_weight=weight)
        )


@QUICK
@given(st.integers(0, 9999), st.integers(1, 60), st.integers(2, 4))
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.filterwarnings("ignore:A single label was found")
def test_decided_metrics_equal_scikit_learn(seed, count, classes) -> None:
    rng = np.random.default_rng(seed)
    labels, predicted = rng.integers(0, classes, (2, count))
    weights = rng.integers(0, 3, (3, count)).astype(float)
    weights[:, 0] = 1
    scored = score_confusion(count_confusion(labels, predicted, classes, weights))
    average = "binary" if classes == 2 else "macro"
    for draw, weight in enumerate(weights):
        kept = weight > 0  # scikit-learn counts classes of weight 0 in its means
        case = labels[kept], predicted[kept]
        options = {"sample_weight": weight[kept]}
        expected = {
            "accuracy": reference.accuracy_score(*case, **options),
            "balanced_accuracy": reference.balanced_accuracy_score(*case, **options),
            "f1": reference.f1_score(
                *case, average=average, zero_division=0.0, **options
            ),
            "mcc": reference.matthews_corrcoef(*case, **options),
        }
        for name, value in expected.items():
            assert scored[name][draw] == pytest.approx(value, abs=1e-9), name


def test_confusion_has_the_truth_in_its_rows() -> None:
    labels, predicted = np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, 0])
    assert count_confusion(labels, predicted, 2).tolist() == [[1, 1], [1, 2]]


def test_a_missing_class_gives_nan_not_a_number() -> None:
    scores = np.array([0.1, 0.9])
    for labels in ([0, 0], [1, 1]):
        assert np.isnan(compute_auprc(np.array(labels), scores))
        assert np.isnan(compute_auroc(np.array(labels), scores))


def test_macro_is_the_mean_over_classes_that_occur() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 60)
    probabilities = rng.dirichlet(np.ones(4), 60)
    expected = np.mean(
        [
            reference.average_precision_score(labels == k, probabilities[:, k])
            for k in range(3)
        ]
    )
    assert compute_macro(compute_auprc, labels, probabilities) == pytest.approx(
        expected
    )
    binary = probabilities[:, :2]
    assert compute_macro(compute_auroc, labels == 1, binary) == pytest.approx(
        reference.roc_auc_score(labels == 1, binary[:, 1])
    )


@QUICK
@given(st.integers(0, 9999), st.integers(2, 60), st.sampled_from([2, 6, 1000]))
def test_threshold_has_the_highest_mcc_of_all(seed, count, levels) -> None:
    labels, scores = draw_case(seed, count, levels)
    if len(set(scores)) == 1:
        assert choose_threshold(labels, scores) == 0.5
        return
    chosen = choose_threshold(labels, scores)
    values = np.unique(scores.astype(float))
    cuts = (values[1:] + values[:-1]) / 2
    best = max(reference.matthews_corrcoef(labels, scores >= cut) for cut in cuts)
    assert reference.matthews_corrcoef(labels, scores >= chosen) == pytest.approx(best)
    assert np.abs(cuts - chosen).min() < 1e-12


def test_bootstrap_draws_whole_genes() -> None:
    groups = np.array([0, 0, 1, 2, 2, 2, 1, 0])
    (weights,) = draw_gene_weights(groups, draws=500, seed=3)
    assert weights.shape == (500, 8)
    for gene in range(3):
        assert (np.ptp(weights[:, groups == gene], axis=1) == 0).all()
    per_gene = weights[:, [0, 2, 3]]
    assert (per_gene.sum(axis=1) == 3).all(), "as many genes as there are"
    assert per_gene.mean(axis=0) == pytest.approx(np.ones(3), abs=0.15)


def test_samples_do_not_depend_on_how_many_come_at_a_time(monkeypatch) -> None:
    groups = np.arange(30) // 2
    whole = np.concatenate(list(draw_gene_weights(groups, draws=50, seed=1)))
    monkeypatch.setattr(metrics, "CELLS_AT_ONCE", 200)
    parts = list(draw_gene_weights(groups, draws=50, seed=1))
    assert len(parts) > 5
    assert np.array_equal(np.concatenate(parts), whole)


def test_equal_seeds_pair_the_samples_of_two_models() -> None:
    labels, scores = draw_case(1, 80, 1000)
    probabilities = np.stack([1 - scores, scores], axis=1)
    groups = np.arange(80) // 4
    first, second = (
        compute_sampled_auprc(labels, probabilities, groups, draws=100, seed=5)
        for _ in range(2)
    )
    assert np.array_equal(first, second)


def test_sites_without_a_gene_stand_alone() -> None:
    groups = np.array(["b", None, "a", np.nan, "b", "a", "site 1"], dtype=object)
    numbers = number_groups(groups, 7)
    assert numbers[0] == numbers[4]
    assert numbers[2] == numbers[5]
    assert len(set(numbers)) == 5
    assert sorted(set(numbers)) == list(range(5))
    assert number_groups(None, 3).tolist() == [0, 1, 2]
    assert number_groups(np.array([None, None], dtype=object), 2).tolist() == [0, 1]


def simulate_genes(seed: int, genes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sites of one gene share label and score: a site bootstrap would be too sure."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 9, genes)
    label = rng.integers(0, 2, genes)
    score = label + 1.5 * rng.standard_normal(genes)
    numbers = np.repeat(np.arange(genes), sizes)
    noise = 0.2 * rng.standard_normal(len(numbers))
    return label[numbers], score[numbers] + noise, numbers


def measure_coverage(numbers_of: callable, truth: float, rounds: int = 60) -> float:
    covered = 0
    for seed in range(rounds):
        labels, scores, genes = simulate_genes(seed, 60)
        groups = numbers_of(genes)
        sampled = np.concatenate(
            [
                compute_auroc(labels, scores, weights)
                for weights in draw_gene_weights(groups, draws=200, seed=1)
            ]
        )
        low, high = np.quantile(sampled, [0.025, 0.975])
        covered += low <= truth <= high
    return covered / rounds


def test_intervals_cover_the_truth_when_genes_have_effects() -> None:
    labels, scores, _ = simulate_genes(99, 40_000)
    truth = float(compute_auroc(labels, scores))
    by_gene = measure_coverage(lambda genes: genes, truth)
    by_site = measure_coverage(lambda genes: np.arange(len(genes)), truth)
    assert by_gene >= 0.87
    assert by_site < by_gene - 0.1, "the unit of the bootstrap matters"


def test_few_genes_widen_an_interval_and_fewer_have_none() -> None:
    values = np.linspace(0, 1, 100_001)
    for genes in (5, 12, 200):
        low, high = get_interval(values, genes)
        reach = t.ppf(0.975, genes - 1) * np.sqrt(genes / (genes - 1))
        assert low == pytest.approx(norm.cdf(-reach), abs=1e-5)
        assert high == pytest.approx(1 - low)
    assert get_interval(values, 4) == (None, None)


@pytest.mark.parametrize("genes", [6, 12])
def test_the_interval_of_a_mean_over_few_genes_holds_it(genes: int) -> None:
    """Plain percentiles do so in 85 and 90 % of cases."""
    rng = np.random.default_rng(0)
    held = []
    for run in range(400):
        gene = np.repeat(np.arange(genes), rng.integers(1, 5, genes))
        values = rng.normal(size=genes)[gene] + 0.5 * rng.normal(size=len(gene))
        names = np.array([f"g{k}" for k in gene], dtype=object)
        low, high = get_mean_interval(values, names, draws=1000, seed=run)
        held.append(low <= 0 <= high)
    assert 0.9 <= np.mean(held) <= 0.98


def test_a_mean_over_one_gene_has_no_interval_and_none_is_no_gene() -> None:
    values = np.arange(12.0)
    one = np.full(12, "g", dtype=object)
    assert np.isnan(get_mean_interval(values, one, draws=50, seed=1)).all()
    none = np.full(12, None)
    low, high = get_mean_interval(values, none, draws=500, seed=1)
    assert 2 < low < 5.5 < high < 9


def test_genes_are_counted_by_the_class_that_lies_in_the_fewest() -> None:
    labels, groups = np.array([1, 1, 1, 0, 0, 0]), np.array([0, 0, 1, 1, 2, 3])
    assert count_genes(labels, groups) == 2
    assert count_genes(labels * 0, groups) == 4
