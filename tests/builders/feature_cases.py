"""Small splits with windows whose cause of error is known, for the classical models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from error_sequence_model.features import write_features
from error_sequence_model.settings import FeatureSettings
from error_sequence_model.windows import Windows, make_windows

UPSTREAM, LENGTH = 40, 80
LETTERS = np.array(list("ACGT"))


def make_case(
    count: int = 240, *, n_share: float = 0.0, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame, Windows]:
    """Most errors have TTTTTT at 10..15; donors (GT) and acceptors (AG) alternate."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (count, LENGTH))
    labels = (np.arange(count) // 2) % 2
    is_donor = np.arange(count) % 2 == 1
    codes[is_donor, UPSTREAM : UPSTREAM + 2] = [2, 3]
    codes[~is_donor, UPSTREAM - 2 : UPSTREAM] = [0, 2]
    codes[(labels == 1) & (rng.random(count) < 0.85), 10:16] = 3
    letters = LETTERS[codes]
    letters[rng.random(letters.shape) < n_share] = "N"
    sites = pd.DataFrame(
        {
            "site_id": np.arange(count),
            "chrom": "chr1",
            "junction": 1000 * np.arange(1, count + 1),
            "strand": "+",
            "splice_type": np.where(is_donor, "donor", "acceptor"),
            "pred_type": np.where(labels == 1, "FP", "TP"),
            "score": rng.random(count),
            "gene_id": [f"g{i // 4}" for i in range(count)],
        }
    )
    split = sites[["site_id"]].assign(label=labels.astype("int8"), fold=0)
    # Whole genes go to one part.
    parts = ["train"] * 4 + ["validation", "test"]
    split["part"] = [parts[(i // 4) % 6] for i in range(count)]
    sequences = ["".join(row) for row in letters]
    return split, sites, make_windows(np.arange(count), sequences, upstream=UPSTREAM)


def write_case(
    folder: Path, case: tuple[pd.DataFrame, pd.DataFrame, Windows], **settings: object
) -> Path:
    """Write the features of a case; give the path."""
    path = folder / "features.parquet"
    write_features(
        *case,
        FeatureSettings(**settings),
        path,
        elements={"u_tract": "TTTTT", "rbfox": "TGCATG"},
    )
    return path
