"""Step: attention on the base axis for the explained sites of a run."""

from __future__ import annotations

import argparse

from error_sequence_model.attention import attend_run
from error_sequence_model.core import run_step
from error_sequence_model.runs import make_explain_parser, read_explained_run


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    return make_explain_parser(__doc__).parse_args()


def main(arguments: argparse.Namespace) -> None:
    """Extract and write."""
    run, _ = read_explained_run(arguments)
    attend_run(run, output=arguments.output)


if __name__ == "__main__":
    run_step(main, parse_arguments())
