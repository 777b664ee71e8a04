"""By hand: a predictor's own scores of mutants.vcf or .fa -> what the edits changed."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.causes import measure_rescored
from error_sequence_model.core import (
    make_parser,
    read_saved_table,
    run_step,
    write_tsv,
)

parse_arguments = make_parser(
    *(__doc__, "output"),
    mutants={"type": Path, "required": True, "help": "mutants.tsv"},
    scores={
        **{"type": Path, "required": True},
        "help": "table with mutant, reference_score and mutant_score",
    },
).parse_args


def main(arguments: argparse.Namespace) -> None:
    """Measure and write."""
    mutants = read_saved_table(arguments.mutants)
    write_tsv(arguments.output, measure_rescored(mutants, arguments.scores))


if __name__ == "__main__":
    run_step(main, parse_arguments())
