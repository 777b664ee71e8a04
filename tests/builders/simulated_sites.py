"""Sites, windows and planted truth of a simulated predictor, without a model."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from error_sequence_model.core import write_parquet
from error_sequence_model.faithfulness import mark_planted
from error_sequence_model.motifs import SearchedSites, gather_sites
from error_sequence_model.settings import parse_contrast
from error_sequence_model.simulation import read_truth, simulate
from error_sequence_model.sites import prepare_sites
from error_sequence_model.splits import make_split
from error_sequence_model.windows import Windows, read_windows, write_windows

SIDE = 100
SPLITS = {"by": "chromosome", "test": ["chr3", "chr4"], "validation": ["chr2"]}


class SimulatedSites(NamedTuple):
    """What a run would start from."""

    sites: pd.DataFrame
    windows: Windows
    truth: pd.DataFrame


class SimulatedUnit(NamedTuple):
    """A contrast at a splice type, and maps as a perfect model would draw them."""

    held_out: SearchedSites
    everything: SearchedSites
    rows: np.ndarray
    maps: np.ndarray
    causes: np.ndarray


def simulate_sites(folder: Path) -> SimulatedSites:
    """Simulate four chromosomes."""
    paths = simulate(folder, seed=7, chromosomes=4, genes_per_chromosome=46)
    sites, _ = prepare_sites(paths.errors, paths.genome)
    write_parquet(folder / "sites.parquet", sites)
    write_windows(
        folder / "sites.parquet", paths.genome, SIDE, SIDE, folder / "windows.arrow"
    )
    return SimulatedSites(
        sites.set_index("site_id", drop=False),
        read_windows(folder / "windows.arrow"),
        read_truth(paths.truth),
    )


def make_unit(
    simulated: SimulatedSites,
    contrast: str,
    splice_type: str,
    *,
    shuffle_seed: int | None = None,
    per_class: int = 30,
) -> SimulatedUnit:
    """Split a contrast and draw maps of its planted bases, causes and decoys alike.

    A map that shows decoys too is a model that was misled: only the test of enrichment
    can tell then.

    Args:
        simulated: The sites.
        contrast: A built-in contrast.
        splice_type: donor or acceptor.
        shuffle_seed: Permute all labels with this seed; None: leave them.
        per_class: Explained sites per class.
    """
    parsed = parse_contrast(contrast, None)
    split, _ = make_split(
        simulated.sites.reset_index(drop=True),
        simulated.windows,
        parsed,
        splice_type,
        SPLITS,
    )
    rng = np.random.default_rng(shuffle_seed or 0)
    if shuffle_seed is not None:
        split["label"] = rng.permutation(split["label"].to_numpy())
    test = split[split["part"] == "test"].sort_values("site_id")
    explained = np.sort(
        np.concatenate(
            [
                rng.permutation(group["site_id"].to_numpy())[:per_class]
                for _, group in test.groupby("label")
            ]
        )
    )
    options = {"error_labels": [1], "explained": explained}
    held_out = gather_sites(test, simulated.sites, simulated.windows, **options)
    used = split[split["part"].isin(["train", "validation", "test"])]
    everything = gather_sites(used, simulated.sites, simulated.windows, **options)
    causes, decoys = mark_planted(
        simulated.truth,
        simulated.sites.loc[explained],
        upstream=SIDE,
        downstream=SIDE,
    )
    noise = rng.normal(0, 0.12, causes.shape)
    rows = np.searchsorted(held_out.site_ids, explained)
    maps = 0.8 * causes + 0.8 * decoys + noise
    return SimulatedUnit(held_out, everything, rows, maps, causes)
