"""Write config/README.md from the schema (make docs)."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.core import make_parser, run_step
from error_sequence_model.settings import write_reference

parse_arguments = make_parser(
    __doc__, output={"required": False, "default": Path("config/README.md")}
).parse_args


def main(arguments: argparse.Namespace) -> None:
    """Write the page."""
    arguments.output.write_text(write_reference(), encoding="utf-8")


if __name__ == "__main__":
    run_step(main, parse_arguments(), is_rule=False)
