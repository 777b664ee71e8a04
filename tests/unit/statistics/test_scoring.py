"""Scores where numbers break: ties, constants, few errors."""

from __future__ import annotations

import numpy as np
import pytest

from error_sequence_model.statistics import (
    choose_threshold,
    compute_auprc,
    compute_auroc,
    compute_metrics,
)


@pytest.mark.parametrize("errors", [6, 12])
def test_intervals_hold_the_truth_with_few_errors(errors: int) -> None:
    """Coverage was 0.82 and 0.86; more cases: benchmarks/benchmark_intervals.py."""
    rng = np.random.default_rng(5)

    def draw(genes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        gene = np.repeat(np.arange(genes), rng.poisson(1, genes) + 1)
        labels = (rng.random(len(gene)) < 0.2).astype(int)
        alike = rng.normal(0, 0.7, genes)[gene]
        return gene, labels, 1.5 * labels + alike + rng.normal(size=len(gene))

    _, labels, scores = draw(100_000)
    truth = {
        "auprc": compute_auprc(labels, scores),
        "auroc": compute_auroc(labels, scores),
    }
    held: dict[str, list[bool]] = {name: [] for name in truth}
    for run in range(300):
        gene, labels, scores = draw(round(errors / 0.4))
        if not 1 < labels.sum() < len(labels):
            continue
        odds = 1 / (1 + np.exp(-scores))
        metrics = compute_metrics(
            labels,
            np.stack([1 - odds, odds], axis=1),
            threshold=0.5,
            groups=gene,
            draws=200,
            seed=run,
        )
        for name, value in truth.items():
            low, high = metrics["intervals"][name]
            assert 0 <= low <= metrics[name] <= high <= 1
            held[name].append(low <= value <= high)
    for values in held.values():
        assert 0.93 <= np.mean(values) <= 0.98


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_scores_that_are_all_equal_rank_nothing(value):
    labels, scores = np.array([1, 0, 0, 1, 0]), np.full(5, value)
    assert compute_auroc(labels, scores) == 0.5
    assert compute_auprc(labels, scores) == pytest.approx(0.4)
    assert choose_threshold(labels, scores) == 0.5
    # The order of the sites is no rank.
    assert compute_auprc(labels[::-1], scores) == pytest.approx(0.4)
