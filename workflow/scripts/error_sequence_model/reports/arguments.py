"""The command-line arguments that both kinds of report share."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

from error_sequence_model.core import parse_json
from error_sequence_model.results import ReportInputs


def make_report_parser(description: str | None) -> argparse.ArgumentParser:
    """Make a parser with what a report reads and where it is written."""
    parser = argparse.ArgumentParser(description=description)
    add = parser.add_argument
    add("--predictor", required=True, help="name of the predictor")
    add("--sites", type=Path, required=True, help="sites.parquet")
    add("--audit", type=Path, help="audit.json")
    add("--windows", type=Path, help="windows.arrow; default: beside --sites")
    add("--runs", type=Path, nargs="*", default=[], help="run folders")
    add("--comparisons", type=Path, nargs="*", default=[], help="comparison.tsv files")
    add("--draws", type=int, default=500, help="bootstrap draws and permutations")
    add("--seed", type=int, default=0, help="their seed")
    add("--colours", type=parse_json, default={}, help="{pred_type: #rrggbb}, JSON")
    add("--output", type=Path, required=True, help="the PDF")
    add("--tables", type=Path, required=True, help="folder for the figures' numbers")
    return parser


def get_report_inputs(arguments: argparse.Namespace) -> ReportInputs:
    """Take what a report is drawn from out of the arguments."""
    names = [field.name for field in fields(ReportInputs)]
    return ReportInputs(**{name: getattr(arguments, name) for name in names})
