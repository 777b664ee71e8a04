"""Step: a fine-tuned model on held-out sites -> predictions.parquet, metrics.json."""

from __future__ import annotations

import argparse

from error_sequence_model.core import RUN, make_parser, run_step
from error_sequence_model.evaluation import evaluate_run
from error_sequence_model.runs import read_run_inputs

parse_arguments = make_parser(__doc__, *RUN, "draws").parse_args


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
