"""Step: genomes, annotations and a split -> windows of gene bodies to pretrain on."""

from __future__ import annotations

import argparse

from error_sequence_model.core import make_parser, parse_json, run_step
from error_sequence_model.pretraining import GenomeSource, draw_gene_windows
from error_sequence_model.settings import PretrainingSettings, parse_settings

parse_arguments = make_parser(
    *(__doc__, "sites", "windows", "splits", "pretraining", "output", "leakage"),
    genomes={"type": parse_json, "required": True, "help": "their fields, JSON"},
    split={"required": False, "help": "unless chromosomes are named"},
    fold={"required": False, "default": 0},
).parse_args


def main(arguments: argparse.Namespace) -> None:
    """Draw, audit and write."""
    draw_gene_windows(
        [GenomeSource(**fields) for fields in arguments.genomes],
        arguments.sites,
        arguments.windows,
        parse_settings(arguments.splits),
        PretrainingSettings.from_mapping(arguments.pretraining),
        split_path=arguments.split,
        fold=arguments.fold,
        output=arguments.output,
        leakage=arguments.leakage,
    )


if __name__ == "__main__":
    run_step(main, parse_arguments())
