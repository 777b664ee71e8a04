"""Explanations for a fake results tree with causes, made by the step itself."""

from __future__ import annotations

import pandas as pd

from error_sequence_model.causes import (
    explain_errors,
    read_motif_runs,
    write_explanations,
)
from error_sequence_model.features import read_elements
from error_sequence_model.settings import parse_contrast
from error_sequence_model.windows import read_windows
from fake_results import CLASSES, FakeResults


def add_explanations(fake: FakeResults) -> FakeResults:
    """Write the explanations of every contrast and splice type of the tree."""
    sites = pd.read_parquet(fake.sites)
    windows = read_windows(fake.folder / "windows.arrow")
    for folder in sorted({run.parents[2] for run in fake.runs}):
        error, correct = CLASSES[folder.parent.name]
        definition = {"positive": [error], "negative": [correct]}
        definition = None if error == correct else definition
        runs = [run for run in fake.runs if run.parents[2] == folder]
        motifs = [run / "motifs.tsv" for run in runs if (run / "motifs.tsv").exists()]
        found = explain_errors(
            sites,
            windows,
            pd.read_parquet(folder / "split.parquet"),
            parse_contrast(folder.parent.name, definition),
            folder.name,
            causes=pd.read_csv(folder / "causes.tsv", sep="\t"),
            flags=pd.read_parquet(folder / "causes.parquet"),
            runs=read_motif_runs(motifs),
            elements=read_elements(),
            draws=50,
        )
        write_explanations(found, folder)
    return fake
