"""Step: all models side by side -> comparison.tsv and the tables of assessment/."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.core import (
    make_parser,
    parse_json,
    read_saved_table,
    run_step,
    write_tsv,
)
from error_sequence_model.evaluation import (
    assess_models,
    compare_models,
    read_all_predictions,
    read_strata_features,
)

parse_arguments = make_parser(
    *(__doc__, "sites", "split", "features", "runs", "draws"),
    predictions={"nargs": "+", "help": "but those of runs"},
    natural_counts={"type": parse_json, "help": "JSON: calls by type"},
    comparison={"type": Path, "required": True, "help": "the table"},
    assessment={"type": Path, "required": True, "help": "folder of other tables"},
).parse_args


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
