"""Step: an untuned backbone's embeddings under a logistic regression -> predictions."""

from __future__ import annotations

import argparse

from error_sequence_model.classical import fit_embedding_baseline
from error_sequence_model.core import (
    make_parser,
    parse_json,
    read_saved_table,
    run_step,
    write_parquet,
)
from error_sequence_model.settings import BackboneSettings

parse_arguments = make_parser(
    *(__doc__, "split", "tokens", "backbone", "seed", "predictions"),
    name={"required": True, "help": "of the backbone"},
    max_length={"type": parse_json, "help": "tokens, or null"},
).parse_args


def main(arguments: argparse.Namespace) -> None:
    """Embed, fit, predict and write."""
    predictions = fit_embedding_baseline(
        read_saved_table(arguments.split),
        arguments.tokens,
        BackboneSettings.from_mapping(arguments.backbone),
        name=arguments.name,
        max_length=arguments.max_length,
        seed=arguments.seed,
    )
    write_parquet(arguments.predictions, predictions)


if __name__ == "__main__":
    run_step(main, parse_arguments())
