"""Step: verify classical features and motifs of a run -> verification.tsv."""

from __future__ import annotations

import argparse

from error_sequence_model.core import EXPLAINED_RUN, make_parser, parse_json, run_step
from error_sequence_model.runs import read_run_inputs
from error_sequence_model.settings import ExplanationSettings, VerificationSettings
from error_sequence_model.verification import verify_run

parse_arguments = make_parser(
    *(__doc__, *EXPLAINED_RUN, "draws"),
    verification={"type": parse_json, "default": {}, "help": "its settings, JSON"},
    motifs="motifs.tsv of the run",
).parse_args


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
