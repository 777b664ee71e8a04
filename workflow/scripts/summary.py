"""Say on the screen what a run found and which reports to open."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.core import run_step
from error_sequence_model.reports import describe_results


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--predictor", required=True)
    return parser.parse_args()


def main(arguments: argparse.Namespace) -> None:
    """Describe the results."""
    for line in describe_results(arguments.results, arguments.predictor):
        print(line)


if __name__ == "__main__":
    run_step(main, parse_arguments())
