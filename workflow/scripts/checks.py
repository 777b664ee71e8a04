"""Step: what must be sound before the first model is trained: splits, backbones."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pandas as pd

from error_sequence_model.backbones import make_config
from error_sequence_model.errors import InputError
from error_sequence_model.files import write_tsv
from error_sequence_model.jobs.commands import parse_json, run_step
from error_sequence_model.settings import BackboneSettings
from error_sequence_model.splitting.checks import summarise_audits
from error_sequence_model.token_pooling import parse_pooling


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leakage", type=Path, nargs="+", required=True)
    parser.add_argument("--backbones", type=parse_json, default={}, help="of the runs")
    parser.add_argument("--checks", type=Path, required=True, help="the table")
    return parser.parse_args()


def check_backbone(name: str, entry: dict[str, Any]) -> None:
    """Refuse options that make no network; a checkpoint is checked when it is read."""
    try:
        settings = BackboneSettings.from_mapping(entry)
        if settings.pooling is not None:
            parse_pooling(settings.pooling)
        if settings.checkpoint is None:
            options = {k: v for k, v in settings.options.items() if k != "tokenizer"}
            make_config(settings.architecture, **options)
    except InputError as error:
        raise InputError(f"backbones.{name}: {error}") from error


def main(arguments: argparse.Namespace) -> None:
    """Check, gather and write."""
    for name, entry in arguments.backbones.items():
        check_backbone(name, entry)
    write_tsv(arguments.checks, pd.DataFrame(summarise_audits(arguments.leakage)))


if __name__ == "__main__":
    run_step(main, parse_arguments())
