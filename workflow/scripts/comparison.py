"""Step: all models side by side -> comparison.tsv and the tables of assessment/."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.core import parse_json, read_saved_table, run_step, write_tsv
from error_sequence_model.evaluation import (
    assess_models,
    compare_models,
    read_all_predictions,
    read_strata_features,
)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--sites", type=Path, required=True, help="sites.parquet")
    add("--split", type=Path, required=True, help="split.parquet")
    add("--features", type=Path, required=True, help="features.parquet, for strata")
    add("--predictions", type=Path, nargs="+", required=True, help="but those of runs")
    add("--runs", type=Path, nargs="+", required=True)
    add("--natural-counts", type=parse_json, default=None, help="JSON: calls by type")
    add("--draws", type=int, default=2000, help="bootstrap samples")
    add("--comparison", type=Path, required=True, help="the table")
    add("--assessment", type=Path, required=True, help="folder of the other tables")
    return parser.parse_args()


def main(arguments: argparse.Namespace) -> None:
    """Compare, assess and write."""
    predictions = read_all_predictions(arguments.predictions, arguments.runs)
    sites = read_saved_table(arguments.sites).set_index("site_id")
    options = {"draws": arguments.draws}
    comparison = compare_models(predictions, sites["gene_id"], **options)
    assessment = assess_models(
        predictions,
        sites,
        read_saved_table(arguments.split),
        read_strata_features(arguments.features),
        natural_counts=arguments.natural_counts,
        **options,
    )
    for name, table in assessment._asdict().items():
        write_tsv(arguments.assessment / f"{name}.tsv", table)
    write_tsv(arguments.comparison, comparison)


if __name__ == "__main__":
    run_step(main, parse_arguments())
