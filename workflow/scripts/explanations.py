"""Step: one ranked list of explanations -> explanations.tsv, .parquet and .json."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.causes import (
    explain_errors,
    read_motif_runs,
    write_explanations,
)
from error_sequence_model.core import parse_json, read_saved_table, run_step
from error_sequence_model.features import read_elements
from error_sequence_model.settings import CauseSettings, parse_contrast
from error_sequence_model.windows import read_windows


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--sites", type=Path, required=True, help="sites.parquet")
    add("--windows", type=Path, required=True, help="windows.arrow")
    add("--split", type=Path, required=True, help="split.parquet")
    add("--contrast-name", required=True)
    add("--contrast", type=parse_json, required=True, help="its definition")
    add("--splice-type", required=True, choices=("donor", "acceptor", "any"))
    add("--causes", type=Path, required=True, help="causes.tsv; .parquet beside it")
    add("--motifs", type=Path, nargs="*", default=[], help="motifs.tsv of runs")
    add("--elements", type=Path, help="the user's own known elements")
    add("--settings", type=parse_json, default={}, help="fields of `CauseSettings`")
    add("--draws", type=int, default=500, help="bootstrap samples")
    add("--output", type=Path, required=True, help="folder of the three files")
    return parser.parse_args()


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
