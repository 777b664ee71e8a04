"""Step: sites and windows -> split.parquet and leakage.json for one contrast."""

from __future__ import annotations

import argparse

from error_sequence_model.core import (
    make_parser,
    read_saved_table,
    run_step,
    write_json,
    write_parquet,
)
from error_sequence_model.settings import parse_contrast
from error_sequence_model.sites import read_sites
from error_sequence_model.splits import make_split
from error_sequence_model.windows import read_windows

parse_arguments = make_parser(
    *(__doc__, "sites", "windows", "contrast_name", "contrast", "splice_type"),
    *("splits", "split", "leakage"),
    peers="peers.parquet, for errors private or shared",
).parse_args


def main(arguments: argparse.Namespace) -> None:
    """Split, audit and write."""
    split, leakage = make_split(
        read_sites(arguments.sites),
        read_windows(arguments.windows),
        parse_contrast(arguments.contrast_name, arguments.contrast),
        arguments.splice_type,
        arguments.splits,
        peers=arguments.peers and read_saved_table(arguments.peers),
    )
    write_parquet(arguments.split, split)
    write_json(arguments.leakage, leakage)


if __name__ == "__main__":
    run_step(main, parse_arguments())
