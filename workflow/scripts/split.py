"""Step: sites and windows -> split.parquet and leakage.json for one contrast."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.core import parse_json, run_step, write_json, write_parquet
from error_sequence_model.settings import parse_contrast
from error_sequence_model.sites import read_sites
from error_sequence_model.splits import make_split
from error_sequence_model.windows import read_windows


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=Path, required=True, help="sites.parquet")
    parser.add_argument("--windows", type=Path, required=True, help="windows.arrow")
    parser.add_argument("--contrast", type=parse_json, help="its definition")
    parser.add_argument("--contrast-name", required=True)
    parser.add_argument(
        "--splice-type", choices=("donor", "acceptor", "any"), required=True
    )
    parser.add_argument("--splits", type=parse_json, default={}, help="the settings")
    parser.add_argument("--split", type=Path, required=True, help="split.parquet")
    parser.add_argument("--leakage", type=Path, required=True, help="leakage.json")
    return parser.parse_args()


def main(arguments: argparse.Namespace) -> None:
    """Split, audit and write."""
    split, leakage = make_split(
        read_sites(arguments.sites),
        read_windows(arguments.windows),
        parse_contrast(arguments.contrast_name, arguments.contrast),
        arguments.splice_type,
        arguments.splits,
    )
    write_parquet(arguments.split, split)
    write_json(arguments.leakage, leakage)


if __name__ == "__main__":
    run_step(main, parse_arguments())
