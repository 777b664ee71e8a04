"""Step: attribution maps of one method for the explained sites of a run."""

from __future__ import annotations

import argparse

from error_sequence_model.attribution import attribute_run
from error_sequence_model.core import EXPLAINED_RUN, make_parser, run_step
from error_sequence_model.runs import read_explained_run

parse_arguments = make_parser(
    *(__doc__, *EXPLAINED_RUN),
    method={"required": True, "help": "such as integrated_gradients"},
).parse_args


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
