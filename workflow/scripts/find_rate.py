"""Step: try learning rates on a run's data -> rates.tsv, rates.pdf."""

from __future__ import annotations

import argparse

from matplotlib.figure import Figure

from error_sequence_model.core import RUN, make_parser, run_step, write_tsv
from error_sequence_model.runs import read_run_inputs
from error_sequence_model.settings import BackboneSettings, TrainingSettings
from error_sequence_model.training import (
    FineTuning,
    create_run_model,
    find_rates,
    plot_rates,
)

parse_arguments = make_parser(
    *(__doc__, *RUN, "backbone", "seed"),
    pretrained="folder of weights to start from",
    steps={"type": int, "default": 100},
).parse_args


def main(arguments: argparse.Namespace) -> None:
    """Try rates, write and draw them."""
    inputs = read_run_inputs(arguments)
    backbone = BackboneSettings.from_mapping(arguments.backbone)
    model = create_run_model(
        inputs, backbone, arguments.pretrained, seed=arguments.seed
    )
    data = inputs.load_datasets(model.tokenizer)
    settings = TrainingSettings.from_mapping(arguments.training)
    task = FineTuning(model, data["train"], data["validation"], settings)
    frame = find_rates(task, steps=arguments.steps)
    arguments.run.mkdir(parents=True, exist_ok=True)
    write_tsv(arguments.run / "rates.tsv", frame)
    figure = Figure(figsize=(5, 3), layout="constrained")
    plot_rates(frame, figure.subplots())
    figure.savefig(arguments.run / "rates.pdf", metadata={"CreationDate": None})


if __name__ == "__main__":
    run_step(main, parse_arguments())
