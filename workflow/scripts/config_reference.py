"""Write config/README.md from the schema (make docs)."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.config_reference import write_reference
from error_sequence_model.jobs.commands import run_step


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("config/README.md"))
    return parser.parse_args()


def main(arguments: argparse.Namespace) -> None:
    """Write the page."""
    arguments.output.write_text(write_reference(), encoding="utf-8")


if __name__ == "__main__":
    run_step(main, parse_arguments())
