"""Step: a small dilated CNN from scratch, same folds -> classical/cnn.parquet."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.classical import fit_cnn_baseline
from error_sequence_model.core import (
    parse_json,
    read_saved_table,
    run_step,
    write_parquet,
)
from error_sequence_model.settings import CnnSettings
from error_sequence_model.windows import read_windows


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=Path, required=True, help="sites.parquet")
    parser.add_argument("--windows", type=Path, required=True, help="windows.arrow")
    parser.add_argument("--split", type=Path, required=True, help="split.parquet")
    parser.add_argument("--settings", type=parse_json, default={}, help="JSON")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--predictions", type=Path, required=True)
    return parser.parse_args()


def main(arguments: argparse.Namespace) -> None:
    """Fit, predict and write."""
    predictions = fit_cnn_baseline(
        read_saved_table(arguments.split),
        read_saved_table(arguments.sites, columns=["site_id", "splice_type"]),
        read_windows(arguments.windows),
        CnnSettings.from_mapping(arguments.settings),
        seed=arguments.seed,
        threads=arguments.threads,
    )
    write_parquet(arguments.predictions, predictions)


if __name__ == "__main__":
    run_step(main, parse_arguments())
