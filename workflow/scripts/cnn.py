"""Step: a small dilated CNN from scratch, same folds -> classical/cnn.parquet."""

from __future__ import annotations

import argparse

from error_sequence_model.classical import fit_cnn_baseline
from error_sequence_model.core import (
    make_parser,
    read_saved_table,
    run_step,
    write_parquet,
)
from error_sequence_model.settings import CnnSettings
from error_sequence_model.windows import read_windows

parse_arguments = make_parser(
    *(__doc__, "sites", "windows", "split", "settings", "seed", "predictions"),
    threads={"type": int, "default": 1},
).parse_args


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
