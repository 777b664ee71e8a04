"""Step: do the maps of models of different seeds agree? -> agreement.json."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.core import run_step, write_json
from error_sequence_model.faithfulness import compare_seeds


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--runs", type=Path, nargs="+", required=True, help="run folders, one per seed")
    add("--seed", type=int, default=1, help="of the bootstrap")
    add("--output", type=Path, required=True, help="agreement.json")
    return parser.parse_args()


def main(arguments: argparse.Namespace) -> None:
    """Compare and write."""
    found = compare_seeds(arguments.runs, seed=arguments.seed)
    write_json(arguments.output, found)


if __name__ == "__main__":
    run_step(main, parse_arguments())
