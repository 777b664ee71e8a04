"""Step: a published model from the hub -> models/{name}/ with checksums.json."""

from __future__ import annotations

import argparse
import os

from error_sequence_model.backbones import fetch_model
from error_sequence_model.core import make_parser, run_step

parse_arguments = make_parser(
    __doc__,
    model={"required": True, "help": "name, or owner/name@commit"},
    folder="default: models/{name}",
).parse_args


def main(arguments: argparse.Namespace) -> None:
    """Fetch and verify."""
    # Every other step stays offline; the hub's client reads this when it is imported.
    os.environ["HF_HUB_OFFLINE"] = "0"
    fetch_model(arguments.model, arguments.folder)


if __name__ == "__main__":
    run_step(main, parse_arguments())
