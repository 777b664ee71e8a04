"""Step: a published model from the hub -> models/{name}/ with checksums.json."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from error_sequence_model.backbones import fetch_model
from error_sequence_model.core import run_step


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="name, or owner/name@commit")
    parser.add_argument("--folder", type=Path, help="default: models/{name}")
    return parser.parse_args()


def main(arguments: argparse.Namespace) -> None:
    """Fetch and verify."""
    # Every other step stays offline; the hub's client reads this when it is imported.
    os.environ["HF_HUB_OFFLINE"] = "0"
    fetch_model(arguments.model, arguments.folder)


if __name__ == "__main__":
    run_step(main, parse_arguments())
