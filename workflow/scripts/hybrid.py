"""Step: a run's model joined with classical features -> hybrid.parquet, SHAP tables."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.classical import align_held_out, fit_hybrids
from error_sequence_model.core import (
    make_parser,
    read_saved_table,
    run_step,
    write_parquet,
)
from error_sequence_model.features import load_features

parse_arguments = make_parser(
    *(__doc__, "sites", "split", "features", "run", "fold", "output"),
    backbone={"type": str, "help": "its name"},
    model_seed={"type": int, "required": True, "help": "the run's"},
    shap={"type": Path, "required": True, "help": "shap.parquet"},
    values={"type": Path, "required": True, "help": "what the features were"},
).parse_args


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
