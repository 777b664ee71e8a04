"""Write a simulated genome, annotation, error table and the truth behind the errors."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.core import InputError, make_parser, parse_json, run_step
from error_sequence_model.simulation import simulate

parse_arguments = make_parser(
    *(__doc__, "seed"),
    output_folder={
        "type": Path,
        "required": True,
        "help": "gets genome.fa, genome.fa.fai, annotation.gtf, errors.tsv, truth.bed",
    },
    chromosomes={"type": int, "default": 6},
    genes_per_chromosome={"type": int, "default": 46},
    options={
        "type": parse_json,
        "default": {},
        "help": "further fields of SimulationSettings as a JSON object",
    },
).parse_args


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
    run_step(main, parse_arguments(), is_rule=False)
