"""Files for genome browsers: bigWig and BED, sorted, as IGV and UCSC read them.

Coordinates are 0-based half-open on the forward strand.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

BED_COLUMNS = (
    *("chrom", "start", "end", "name", "score", "strand"),
    *("thick_start", "thick_end", "rgb"),
)


def average_places(
    places: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Average values that lie on one base.

    Args:
        places: Position of each value, int64 of any shape; negative ones count nowhere.
        values: float of the same shape.

    Returns:
        Rising positions, int64 (n,), and their mean values, float64 (n,).
    """
    inside = (places >= 0) & np.isfinite(values)
    found, inverse, counts = np.unique(
        places[inside], return_inverse=True, return_counts=True
    )
    sums = np.bincount(inverse, weights=values[inside], minlength=len(found))
    return found, sums / counts


def write_bigwig(
    path: Path,
    lengths: Mapping[str, int],
    tracks: Mapping[str, tuple[np.ndarray, np.ndarray]],
) -> int:
    """Write values of single bases; bases without a value stay without one.

    Args:
        path: The file.
        lengths: Contig -> length, all contigs of the genome in its order.
        tracks: Contig -> rising positions, int64 (n,), and values, float (n,).

    Returns:
        How many bases have a value; with none there is no file.
    """
    import pyBigWig  # imported here: the rest needs no such library

    total = sum(len(places) for places, _ in tracks.values())
    if not total:
        return 0
    with pyBigWig.open(str(path), "w") as file:
        file.addHeader([(name, int(length)) for name, length in lengths.items()])
        for chrom in lengths:
            places, values = tracks.get(chrom, (np.zeros(0, dtype=np.int64), None))
            breaks = np.flatnonzero(np.diff(places) > 1) + 1
            for run in np.split(np.arange(len(places)), breaks):
                if len(run):
                    file.addEntries(
                        chrom,
                        int(places[run[0]]),
                        values=values[run].astype(float).tolist(),
                        span=1,
                        step=1,
                    )
    return total


def write_bed(path: Path, rows: pd.DataFrame, *, name: str, description: str) -> int:
    """Write a BED9 with a track line, sorted by contig and start.

    Args:
        path: The file.
        rows: Columns of ``BED_COLUMNS``; score 0 to 1000.
        name: Of the track.
        description: Of the track, one line.

    Returns:
        How many rows were written.
    """
    rows = rows.sort_values(["chrom", "start", "end", "name"], kind="stable")
    head = f'track name="{name}" description="{description}" itemRgb="On"\n'
    body = rows[list(BED_COLUMNS)].to_csv(
        sep="\t", index=False, header=False, lineterminator="\n"
    )
    path.write_text(head + body, encoding="utf-8")
    return len(rows)
