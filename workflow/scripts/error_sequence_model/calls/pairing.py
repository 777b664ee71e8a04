"""One-to-one pairing of called and annotated sites."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment


def pair_sites(
    calls: pd.DataFrame, truth: pd.DataFrame, reach: int
) -> tuple[np.ndarray, np.ndarray]:
    """Pair calls with sites within reach: most pairs, then the least distance.

    Returns:
        ``(call, shift)`` per site, int64 ``(n_truth,)``: the row of its call or -1, and
        the distance to it in transcript direction.
    """
    call_of = np.full(len(truth), -1, dtype=np.int64)
    shift = np.zeros(len(truth), dtype=np.int64)
    keys = ["chrom", "strand", "splice_type"]
    rows_of_calls = calls.groupby(keys, sort=False).indices
    call_places, places = calls["junction"].to_numpy(), truth["junction"].to_numpy()
    for key, sites in truth.groupby(keys, sort=False).indices.items():
        rows = rows_of_calls.get(key)
        if rows is None:
            continue
        for some_sites, some_calls in _cluster(
            sites, places[sites], rows, call_places[rows], reach
        ):
            distance = call_places[some_calls] - places[some_sites][:, None]
            # A pair out of reach costs more than all pairs within it together.
            out = (reach + 1) * (min(distance.shape) + 1)
            cost = np.where(np.abs(distance) <= reach, np.abs(distance), out)
            for i, j in zip(*linear_sum_assignment(cost), strict=True):
                if cost[i, j] < out:
                    call_of[some_sites[i]] = some_calls[j]
                    sign = 1 if key[1] == "+" else -1
                    shift[some_sites[i]] = sign * distance[i, j]
    return call_of, shift


def _cluster(
    sites: np.ndarray,
    places: np.ndarray,
    calls: np.ndarray,
    call_places: np.ndarray,
    reach: int,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Cut one strand into runs that are more than ``reach`` apart."""
    everything = np.concatenate([places, call_places])
    is_call = np.arange(len(everything)) >= len(places)
    rows = np.concatenate([sites, calls])
    order = np.argsort(everything, kind="stable")
    cuts = np.flatnonzero(np.diff(everything[order]) > reach) + 1
    runs = []
    for run in np.split(order, cuts):
        some_sites, some_calls = rows[run[~is_call[run]]], rows[run[is_call[run]]]
        if len(some_sites) and len(some_calls):
            runs.append((some_sites, some_calls))
    return runs
