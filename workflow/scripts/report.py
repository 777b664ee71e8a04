"""Write the PDF report of one error type from stored results."""

from __future__ import annotations

import argparse

from error_sequence_model.core import run_step
from error_sequence_model.reports import (
    get_report_inputs,
    make_report_parser,
    write_error_report,
)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = make_report_parser(__doc__)
    parser.add_argument("--error-type", required=True, choices=["TP", "FP", "FN", "TN"])
    return parser.parse_args()


def main(arguments: argparse.Namespace) -> None:
    """Write the report."""
    inputs = get_report_inputs(arguments)
    write_error_report(arguments.error_type, inputs, arguments.output)


if __name__ == "__main__":
    run_step(main, parse_arguments())
