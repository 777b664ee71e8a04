"""Step: a genome and a predictor's weights -> scores of every base, bigWig or TSV."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.core import parse_json, run_step
from error_sequence_model.genome import Genome
from error_sequence_model.predictors import (
    FAMILIES,
    load_predictor,
    read_stretches,
    score_genome,
)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--model", required=True, choices=list(FAMILIES))
    add("--weights", nargs="+", required=True, help='files, a folder, or "package"')
    add("--tissue", help="of pangolin: heart, liver, brain or testis")
    add("--genome", type=Path, required=True, help="FASTA, plain or bgzip")
    add("--aliases", type=Path, help="other names of its contigs, a table")
    add("--annotation", type=Path, help="GTF or GFF3: gene bodies are scored")
    add("--regions", type=Path, help="BED to score; with neither, whole contigs")
    add("--biotypes", type=parse_json, help="of the gene bodies; without it all")
    add("--flank", type=int, default=0, help="bases to add on both sides")
    add("--minimum", type=float, default=0.001, help="lower scores are left out")
    add("--precision", choices=("auto", "fp32", "bf16"), default="auto")
    add("--device", help="cpu, cuda …; without it the first GPU, else the CPU")
    add("--part", help="i/n: only the i-th of n shares of the work")
    add("--output", type=Path, required=True, help="folder of bigWigs, or .tsv(.gz)")
    return parser.parse_args()


def main(arguments: argparse.Namespace) -> None:
    """Load, score, write."""
    predictor = load_predictor(
        arguments.model,
        arguments.weights,
        tissue=arguments.tissue,
        device=arguments.device,
        precision=arguments.precision,
    )
    with Genome(arguments.genome, arguments.aliases) as genome:
        stretches = read_stretches(
            genome,
            annotation=arguments.annotation,
            regions=arguments.regions,
            biotypes=arguments.biotypes,
            flank=arguments.flank,
        )
        options = {"minimum": arguments.minimum, "part": arguments.part}
        score_genome(predictor, genome, stretches, arguments.output, **options)


if __name__ == "__main__":
    run_step(main, parse_arguments())
