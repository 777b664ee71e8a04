"""Named causes, and explanations, for a fake results tree, made by the steps."""

from __future__ import annotations

import pandas as pd

from error_sequence_model.causes import name_causes
from error_sequence_model.core import write_json, write_parquet, write_tsv
from error_sequence_model.settings import parse_contrast
from error_sequence_model.windows import read_windows
from fake_explanations import add_explanations
from fake_results import CLASSES, FakeResults


def add_causes(fake: FakeResults, **changes: object) -> FakeResults:
    """Write what explains the errors of every contrast and splice type of the tree."""
    sites = pd.read_parquet(fake.sites)
    windows = read_windows(fake.folder / "windows.arrow")
    for folder in sorted({run.parents[2] for run in fake.runs}):
        error, correct = CLASSES[folder.parent.name]
        definition = {"positive": [error], "negative": [correct]}
        definition = None if error == correct else definition
        found = name_causes(
            sites,
            windows,
            pd.read_parquet(folder / "split.parquet"),
            parse_contrast(folder.parent.name, definition),
            folder.name,
            draws=50,
            **changes,
        )
        write_tsv(folder / "causes.tsv", found.table)
        write_parquet(folder / "causes.parquet", found.sites)
        write_json(folder / "causes.json", found.summary)
    return add_explanations(fake)
