"""Step: named causes of a contrast's errors -> causes.tsv, .parquet and .json."""

from __future__ import annotations

import argparse

from error_sequence_model.causes import name_causes
from error_sequence_model.core import (
    make_parser,
    parse_json,
    read_saved_table,
    run_step,
    write_json,
    write_parquet,
    write_tsv,
)
from error_sequence_model.genome import read_gene_models
from error_sequence_model.settings import CauseSettings, Track, parse_contrast
from error_sequence_model.windows import read_windows

parse_arguments = make_parser(
    *(__doc__, "sites", "windows", "split", "contrast_name", "splice_type"),
    *("annotations", "settings", "output"),
    contrast={"required": True},
    tracks={"type": parse_json, "default": [], "help": "fields of `Track`, a list"},
    draws={"default": 500},
).parse_args


def main(arguments: argparse.Namespace) -> None:
    """Name, test and write."""
    pairs = [(prefix, path) for prefix, path in arguments.annotations]
    sites = read_saved_table(arguments.sites)
    found = name_causes(
        sites,
        read_windows(arguments.windows),
        read_saved_table(arguments.split),
        parse_contrast(arguments.contrast_name, arguments.contrast),
        arguments.splice_type,
        models=read_gene_models(pairs, chroms=set(sites["chrom"])) if pairs else None,
        tracks=[Track(**track) for track in arguments.tracks],
        settings=CauseSettings.from_mapping(arguments.settings),
        draws=arguments.draws,
    )
    write_tsv(arguments.output / "causes.tsv", found.table)
    write_parquet(arguments.output / "causes.parquet", found.sites)
    write_json(arguments.output / "causes.json", found.summary)


if __name__ == "__main__":
    run_step(main, parse_arguments())
