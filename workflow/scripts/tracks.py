"""Step: attributions and predictions on the genome -> bigWig and BED files."""

from __future__ import annotations

import argparse

from error_sequence_model.core import make_parser, parse_json, run_step
from error_sequence_model.tracks import Source, write_tracks

parse_arguments = make_parser(
    *(__doc__, "predictor", "sites", "windows", "output"),
    runs={"nargs": "*", "required": False, "default": []},
    genomes={
        "type": parse_json,
        "default": [],
        "help": "JSON list: genome, fasta, assembly, member, variants …",
    },
).parse_args


def main(arguments: argparse.Namespace) -> None:
    """Write the tracks."""
    write_tracks(
        arguments.runs,
        arguments.output,
        predictor=arguments.predictor,
        sites=arguments.sites,
        windows=arguments.windows,
        sources=[Source(**genome) for genome in arguments.genomes],
    )


if __name__ == "__main__":
    run_step(main, parse_arguments())
