"""Step: an untuned backbone's embeddings under a logistic regression -> predictions."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.classical import fit_embedding_baseline
from error_sequence_model.core import (
    parse_json,
    read_saved_table,
    run_step,
    write_parquet,
)
from error_sequence_model.settings import BackboneSettings


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", type=Path, required=True, help="split.parquet")
    parser.add_argument("--tokens", type=Path, required=True, help="token store")
    parser.add_argument("--name", required=True, help="of the backbone")
    parser.add_argument("--backbone", type=parse_json, required=True, help="JSON")
    parser.add_argument("--max-length", type=parse_json, help="tokens, or null")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--predictions", type=Path, required=True)
    return parser.parse_args()


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
