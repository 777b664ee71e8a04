"""How often the 95 % intervals over genes hold the truth, with few and many errors.

Sites of one gene resemble each other; errors are as far from correct sites as
``effect`` says. Run from the root: ``python tests/benchmarks/benchmark_intervals.py``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow" / "scripts"))

from error_sequence_model.statistics import compute_metrics

# Share of errors, their distance, sites per gene.
CASES = ((0.2, 1.5, 2), (0.2, 0.5, 2), (0.2, 3.0, 2), (0.05, 1.5, 4))
ERRORS = (6, 12, 24, 60)


def draw(
    rng: np.random.Generator, genes: int, per_gene: int, share: float, effect: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, probabilities (n, 2) and genes of sites of a number of genes."""
    gene = np.repeat(np.arange(genes), rng.poisson(per_gene - 1, genes) + 1)
    labels = (rng.random(len(gene)) < share).astype(int)
    score = effect * labels + rng.normal(0, 0.7, genes)[gene]
    odds = score + rng.normal(size=len(gene))
    error = 1 / (1 + np.exp(-odds))
    return labels, np.stack([1 - error, error], axis=1), gene


def measure(
    case: tuple[float, float, int], errors: int, *, runs: int, draws: int = 300
) -> Iterator[tuple[str, float, float]]:
    """Give each metric, its coverage and the intervals' mean width."""
    share, effect, per_gene = case
    rng = np.random.default_rng(1)
    whole = compute_metrics(
        *draw(rng, 200_000, per_gene, share, effect)[:2], threshold=0.5, draws=1
    )
    found: dict[str, list[tuple[bool, float]]] = {"auprc": [], "auroc": []}
    for run in range(runs):
        genes = round(errors / per_gene / share)
        labels, probabilities, gene = draw(rng, genes, per_gene, share, effect)
        if not 1 < labels.sum() < len(labels):
            continue
        metrics = compute_metrics(
            labels, probabilities, threshold=0.5, groups=gene, draws=draws, seed=run
        )
        for name, held in found.items():
            low, high = metrics["intervals"][name]
            held.append((low <= whole[name] <= high, high - low))
    for name, held in found.items():
        yield name, *np.mean(held, axis=0)


def main() -> None:
    """Print one row per case, number of errors and metric."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=400)
    runs = parser.parse_args().runs
    print("share effect errors metric coverage width", flush=True)
    for case in CASES:
        for errors in ERRORS:
            for name, coverage, width in measure(case, errors, runs=runs):
                row = (*case[:2], errors, name)
                print(*row, f"{coverage:.3f} {width:.2f}", flush=True)


if __name__ == "__main__":
    main()
