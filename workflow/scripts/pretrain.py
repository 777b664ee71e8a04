"""Step: gene windows -> a pretrained backbone (by accelerate launch)."""

from __future__ import annotations

import argparse
import signal
from pathlib import Path

from error_sequence_model.core import parse_json, run_step
from error_sequence_model.pretraining import pretrain_run
from error_sequence_model.settings import BackboneSettings, PretrainingSettings


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--windows", type=Path, required=True, help="gene windows")
    add("--leakage", type=Path, required=True, help="their audit, JSON")
    add("--backbone", type=parse_json, required=True, help="its entry, JSON")
    add("--pretraining", type=parse_json, default={}, help="the settings, JSON")
    add("--draws", type=int, default=2000, help="bootstrap samples of genes")
    add("--output", type=Path, required=True, help="folder of model and records")
    add("--checkpoints", type=Path, help="kept until the run is done")
    return parser.parse_args()


def main(arguments: argparse.Namespace) -> None:
    """Pretrain and save."""
    # Its launcher ignores SIGTERM, and a process starts with what its parent ignores.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
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
