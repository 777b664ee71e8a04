"""Step: several predictors' sites and windows -> those of their pool."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.core import run_step, write_json, write_parquet
from error_sequence_model.sites import Member, pool_sites, pool_windows


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--members", nargs="+", required=True, help="predictors' names")
    add("--genomes", nargs="+", required=True, help="their genomes' names")
    add("--member-sites", nargs="+", type=Path, required=True, help="sites.parquet")
    add("--member-windows", nargs="+", type=Path, help="windows.arrow")
    add("--sites", type=Path, help="sites.parquet of the pool")
    add("--audit", type=Path, help="audit.json of the pool")
    add("--windows", type=Path, help="windows.arrow of the pool")
    return parser.parse_args()


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
