"""Step: check the maps and the attention of a run -> faithfulness.json."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.core import EXPLAINED_RUN, make_parser, run_step
from error_sequence_model.faithfulness import check_run
from error_sequence_model.runs import read_explained_run

parse_arguments = make_parser(
    *(__doc__, *EXPLAINED_RUN, "maps"),
    attention={"type": Path, "required": True},
    truth="BED of planted causes",
).parse_args


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
