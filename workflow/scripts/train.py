"""Step: fine-tune one model -> model/, history.tsv, run.json (by accelerate launch)."""

from __future__ import annotations

import argparse
import signal

from error_sequence_model.classifier import check_backbone
from error_sequence_model.core import RUN, make_parser, run_step
from error_sequence_model.runs import read_run_inputs
from error_sequence_model.settings import BackboneSettings, TrainingSettings
from error_sequence_model.training import train_run

parse_arguments = make_parser(
    *(__doc__, *RUN, "backbone", "seed", "checkpoints"),
    pretrained="folder of weights to start from",
).parse_args


def main(arguments: argparse.Namespace) -> None:
    """Train and save."""
    # Its launcher ignores SIGTERM, and a process starts with what its parent ignores.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    backbone = BackboneSettings.from_mapping(arguments.backbone)
    check_backbone(backbone)
    train_run(
        read_run_inputs(arguments),
        backbone,
        TrainingSettings.from_mapping({**arguments.training, "seed": arguments.seed}),
        output=arguments.run,
        checkpoints=arguments.checkpoints,
        pretrained=arguments.pretrained,
    )


if __name__ == "__main__":
    run_step(main, parse_arguments())
