"""Lease GPUs and run a command on them: launch.py --gpus 1 -- accelerate launch."""

from __future__ import annotations

import argparse
import sys

from error_sequence_model.core import run_leased, run_step


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--gpus", type=int, required=True, help="cards of the job; 0: the CPU alone"
    )
    parser.add_argument(
        "--machines", type=int, default=1, help="that share the cards (SLURM)"
    )
    parser.add_argument("--cpus", type=int, default=1, help="of each machine")
    parser.add_argument("command", nargs="+", help="what to run, after --")
    return parser.parse_args()


def main(arguments: argparse.Namespace) -> None:
    """Run the command; end with its exit code, or 75 if it was stopped."""
    sys.exit(run_leased(**vars(arguments)))


if __name__ == "__main__":
    run_step(main, parse_arguments())
