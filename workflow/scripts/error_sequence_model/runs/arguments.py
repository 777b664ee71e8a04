"""The command-line arguments that every step of a run shares."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.core import parse_json
from error_sequence_model.runs.inputs import RunInputs
from error_sequence_model.settings import TrainingSettings


def make_run_parser(description: str | None) -> argparse.ArgumentParser:
    """Make a parser with the inputs of a run: sites, split, tokens, contrast, fold."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--sites", type=Path, required=True, help="sites.parquet")
    parser.add_argument("--split", type=Path, required=True, help="split.parquet")
    parser.add_argument("--tokens", type=Path, required=True, help="token store")
    parser.add_argument("--contrast-name", required=True)
    parser.add_argument("--contrast", type=parse_json, help="its definition, JSON")
    parser.add_argument("--fold", type=int, required=True)
    parser.add_argument(
        "--training", type=parse_json, default={}, help="training settings, JSON"
    )
    parser.add_argument("--run", type=Path, required=True, help="the run folder")
    return parser


def read_run_inputs(arguments: argparse.Namespace) -> RunInputs:
    """Give the inputs that the arguments name."""
    training = TrainingSettings.from_mapping(arguments.training)
    return RunInputs(
        sites=arguments.sites,
        split=arguments.split,
        tokens=arguments.tokens,
        contrast_name=arguments.contrast_name,
        contrast=arguments.contrast,
        fold=arguments.fold,
        max_length=training.max_length,
        bucket_boundaries=training.bucket_boundaries,
    )
