"""Step: a genome and a predictor's weights -> scores of every base, bigWig or TSV."""

from __future__ import annotations

import argparse

from error_sequence_model.core import make_parser, run_step
from error_sequence_model.genome import Genome
from error_sequence_model.predictors import (
    FAMILIES,
    load_predictor,
    read_stretches,
    score_genome,
)

parse_arguments = make_parser(
    *(__doc__, "genome", "aliases", "biotypes", "output"),
    model={"required": True, "choices": [*FAMILIES]},
    weights={"nargs": "+", "required": True, "help": 'files, a folder, or "package"'},
    tissue={"help": "of pangolin: heart, liver, brain or testis"},
    genome={"required": True},
    annotation="GTF or GFF3: gene bodies are scored",
    regions="BED to score; with neither, whole contigs",
    flank={"type": int, "default": 0, "help": "bases to add on both sides"},
    minimum={"type": float, "default": 0.001, "help": "lower scores are left out"},
    precision={"choices": ("auto", "fp32", "bf16"), "default": "auto"},
    device={"help": "cpu, cuda …; without it the first GPU, else the CPU"},
    part={"help": "i/n: only the i-th of n shares of the work"},
    output={"help": "folder of bigWigs, or .tsv(.gz)"},
).parse_args


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
