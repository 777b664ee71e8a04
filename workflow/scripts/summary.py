"""Say on the screen what a run found and which reports to open."""

from __future__ import annotations

import argparse

from error_sequence_model.core import make_parser, run_step
from error_sequence_model.reports import describe_results

parse_arguments = make_parser(__doc__, "results", "predictor").parse_args


def main(arguments: argparse.Namespace) -> None:
    """Describe the results."""
    for line in describe_results(arguments.results, arguments.predictor):
        print(line)


if __name__ == "__main__":
    run_step(main, parse_arguments(), is_rule=False)
