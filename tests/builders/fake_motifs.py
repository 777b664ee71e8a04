"""Motifs for a fake results tree, found by the step itself in its fake maps."""

from __future__ import annotations

import numpy as np
import pandas as pd

from error_sequence_model.motifs import find_run_motifs
from error_sequence_model.settings import MotifSettings
from error_sequence_model.windows import read_windows
from fake_results import FakeResults


def count_g_runs(sequences: list[str]) -> np.ndarray:
    """A model that reads one word only: fewer G-runs, more of an error."""
    return np.array([-float("GGGG" in sequence) for sequence in sequences])


def add_motifs(fake: FakeResults) -> FakeResults:
    """Write the motifs of every run of the tree."""
    sites = pd.read_parquet(fake.sites).set_index("site_id", drop=False)
    windows = read_windows(fake.folder / "windows.arrow")
    for run in fake.runs:
        split = pd.read_parquet(run.parents[2] / "split.parquet")
        find_run_motifs(
            {path.stem: path for path in (run / "attributions").glob("*.h5")},
            run / "faithfulness.json",
            split[split["fold"] == int(run.name.removeprefix("fold"))],
            sites,
            windows,
            splice_type=run.parents[2].name,
            error_labels=[1],
            predict=count_g_runs,
            settings=MotifSettings(),
            output=run,
        )
    return fake
