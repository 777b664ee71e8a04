"""Step: sites of predictors of one genome -> peers.parquet: who errs where."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.core import (
    make_parser,
    read_saved_table,
    run_step,
    write_parquet,
)
from error_sequence_model.sites import join_errors

parse_arguments = make_parser(
    *(__doc__, "output"),
    sites={
        **{"type": Path, "nargs": "+", "required": True},
        "help": "sites.parquet of each, the one in question first",
    },
).parse_args


def main(arguments: argparse.Namespace) -> None:
    """Join and write."""
    tables = {path.parent.name: read_saved_table(path) for path in arguments.sites}
    write_parquet(arguments.output, join_errors(tables))


if __name__ == "__main__":
    run_step(main, parse_arguments())
