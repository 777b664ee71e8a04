"""Step: a run's model joined with classical features -> hybrid.parquet, SHAP tables."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.classical import align_held_out, fit_hybrids
from error_sequence_model.core import read_saved_table, run_step, write_parquet
from error_sequence_model.features import load_features


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--sites", type=Path, required=True, help="sites.parquet")
    add("--split", type=Path, required=True, help="split.parquet")
    add("--features", type=Path, required=True, help="features.parquet")
    add("--run", type=Path, required=True, help="the run folder")
    add("--backbone", required=True, help="its name")
    add("--model-seed", type=int, required=True, help="the run's")
    add("--fold", type=int, required=True)
    add("--output", type=Path, required=True, help="hybrid.parquet")
    add("--shap", type=Path, required=True, help="shap.parquet")
    add("--values", type=Path, required=True, help="what the features were")
    return parser.parse_args()


def main(arguments: argparse.Namespace) -> None:
    """Fit, predict and write."""
    genes = read_saved_table(arguments.sites, columns=["site_id", "gene_id"])
    split = read_saved_table(arguments.split)
    is_training = (split["fold"] == arguments.fold) & (split["part"] == "train")
    held_out = align_held_out(
        read_saved_table(arguments.run / "predictions.parquet"),
        read_saved_table(arguments.run / "embeddings.parquet"),
        load_features(arguments.features, fold=arguments.fold),
        genes.set_index("site_id")["gene_id"],
        split.loc[is_training].set_index("site_id")["label"],
    )
    hybrid = fit_hybrids(held_out, name=arguments.backbone, seed=arguments.model_seed)
    seed_and_fold = {"seed": arguments.model_seed, "fold": arguments.fold}
    write_parquet(arguments.output, hybrid.predictions.assign(**seed_and_fold))
    write_parquet(arguments.shap, hybrid.shap)
    write_parquet(arguments.values, hybrid.values)


if __name__ == "__main__":
    run_step(main, parse_arguments())
