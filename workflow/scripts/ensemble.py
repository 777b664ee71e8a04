"""Step: all models stacked -> ensemble/predictions.parquet and weights.tsv."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.core import make_parser, run_step, write_parquet, write_tsv
from error_sequence_model.evaluation import read_all_predictions, stack_models

parse_arguments = make_parser(
    *(__doc__, "runs"),
    predictions={"nargs": "+"},
    ensemble={"type": Path, "required": True, "help": "its predictions"},
    weights={"type": Path, "required": True, "help": "the table"},
).parse_args


def main(arguments: argparse.Namespace) -> None:
    """Stack and write."""
    stacked, weights = stack_models(
        read_all_predictions(arguments.predictions, arguments.runs)
    )
    write_parquet(arguments.ensemble, stacked)
    write_tsv(arguments.weights, weights)


if __name__ == "__main__":
    run_step(main, parse_arguments())
