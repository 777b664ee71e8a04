"""Step: backbones and baselines side by side -> comparison.tsv."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from error_sequence_model.commands import run_step
from error_sequence_model.comparison import compare_models, read_run_predictions
from error_sequence_model.files import write_tsv


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=Path, required=True, help="sites.parquet")
    parser.add_argument("--baselines", type=Path, required=True, help="predictions")
    parser.add_argument("--runs", type=Path, nargs="+", required=True)
    parser.add_argument("--draws", type=int, default=2000, help="bootstrap samples")
    parser.add_argument("--level", type=float, default=0.95, help="of the intervals")
    parser.add_argument("--comparison", type=Path, required=True, help="the table")
    return parser.parse_args()


def main(arguments: argparse.Namespace) -> None:
    """Compare and write."""
    predictions = pd.concat(
        [pd.read_parquet(arguments.baselines), read_run_predictions(arguments.runs)],
        ignore_index=True,
    )
    genes = pd.read_parquet(arguments.sites, columns=["site_id", "gene_id"])
    comparison = compare_models(
        predictions,
        genes.set_index("site_id")["gene_id"],
        draws=arguments.draws,
        level=arguments.level,
    )
    write_tsv(arguments.comparison, comparison)


if __name__ == "__main__":
    run_step(main, parse_arguments())
