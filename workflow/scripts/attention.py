"""Step: attention on the base axis for the explained sites of a run."""

from __future__ import annotations

import argparse

from error_sequence_model.attention import attend_run
from error_sequence_model.core import EXPLAINED_RUN, make_parser, run_step
from error_sequence_model.runs import read_explained_run

parse_arguments = make_parser(__doc__, *EXPLAINED_RUN).parse_args


def main(arguments: argparse.Namespace) -> None:
    """Extract and write."""
    run, _ = read_explained_run(arguments)
    attend_run(run, output=arguments.output)


if __name__ == "__main__":
    run_step(main, parse_arguments())
