"""One contrast of finished results in one figure (PNG), as the README shows it."""

from __future__ import annotations

import argparse

from error_sequence_model.core import make_parser, run_step
from error_sequence_model.reports import draw_result, write_figure

parse_arguments = make_parser(
    *(__doc__, "results", "predictor", "output"),
    contrast={"type": str, "required": True, "help": "such as fn_vs_tp"},
    splice_type={"choices": None, "help": "donor, acceptor or any"},
    error_type={"default": "FN", "help": "FP or FN"},
).parse_args


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
