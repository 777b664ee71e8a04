"""One contrast of finished results in one figure (PNG), as the README shows it."""

from __future__ import annotations

import argparse

from error_sequence_model.core import make_parser, run_step
from error_sequence_model.reports import draw_beside, draw_result, write_figure

parse_arguments = make_parser(
    *(__doc__, "results", "predictor", "output"),
    contrast={"type": str, "help": "such as fn_vs_tp; none: peers and outside facts"},
    splice_type={"choices": None, "required": False, "help": "donor, acceptor or any"},
    error_type={"default": "FN", "help": "FP or FN"},
).parse_args


def main(arguments: argparse.Namespace) -> None:
    """Draw and save."""
    given = arguments.results, arguments.predictor
    if arguments.contrast:
        contrast = arguments.contrast, arguments.splice_type, arguments.error_type
        figure = draw_result(*given, *contrast)
    else:
        figure = draw_beside(*given)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write_figure(figure, arguments.output)


if __name__ == "__main__":
    run_step(main, parse_arguments(), is_rule=False)
