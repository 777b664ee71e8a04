"""Step: gene windows -> a pretrained backbone (by accelerate launch)."""

from __future__ import annotations

import argparse

from error_sequence_model.core import make_parser, run_step
from error_sequence_model.pretraining import pretrain_run
from error_sequence_model.settings import BackboneSettings, PretrainingSettings

parse_arguments = make_parser(
    *(__doc__, "windows", "leakage", "backbone", "pretraining", "draws"),
    *("output", "checkpoints"),
).parse_args


def main(arguments: argparse.Namespace) -> None:
    """Pretrain and save."""
    pretrain_run(
        BackboneSettings.from_mapping(arguments.backbone),
        PretrainingSettings.from_mapping(arguments.pretraining),
        windows=arguments.windows,
        leakage=arguments.leakage,
        output=arguments.output,
        checkpoints=arguments.checkpoints,
        draws=arguments.draws,
    )


if __name__ == "__main__":
    run_step(main, parse_arguments())
