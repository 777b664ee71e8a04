"""Step: sites.parquet and genome -> windows.arrow."""

from __future__ import annotations

import argparse

from error_sequence_model.core import InputError, make_parser, run_step
from error_sequence_model.genome import Genome, Variants
from error_sequence_model.windows import write_windows

parse_arguments = make_parser(
    *(__doc__, "sites", "genome", "windows", "aliases"),
    upstream={"type": int, "required": True, "help": "bases"},
    downstream={"type": int, "required": True, "help": "bases"},
    variants="VCF of a personal genome",
    sample={"help": "whose genotypes, if the VCF has several"},
    haplotype={"type": int, "choices": (1, 2), "default": 1},
    variant_conflicts={"choices": ("gene", "stop"), "default": "gene"},
).parse_args


def main(arguments: argparse.Namespace) -> None:
    """Cut and write the windows."""
    variants = None
    if arguments.variants and arguments.genome is None:
        raise InputError("variants need a genome; set `predictors.<name>.genome`")
    if arguments.variants:
        with Genome(arguments.genome) as genome:
            variants = Variants(
                arguments.variants,
                genome.lengths,
                sample=arguments.sample,
                haplotype=arguments.haplotype,
                conflicts=arguments.variant_conflicts,
                aliases=arguments.aliases,
            )
    write_windows(
        arguments.sites,
        arguments.genome,
        arguments.upstream,
        arguments.downstream,
        arguments.windows,
        variants=variants,
    )


if __name__ == "__main__":
    run_step(main, parse_arguments())
