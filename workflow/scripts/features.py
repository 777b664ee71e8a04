"""Step: features of the sites of a split -> classical/features.parquet and .tsv."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.core import parse_json, read_saved_table, run_step, write_tsv
from error_sequence_model.features import read_elements, write_features
from error_sequence_model.settings import FeatureSettings
from error_sequence_model.windows import read_windows


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--sites", type=Path, required=True, help="sites.parquet")
    add("--windows", type=Path, required=True, help="windows.arrow")
    add("--split", type=Path, required=True, help="split.parquet")
    add("--settings", type=parse_json, default={}, help="feature settings, JSON")
    add(
        "--annotations",
        type=parse_json,
        default=[],
        help="[[prefix, path, smallest intron], …]",
    )
    add("--features", type=Path, required=True, help="the table of values")
    add("--definitions", type=Path, required=True, help="what they are, TSV")
    return parser.parse_args()


def main(arguments: argparse.Namespace) -> None:
    """Compute and write."""
    definitions = write_features(
        read_saved_table(arguments.split),
        read_saved_table(arguments.sites),
        read_windows(arguments.windows),
        FeatureSettings.from_mapping(arguments.settings),
        arguments.features,
        elements={e.name: e.consensus for e in read_elements() if e.consensus},
        annotations=[tuple(pair) for pair in arguments.annotations],
    )
    write_tsv(arguments.definitions, definitions)


if __name__ == "__main__":
    run_step(main, parse_arguments())
