"""Step: do the maps of models of different seeds agree? -> agreement.json."""

from __future__ import annotations

import argparse

from error_sequence_model.core import make_parser, run_step, write_json
from error_sequence_model.faithfulness import compare_seeds

parse_arguments = make_parser(__doc__, "runs", "seed", "output").parse_args


def main(arguments: argparse.Namespace) -> None:
    """Compare and write."""
    found = compare_seeds(arguments.runs, seed=arguments.seed)
    write_json(arguments.output, found)


if __name__ == "__main__":
    run_step(main, parse_arguments())
