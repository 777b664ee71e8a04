"""The command-line arguments that every explaining step shares."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.jobs.commands import parse_json
from error_sequence_model.jobs.run_arguments import make_run_parser, read_run_inputs
from error_sequence_model.runs import ExplainedRun, open_explained_run
from error_sequence_model.settings import ExplanationSettings


def make_explain_parser(description: str | None) -> argparse.ArgumentParser:
    """Make a parser with the inputs of a run, its windows and what to explain."""
    parser = make_run_parser(description)
    parser.add_argument("--windows", type=Path, required=True, help="windows.arrow")
    parser.add_argument(
        "--explanation", type=parse_json, default={}, help="its settings, JSON"
    )
    parser.add_argument("--output", type=Path, required=True)
    return parser


def read_explained_run(
    arguments: argparse.Namespace,
) -> tuple[ExplainedRun, ExplanationSettings]:
    """Open the model and the explained sites that the arguments name."""
    settings = ExplanationSettings.from_mapping(arguments.explanation)
    run = open_explained_run(
        read_run_inputs(arguments),
        arguments.run / "model",
        arguments.windows,
        settings,
    )
    return run, settings
