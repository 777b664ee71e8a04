"""Every model on real errors, by contrast and genome, beside the yardsticks.

    python tests/benchmarks/benchmark_real.py --results results [--predictor all]

Reads the predictions that `tests/real/table.yaml` leaves. Prints Markdown tables: AUROC
and AUPRC on the test sites of each genome with 95 % intervals over genes, and whether
the yardstick, a dilated CNN trained on the same four genomes, is reached. An AUPRC
rises with the share of errors: it is compared at the yardstick's. The model in bold is
the one with the best AUPRC on that genome's *validation* sites.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "workflow" / "scripts"))

from error_sequence_model.evaluation import compare_models, read_all_predictions
from error_sequence_model.statistics import compute_macro_auprc

TABLES = ("classical/predictions.parquet", "classical/cnn.parquet")


class Yardstick(NamedTuple):
    """AUROC and AUPRC on chromosomes of its own choice, and their share of errors."""

    auroc: float
    auprc: float
    prevalence: float


YARDSTICKS = {
    ("fp_vs_tp", "arabidopsis"): Yardstick(0.78, 0.54, 0.21),
    ("fn_vs_tp", "arabidopsis"): Yardstick(0.94, 0.85, 0.24),
    ("fn_vs_tn", "arabidopsis"): Yardstick(0.76, 0.44, 0.18),
    ("fp_vs_tp", "human"): Yardstick(0.77, 0.60, 0.31),
    ("fn_vs_tp", "human"): Yardstick(0.81, 0.72, 0.38),
    ("fn_vs_tn", "human"): Yardstick(0.83, 0.50, 0.19),
}


def read_group(group: Path) -> pd.DataFrame:
    """Read the predictions of all models of a contrast."""
    runs = sorted(path.parent for path in group.glob("*/seed*/fold*/metrics.json"))
    tables = [group / name for name in TABLES if (group / name).is_file()]
    tables += sorted(group.glob("*/seed*/fold*/hybrid.parquet"))
    tables += sorted(group.glob("ensemble/predictions.parquet"))
    return read_all_predictions(tables, runs)


def find_best(predictions: pd.DataFrame) -> tuple[object, ...] | None:
    """Find the model with the best AUPRC on validation sites: (model, seed or -1)."""
    held = predictions[predictions["part"] == "validation"]
    held = held[~held["model"].isin(["score", "prevalence"])]
    scores = {
        key: compute_macro_auprc(
            frame["label"].to_numpy(),
            frame[["probability_0", "probability_1"]].to_numpy(),
        )
        for key, frame in held.fillna({"seed": -1}).groupby(["model", "seed"])
        if frame["label"].min() < frame["label"].max()
    }
    return max(scores, key=scores.get) if scores else None


def weigh_auprc(tested: pd.DataFrame, prevalence: float) -> float:
    """AUPRC as if this share of the sites were errors: correct sites are weighed."""
    is_error = tested["label"].to_numpy() == 1
    odds = prevalence / (1 - prevalence)
    weights = np.where(is_error, 1, is_error.sum() / (~is_error).sum() / odds)
    scores = tested["probability_1"].to_numpy()
    return average_precision_score(is_error, scores, sample_weight=weights)


def describe(
    row: pd.Series, is_best: bool, yardstick: Yardstick | None, tested: pd.DataFrame
) -> str:
    """One row of the table."""
    cells = [f"**{row.model}**" if is_best else row.model]
    for name in ("auroc", "auprc"):
        low, high = row[f"{name}_low"], row[f"{name}_high"]
        cells.append(f"{row[name]:.3f} [{low:.2f}, {high:.2f}]")
    weighed = verdict = ""
    if yardstick:
        auprc = weigh_auprc(tested, yardstick.prevalence)
        weighed = f"{auprc:.3f}"
        is_reached = row["auroc"] > yardstick.auroc, auprc > yardstick.auprc
        verdict = {(True, True): "above", (False, False): "below"}.get(
            is_reached, "one"
        )
    return f"| {' | '.join([*cells, weighed, verdict])} |"


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--predictor", default="all")
    return parser.parse_args()


def main() -> None:
    """Print one table per contrast and genome."""
    arguments = parse_arguments()
    folder = arguments.results / arguments.predictor
    sites = pd.read_parquet(folder / "sites.parquet").set_index("site_id")
    evaluated = folder.glob("*/*/*/seed*/fold*/metrics.json")
    for group in sorted({path.parents[3] for path in evaluated}):
        predictions = read_group(group)
        genomes = sites["genome"].reindex(predictions["site_id"]).to_numpy()
        for genome in sorted(set(genomes)):
            own = predictions[genomes == genome]
            if not own["part"].eq("test").any():
                continue
            table = compare_models(own, sites["gene_id"])
            best = find_best(own)
            yardstick = YARDSTICKS.get((group.parent.name, genome))
            first = table.iloc[0]
            print(
                f"\n### {group.parent.name}, {genome}: {first.n_sites} sites, "
                f"{first.n_genes} genes, {first.prevalence:.2f} errors"
                + (
                    f"; yardstick {yardstick.auroc}/{yardstick.auprc}, of errors "
                    f"{yardstick.prevalence}"
                    if yardstick
                    else ""
                )
            )
            print(
                "| model | AUROC | AUPRC | AUPRC at its share of errors | against the "
                "yardstick |\n|---|---|---|---|---|"
            )
            tests = own[own["part"] == "test"].fillna({"seed": -1})
            tested = dict(list(tests.groupby(["model", "seed"])))
            table = table.fillna({"seed": -1}).sort_values("auprc", ascending=False)
            for _, row in table.iterrows():
                key = (row.model, row.seed)
                print(describe(row, key == best, yardstick, tested[key]))


if __name__ == "__main__":
    main()
