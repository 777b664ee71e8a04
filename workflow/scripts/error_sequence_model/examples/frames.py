"""Small frames of sequences and labels to try the library on: no files needed."""

from __future__ import annotations

import numpy as np
import pandas as pd

SILENCER = "TTAGGGT"  # hnRNP A1: an exonic splicing silencer


def make_example_frames(
    sizes: tuple[int, int, int] = (600, 150, 250), *, length: int = 200, seed: int = 1
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Make donors that a predictor calls (label 0) or misses (label 1).

    Every window has GT right after its middle. Of the missed ones, 95 % have a silencer
    in the exon, 5 to 60 bases 5' of the junction.

    Args:
        sizes: Rows for training, validation and testing.
        length: Bases per window.
        seed: Seed of everything random.

    Returns:
        Three frames with columns sequence, label and gene_id.
    """
    rng = np.random.default_rng(seed)
    frames = []
    for part, size in enumerate(sizes):
        labels = (rng.random(size) < 0.4).astype(int)
        sequences = []
        for label in labels:
            bases = rng.choice(list("ACGT"), length)
            middle = length // 2
            bases[middle : middle + 6] = list("GTAAGT")
            if label and rng.random() < 0.95:
                start = middle - int(rng.integers(12, 60))
                bases[start : start + len(SILENCER)] = list(SILENCER)
            sequences.append("".join(bases))
        genes = [f"gene{part}_{number // 3}" for number in range(size)]
        frames.append(
            pd.DataFrame({"sequence": sequences, "label": labels, "gene_id": genes})
        )
    return frames[0], frames[1], frames[2]
