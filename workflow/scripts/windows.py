"""Step: sites.parquet and genome -> windows.arrow."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.core import InputError, run_step
from error_sequence_model.genome import Genome, Variants
from error_sequence_model.windows import write_windows


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=Path, required=True, help="sites.parquet")
    parser.add_argument("--genome", type=Path, help="FASTA, plain or bgzip")
    parser.add_argument("--upstream", type=int, required=True, help="bases")
    parser.add_argument("--downstream", type=int, required=True, help="bases")
    parser.add_argument("--variants", type=Path, help="VCF of a personal genome")
    parser.add_argument("--sample", help="whose genotypes, if the VCF has several")
    parser.add_argument("--haplotype", type=int, choices=(1, 2), default=1)
    parser.add_argument("--variant-conflicts", choices=("gene", "stop"), default="gene")
    parser.add_argument("--windows", type=Path, required=True, help="windows.arrow")
    return parser.parse_args()


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
