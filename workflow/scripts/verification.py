"""Step: verify classical features and motifs of a run -> verification.tsv."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.core import parse_json, run_step
from error_sequence_model.runs import make_explain_parser, read_run_inputs
from error_sequence_model.settings import ExplanationSettings, VerificationSettings
from error_sequence_model.verification import verify_run


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = make_explain_parser(__doc__)
    parser.add_argument("--verification", type=parse_json, default={}, help="JSON")
    parser.add_argument("--motifs", type=Path, help="motifs.tsv of the run")
    parser.add_argument("--draws", type=int, default=2000, help="bootstrap samples")
    return parser.parse_args()


def main(arguments: argparse.Namespace) -> None:
    """Verify and write."""
    verify_run(
        read_run_inputs(arguments),
        arguments.run,
        arguments.windows,
        VerificationSettings.from_mapping(arguments.verification),
        ExplanationSettings.from_mapping(arguments.explanation),
        motifs=arguments.motifs,
        draws=arguments.draws,
        output=arguments.output,
    )


if __name__ == "__main__":
    run_step(main, parse_arguments())
