"""One contrast of finished results in one figure (PNG), as the README shows it."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.core import run_step
from error_sequence_model.reports import draw_result, write_figure


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--predictor", required=True)
    parser.add_argument("--contrast", required=True, help="such as fn_vs_tp")
    parser.add_argument("--splice-type", required=True, help="donor, acceptor or any")
    parser.add_argument("--error-type", default="FN", help="FP or FN")
    parser.add_argument("--output", type=Path, required=True, help="a .png")
    return parser.parse_args()


def main(arguments: argparse.Namespace) -> None:
    """Draw and save."""
    figure = draw_result(
        arguments.results,
        arguments.predictor,
        arguments.contrast,
        arguments.splice_type,
        arguments.error_type,
    )
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write_figure(figure, arguments.output)


if __name__ == "__main__":
    run_step(main, parse_arguments())
