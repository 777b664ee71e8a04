"""Step: a fine-tuned model on held-out sites -> predictions.parquet, metrics.json."""

from __future__ import annotations

import argparse

from error_sequence_model.core import run_step
from error_sequence_model.evaluation import evaluate_run
from error_sequence_model.runs import make_run_parser, read_run_inputs


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = make_run_parser(__doc__)
    parser.add_argument("--draws", type=int, default=2000, help="bootstrap samples")
    return parser.parse_args()


def main(arguments: argparse.Namespace) -> None:
    """Predict and score."""
    evaluate_run(
        read_run_inputs(arguments),
        arguments.run / "model",
        output=arguments.run,
        draws=arguments.draws,
    )


if __name__ == "__main__":
    run_step(main, parse_arguments())
