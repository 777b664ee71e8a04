"""Write the site browser of one predictor: one HTML file, from stored results."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.core import parse_json, run_step
from error_sequence_model.reports import write_browser


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--predictor", required=True, help="name of the predictor")
    parser.add_argument("--sites", type=Path, required=True, help="sites.parquet")
    parser.add_argument("--windows", type=Path, required=True, help="windows.arrow")
    parser.add_argument("--runs", type=Path, nargs="*", default=[], help="run folders")
    parser.add_argument("--colours", type=parse_json, default={}, help="JSON")
    parser.add_argument("--assemblies", type=parse_json, default={}, help="JSON")
    parser.add_argument("--peers", type=Path, help="peers.parquet, if there are any")
    parser.add_argument("--output", type=Path, required=True, help="the HTML file")
    return parser.parse_args()


def main(arguments: argparse.Namespace) -> None:
    """Write the browser."""
    write_browser(
        arguments.runs,
        arguments.output,
        predictor=arguments.predictor,
        sites=arguments.sites,
        windows=arguments.windows,
        colours=arguments.colours,
        assemblies=arguments.assemblies,
        peers=arguments.peers,
    )


if __name__ == "__main__":
    run_step(main, parse_arguments())
