"""Step: fine-tune one model -> model/, history.tsv, run.json (by accelerate launch)."""

from __future__ import annotations

import argparse
import signal
from pathlib import Path

from error_sequence_model.classifier import check_backbone
from error_sequence_model.core import parse_json, run_step
from error_sequence_model.runs import make_run_parser, read_run_inputs
from error_sequence_model.settings import BackboneSettings, TrainingSettings
from error_sequence_model.training import train_run


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = make_run_parser(__doc__)
    parser.add_argument("--backbone", type=parse_json, required=True, help="its entry")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--pretrained", type=Path, help="folder of weights to start from"
    )
    parser.add_argument("--checkpoints", type=Path, help="kept until the run is done")
    return parser.parse_args()


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
