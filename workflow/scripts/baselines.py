"""Step: baselines on the same sites and folds -> classical/predictions.parquet."""

from __future__ import annotations

import argparse

from error_sequence_model.classical import fit_baselines
from error_sequence_model.core import (
    make_parser,
    read_saved_table,
    run_step,
    write_parquet,
)

parse_arguments = make_parser(
    *(__doc__, "sites", "split", "features", "seed", "predictions"),
    models={"nargs": "+", "required": True},
    score_aware={"action": "store_true", "help": "the features hold the score"},
).parse_args


def main(arguments: argparse.Namespace) -> None:
    """Fit, predict and write."""
    predictions = fit_baselines(
        read_saved_table(arguments.split),
        read_saved_table(arguments.sites, columns=["site_id", "score"]),
        arguments.features,
        models=arguments.models,
        score_aware=arguments.score_aware,
        seed=arguments.seed,
    )
    write_parquet(arguments.predictions, predictions)


if __name__ == "__main__":
    run_step(main, parse_arguments())
