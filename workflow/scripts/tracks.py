"""Step: attributions and predictions on the genome -> bigWig and BED files."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.core import parse_json, run_step
from error_sequence_model.tracks import Source, write_tracks


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--predictor", required=True, help="name of the predictor")
    add("--sites", type=Path, required=True, help="sites.parquet")
    add("--runs", type=Path, nargs="*", default=[], help="run folders")
    add(
        "--genomes",
        type=parse_json,
        default=[],
        help="JSON list: genome, fasta, member, variants, sample, haplotype",
    )
    add("--output", type=Path, required=True, help="the folder")
    return parser.parse_args()


def main(arguments: argparse.Namespace) -> None:
    """Write the tracks."""
    write_tracks(
        arguments.runs,
        arguments.output,
        predictor=arguments.predictor,
        sites=arguments.sites,
        sources=[Source(**genome) for genome in arguments.genomes],
    )


if __name__ == "__main__":
    run_step(main, parse_arguments())
