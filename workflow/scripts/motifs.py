"""Step: motifs of a run's maps, and known elements -> motifs.tsv, elements.tsv."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from error_sequence_model.attribution import find_errors, predict_targets
from error_sequence_model.core import (
    EXPLAINED_RUN,
    make_parser,
    parse_json,
    read_saved_table,
    run_step,
)
from error_sequence_model.motifs import find_run_motifs
from error_sequence_model.runs import read_explained_run
from error_sequence_model.settings import MotifSettings
from error_sequence_model.windows import read_windows

parse_arguments = make_parser(
    *(__doc__, *EXPLAINED_RUN, "maps", "splice_type"),
    checks={"type": Path, "required": True, "help": "faithfulness.json"},
    motifs={"type": parse_json, "default": {}, "help": "motif settings, JSON"},
).parse_args


def main(arguments: argparse.Namespace) -> None:
    """Find and write."""
    run, _ = read_explained_run(arguments)
    device = next(run.model.parameters()).device

    def predict(texts: list[str]) -> np.ndarray:
        junctions = np.full(len(texts), run.upstream)
        return predict_targets(run.model, run.dataset, texts, junctions, device=device)

    split = read_saved_table(arguments.split)
    find_run_motifs(
        {path.stem: path for path in arguments.maps},
        arguments.checks,
        split[split["fold"] == arguments.fold],
        read_saved_table(arguments.sites).set_index("site_id", drop=False),
        read_windows(arguments.windows),
        splice_type=arguments.splice_type,
        error_labels=find_errors(run.dataset.classes),
        predict=predict,
        settings=MotifSettings.from_mapping(arguments.motifs),
        output=arguments.output.parent,
    )


if __name__ == "__main__":
    run_step(main, parse_arguments())
