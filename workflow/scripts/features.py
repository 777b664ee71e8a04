"""Step: features of the sites of a split -> classical/features.parquet and .tsv."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.core import (
    make_parser,
    parse_json,
    read_saved_table,
    run_step,
    write_tsv,
)
from error_sequence_model.features import read_elements, write_features
from error_sequence_model.settings import FeatureSettings
from error_sequence_model.windows import read_windows

parse_arguments = make_parser(
    *(__doc__, "sites", "windows", "split", "settings", "annotations", "features"),
    aliases={"type": parse_json, "default": {}, "help": "genome -> table of names"},
    definitions={"type": Path, "required": True, "help": "what they are, TSV"},
).parse_args


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
        aliases=arguments.aliases,
    )
    write_tsv(arguments.definitions, definitions)


if __name__ == "__main__":
    run_step(main, parse_arguments())
