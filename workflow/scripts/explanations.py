"""Step: one ranked list of explanations -> explanations.tsv, .parquet and .json."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.causes import (
    explain_errors,
    read_motif_runs,
    write_explanations,
)
from error_sequence_model.core import make_parser, read_saved_table, run_step
from error_sequence_model.features import read_elements
from error_sequence_model.settings import CauseSettings, parse_contrast
from error_sequence_model.windows import read_windows

parse_arguments = make_parser(
    *(__doc__, "sites", "windows", "split", "contrast_name", "splice_type"),
    *("settings", "output"),
    contrast={"required": True},
    causes={"type": Path, "required": True, "help": "causes.tsv; .parquet beside it"},
    motifs={"type": Path, "nargs": "*", "default": [], "help": "motifs.tsv of runs"},
    elements="the user's own known elements",
    draws={"default": 500},
).parse_args


def main(arguments: argparse.Namespace) -> None:
    """Explain and write."""
    own = arguments.elements
    found = explain_errors(
        read_saved_table(arguments.sites),
        read_windows(arguments.windows),
        read_saved_table(arguments.split),
        parse_contrast(arguments.contrast_name, arguments.contrast),
        arguments.splice_type,
        causes=read_saved_table(arguments.causes),
        flags=read_saved_table(arguments.causes.with_suffix(".parquet")),
        runs=read_motif_runs(arguments.motifs),
        elements=[*read_elements(), *(read_elements(own) if own else [])],
        settings=CauseSettings.from_mapping(arguments.settings),
        draws=arguments.draws,
    )
    write_explanations(found, arguments.output)


if __name__ == "__main__":
    run_step(main, parse_arguments())
