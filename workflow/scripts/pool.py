"""Step: several predictors' sites and windows -> those of their pool."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.core import make_parser, run_step, write_json, write_parquet
from error_sequence_model.sites import Member, pool_sites, pool_windows

parse_arguments = make_parser(
    __doc__,
    members={"nargs": "+", "required": True, "help": "predictors' names"},
    genomes={"nargs": "+", "required": True, "help": "their genomes' names"},
    member_sites={
        "type": Path,
        "nargs": "+",
        "required": True,
        "help": "sites.parquet",
    },
    member_windows={"type": Path, "nargs": "+", "help": "windows.arrow"},
    sites={"required": False, "help": "sites.parquet of the pool"},
    audit={"required": False, "help": "audit.json of the pool"},
    windows={"required": False, "help": "windows.arrow of the pool"},
).parse_args


def main(arguments: argparse.Namespace) -> None:
    """Pool sites, windows or both."""
    windows = arguments.member_windows or [Path()] * len(arguments.members)
    members = [
        Member(*fields)
        for fields in zip(
            arguments.members,
            arguments.genomes,
            arguments.member_sites,
            windows,
            strict=True,
        )
    ]
    if arguments.sites:
        sites, audit = pool_sites(members)
        write_parquet(arguments.sites, sites)
        write_json(arguments.audit, audit)
    if arguments.windows:
        pool_windows(members, arguments.windows)


if __name__ == "__main__":
    run_step(main, parse_arguments())
