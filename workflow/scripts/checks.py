"""Step: the audits of all splits -> checks.tsv, before the first model is trained."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from error_sequence_model.core import make_parser, run_step, write_tsv
from error_sequence_model.splits import summarise_audits

parse_arguments = make_parser(
    __doc__,
    leakage={"nargs": "+", "help": "the audits"},
    checks={"type": Path, "required": True, "help": "the table"},
).parse_args


def main(arguments: argparse.Namespace) -> None:
    """Gather and write."""
    write_tsv(arguments.checks, pd.DataFrame(summarise_audits(arguments.leakage)))


if __name__ == "__main__":
    run_step(main, parse_arguments())
