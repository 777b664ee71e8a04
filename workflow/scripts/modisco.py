"""By hand: a run's maps and motifs -> tfmodisco-lite's files; its patterns -> MEME."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.core import InputError, make_parser, run_step
from error_sequence_model.motifs import convert_modisco_patterns, export_run
from error_sequence_model.windows import read_windows

parse_arguments = make_parser(
    *(__doc__, "output"),
    run={"type": Path, "required": False, "help": "run folder to write files of"},
    windows={"type": Path, "required": False, "help": "windows.arrow"},
    patterns={"type": Path, "required": False, "help": "what `modisco motifs` wrote"},
).parse_args


def main(arguments: argparse.Namespace) -> None:
    """Write the files, or read them back."""
    if arguments.patterns is not None:
        convert_modisco_patterns(arguments.patterns, arguments.output)
    elif arguments.run is None or arguments.windows is None:
        raise InputError("give --run and --windows to write files, or --patterns")
    else:
        windows = read_windows(arguments.windows)
        export_run(arguments.run, windows, arguments.output)


if __name__ == "__main__":
    run_step(main, parse_arguments())
