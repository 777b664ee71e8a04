"""Step: predictor scores and annotation -> error table (1-based, exonic base)."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.calling import call_files
from error_sequence_model.core import (
    make_parser,
    parse_json,
    run_step,
    write_json,
    write_tsv,
)
from error_sequence_model.genome import SMALLEST_INTRON
from error_sequence_model.settings import CallSettings

parse_arguments = make_parser(
    *(__doc__, "errors", "audit", "coordinate_base", "site_base"),
    *("aliases", "biotypes"),
    scores={"type": parse_json, "required": True, "help": "format and files"},
    genome={"required": True},
    annotation={"type": Path, "required": True, "help": "GTF, GFF3, table of sites"},
    genes="GTF or GFF3, if the annotation is a table of sites",
    regions="BED to scan; without it gene bodies",
    scored="BED of what has scores; the rest is not scanned",
    margin={"type": int, "default": 0, "help": "bases of contig ends to leave out"},
    smallest_intron={"type": int, "default": SMALLEST_INTRON, "help": "nt"},
    columns={"type": parse_json, "help": "our name -> name in a table of scores"},
    support="sites with reads, or a second annotation",
    calling={"type": parse_json, "default": {}, "help": "threshold, tolerance, …"},
).parse_args


def main(arguments: argparse.Namespace) -> None:
    """Call, match and write."""
    errors, audit = call_files(
        arguments.scores,
        arguments.genome,
        arguments.annotation,
        settings=CallSettings.from_mapping(arguments.calling),
        genes=arguments.genes,
        regions=arguments.regions,
        scored=arguments.scored,
        biotypes=arguments.biotypes,
        margin=arguments.margin,
        support=arguments.support,
        coordinate_base=arguments.coordinate_base,
        site_base=arguments.site_base,
        smallest_intron=arguments.smallest_intron,
        column_names=arguments.columns,
        aliases=arguments.aliases,
    )
    write_tsv(arguments.errors, errors)
    write_json(arguments.audit, audit)


if __name__ == "__main__":
    run_step(main, parse_arguments())
