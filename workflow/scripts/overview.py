"""Write the overview PDF of one predictor from stored results."""

from __future__ import annotations

import argparse

from error_sequence_model.core import run_step
from error_sequence_model.reports import (
    get_report_inputs,
    make_report_parser,
    write_overview,
)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    return make_report_parser(__doc__).parse_args()


def main(arguments: argparse.Namespace) -> None:
    """Write the overview."""
    write_overview(get_report_inputs(arguments), arguments.output)


if __name__ == "__main__":
    run_step(main, parse_arguments())
