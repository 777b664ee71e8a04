"""Step: attribution maps of one method for the explained sites of a run."""

from __future__ import annotations

import argparse

from error_sequence_model.attribution import attribute_run
from error_sequence_model.core import run_step
from error_sequence_model.runs import make_explain_parser, read_explained_run


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = make_explain_parser(__doc__)
    parser.add_argument("--method", required=True, help="such as integrated_gradients")
    return parser.parse_args()


def main(arguments: argparse.Namespace) -> None:
    """Attribute and write."""
    run, settings = read_explained_run(arguments)
    attribute_run(
        run,
        arguments.method,
        baseline=settings.baseline,
        seed=settings.seed,
        output=arguments.output,
    )


if __name__ == "__main__":
    run_step(main, parse_arguments())
