"""Step: all models stacked -> ensemble/predictions.parquet and weights.tsv."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.core import run_step, write_parquet, write_tsv
from error_sequence_model.evaluation import read_all_predictions, stack_models


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--predictions", type=Path, nargs="+", required=True)
    parser.add_argument("--runs", type=Path, nargs="+", required=True)
    parser.add_argument("--ensemble", type=Path, required=True, help="its predictions")
    parser.add_argument("--weights", type=Path, required=True, help="the table")
    return parser.parse_args()


def main(arguments: argparse.Namespace) -> None:
    """Stack and write."""
    stacked, weights = stack_models(
        read_all_predictions(arguments.predictions, arguments.runs)
    )
    write_parquet(arguments.ensemble, stacked)
    write_tsv(arguments.weights, weights)


if __name__ == "__main__":
    run_step(main, parse_arguments())
