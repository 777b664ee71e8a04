"""What pretraining is worth: two backbones on the same held-out sites, over seeds.

    python tests/benchmarks/benchmark_pretraining.py \
        --results results --predictor osai80_human --backbone pretrained \
        --against scratch [--against-results other/results]

Prints a table: AUROC and AUPRC of both (mean over seeds) and their difference, with a
95 % interval from a bootstrap over genes that draws the same genes for both.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "workflow" / "scripts"))

from error_sequence_model.statistics import (
    compute_auprc,
    compute_auroc,
    draw_gene_weights,
    number_groups,
)

METRICS = {"auroc": compute_auroc, "auprc": compute_auprc}
DRAWS = 2000


def read_tests(group: Path, backbone: str) -> dict[int, pd.DataFrame]:
    """Predictions of the test sites by seed, in the order of site_id."""
    frames = {}
    for path in sorted(group.glob(f"{backbone}/seed*/fold0/predictions.parquet")):
        frame = pd.read_parquet(path)
        seed = int(path.parents[1].name.removeprefix("seed"))
        frames[seed] = frame[frame["part"].eq("test")].sort_values("site_id")
    return frames


def compare(
    mine: dict[int, pd.DataFrame], theirs: dict[int, pd.DataFrame], genes: pd.Series
) -> dict[str, object]:
    """Compare two backbones over the seeds that both have."""
    seeds = sorted(set(mine) & set(theirs))
    first = mine[seeds[0]]
    labels = first["label"].to_numpy()
    groups = number_groups(
        genes.reindex(first["site_id"]).to_numpy(dtype=object), len(first)
    )
    weights = np.concatenate(list(draw_gene_weights(groups, draws=DRAWS, seed=1)))
    row: dict[str, object] = {
        "sites": len(first),
        "genes": int(groups.max()) + 1,
        "prevalence": labels.mean(),
        "seeds": len(seeds),
    }
    for name, metric in METRICS.items():
        plain, drawn = [], []
        for frames in (mine, theirs):
            scores = [frames[seed]["probability_error"].to_numpy() for seed in seeds]
            plain.append([metric(labels, s) for s in scores])
            drawn.append(np.mean([metric(labels, s, weights) for s in scores], axis=0))
        delta = (drawn[0] - drawn[1])[np.isfinite(drawn[0] - drawn[1])]
        low, high = np.quantile(delta, [0.025, 0.975])
        by_seed = np.subtract(*plain)
        row |= {
            name: np.mean(plain[0]),
            f"{name}_against": np.mean(plain[1]),
            f"delta_{name}": by_seed.mean(),
            f"delta_{name}_low": low,
            f"delta_{name}_high": high,
            f"delta_{name}_worst_seed": by_seed.min(),
        }
    return row


def main() -> None:
    """Compare every contrast and splice type that both have."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--predictor", required=True)
    parser.add_argument("--backbone", required=True)
    parser.add_argument("--against", required=True)
    parser.add_argument("--against-results", type=Path, help="if in another folder")
    arguments = parser.parse_args()
    folder = arguments.results / arguments.predictor
    other = (arguments.against_results or arguments.results) / arguments.predictor
    sites = pd.read_parquet(folder / "sites.parquet").set_index("site_id")
    rows = []
    for split in sorted(folder.glob("*/*/split.parquet")):
        group = split.parent.relative_to(folder)
        mine = read_tests(folder / group, arguments.backbone)
        theirs = read_tests(other / group, arguments.against)
        if set(mine) & set(theirs):
            compared = compare(mine, theirs, sites["gene_id"])
            rows.append({"group": group.as_posix(), **compared})
    table = pd.DataFrame(rows)
    table.to_csv(sys.stdout, sep="\t", index=False, float_format="%.3f")


if __name__ == "__main__":
    main()
