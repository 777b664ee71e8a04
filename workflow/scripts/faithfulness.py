"""Step: check the maps and the attention of a run -> faithfulness.json."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.core import run_step
from error_sequence_model.faithfulness import check_run
from error_sequence_model.runs import make_explain_parser, read_explained_run


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = make_explain_parser(__doc__)
    parser.add_argument("--maps", type=Path, nargs="+", required=True)
    parser.add_argument("--attention", type=Path, required=True)
    parser.add_argument("--truth", type=Path, help="BED of planted causes")
    return parser.parse_args()


def main(arguments: argparse.Namespace) -> None:
    """Check and write."""
    run, settings = read_explained_run(arguments)
    check_run(
        run,
        {path.stem: path for path in arguments.maps},
        arguments.attention,
        truth=arguments.truth,
        baseline=settings.baseline,
        seed=settings.seed,
        output=arguments.output,
    )


if __name__ == "__main__":
    run_step(main, parse_arguments())
