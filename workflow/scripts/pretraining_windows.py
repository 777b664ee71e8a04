"""Step: genomes, annotations and a split -> windows of gene bodies to pretrain on."""

from __future__ import annotations

import argparse
from pathlib import Path

from error_sequence_model.core import parse_json, run_step
from error_sequence_model.pretraining import GenomeSource, draw_gene_windows
from error_sequence_model.settings import PretrainingSettings, parse_settings


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--genomes", type=parse_json, required=True, help="list of their fields, JSON")
    add("--sites", type=Path, required=True, help="sites.parquet")
    add("--windows", type=Path, required=True, help="windows.arrow")
    add("--splits", type=parse_json, default={}, help="the split's settings, JSON")
    add("--split", type=Path, help="split.parquet, unless chromosomes are named")
    add("--fold", type=int, default=0, help="its fold")
    add("--pretraining", type=parse_json, default={}, help="the settings, JSON")
    add("--output", type=Path, required=True, help="Arrow file of gene windows")
    add("--leakage", type=Path, required=True, help="their audit, JSON")
    return parser.parse_args()


def main(arguments: argparse.Namespace) -> None:
    """Draw, audit and write."""
    draw_gene_windows(
        [GenomeSource(**fields) for fields in arguments.genomes],
        arguments.sites,
        arguments.windows,
        parse_settings(arguments.splits),
        PretrainingSettings.from_mapping(arguments.pretraining),
        split_path=arguments.split,
        fold=arguments.fold,
        output=arguments.output,
        leakage=arguments.leakage,
    )


if __name__ == "__main__":
    run_step(main, parse_arguments())
