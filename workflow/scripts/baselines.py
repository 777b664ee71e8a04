"""Step: baselines on the same sites and folds -> classical/predictions.parquet."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.classical import fit_baselines
from error_sequence_model.core import read_saved_table, run_step, write_parquet


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=Path, required=True, help="sites.parquet")
    parser.add_argument("--split", type=Path, required=True, help="split.parquet")
    parser.add_argument("--features", type=Path, required=True, help="features.parquet")
    parser.add_argument("--models", nargs="+", required=True)
    parser.add_argument(
        "--score-aware", action="store_true", help="the features hold the score"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--predictions", type=Path, required=True)
    return parser.parse_args()


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
