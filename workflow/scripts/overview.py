"""Write the overview PDF of one predictor from stored results."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.commands import run_step
from error_sequence_model.reports import write_overview


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--predictor", required=True, help="name of the predictor")
    add("--sites", type=Path, required=True, help="sites.parquet")
    add("--audit", type=Path, help="audit.json")
    add("--windows", type=Path, help="windows.arrow; default: beside --sites")
    add("--runs", type=Path, nargs="*", default=[], help="run folders")
    add("--comparisons", type=Path, nargs="*", default=[], help="comparison.tsv files")
    add("--draws", type=int, default=500, help="bootstrap draws and permutations")
    add("--seed", type=int, default=0, help="their seed")
    add("--output", type=Path, required=True, help="the PDF")
    add("--tables", type=Path, required=True, help="folder for the figures' numbers")
    return parser.parse_args()


def main(arguments: argparse.Namespace) -> None:
    """Write the overview."""
    write_overview(
        arguments.runs,
        arguments.output,
        predictor=arguments.predictor,
        sites=arguments.sites,
        tables=arguments.tables,
        audit=arguments.audit,
        comparisons=arguments.comparisons,
        windows=arguments.windows,
        draws=arguments.draws,
        seed=arguments.seed,
    )


if __name__ == "__main__":
    run_step(main, parse_arguments())
