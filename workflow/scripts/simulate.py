"""Write a simulated genome, annotation, error table and the truth behind the errors."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.core import InputError, parse_json, run_step
from error_sequence_model.simulation import simulate


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--output-folder",
        type=Path,
        required=True,
        help="gets genome.fa, genome.fa.fai, annotation.gtf, errors.tsv, truth.bed",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--chromosomes", type=int, default=6)
    parser.add_argument("--genes-per-chromosome", type=int, default=46)
    parser.add_argument(
        "--options",
        type=parse_json,
        default={},
        help="further fields of SimulationSettings as a JSON object",
    )
    return parser.parse_args()


def main(arguments: argparse.Namespace) -> None:
    """Simulate into the output folder."""
    if not isinstance(arguments.options, dict):
        raise InputError('--options must be a JSON object, such as {"decoy_rate": 0}')
    options = {
        "seed": arguments.seed,
        "chromosomes": arguments.chromosomes,
        "genes_per_chromosome": arguments.genes_per_chromosome,
        **arguments.options,
    }
    simulate(arguments.output_folder, **options)


if __name__ == "__main__":
    run_step(main, parse_arguments())
