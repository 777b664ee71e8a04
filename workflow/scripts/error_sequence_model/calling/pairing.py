"""Calls paired with annotated sites, one to one, and what is left on either side."""

from __future__ import annotations

import numpy as np
import pandas as pd

from error_sequence_model.calling.keys import BITS, DONOR, JUNCTION, make_keys
from error_sequence_model.settings import CallSettings

CHANNEL_SWAP_DISTANCE = 1  # one exonic base serves both types: junctions 1 nt apart


def match_calls(
    calls: pd.DataFrame, truth: pd.DataFrame, settings: CallSettings
) -> pd.DataFrame:
    """Match calls to annotated sites, one to one.

    Args:
        calls: SITE columns.
        truth: SITE columns.
        settings: tolerance and near.

    Returns:
        pred_type, call_class and shift of TP, FN and FP, with the SITE columns and key
        of each; call is the key of the call of TP and FP, -1 for FN.

    Example:
        >>> def place(*junctions):
        ...     sites = pd.DataFrame({"chrom": "chr1", "junction": junctions})
        ...     return sites.assign(strand="+", splice_type="donor")
        >>> calls, truth = place(100, 204, 900), place(100, 200, 500)
        >>> found = match_calls(calls, truth, CallSettings())
        >>> found[["junction", "pred_type", "call_class", "shift"]]
           junction pred_type   call_class  shift
        0       100        TP        exact    0.0
        1       200        FN    near_miss    4.0
        2       500        FN       missed    NaN
        3       204        FP    near_miss    4.0
        4       900        FP  unannotated    NaN
    """
    contigs = pd.Index(pd.unique(pd.concat([calls["chrom"], truth["chrom"]])))
    sites = truth.assign(key=make_keys(truth, contigs))
    called = calls.assign(key=make_keys(calls, contigs))
    found = match_keys(called["key"].to_numpy(), sites["key"].to_numpy(), settings)
    places = pd.concat([sites, called]).drop_duplicates("key").set_index("key")
    return places.loc[found["key"]].reset_index().assign(**found.drop(columns="key"))


def match_keys(
    calls: np.ndarray, truth: np.ndarray, settings: CallSettings
) -> pd.DataFrame:
    """``match_calls`` of keys, each array of distinct ones."""
    call_of, distance = pair_keys(calls, truth, settings.tolerance)
    is_found = call_of >= 0
    shift = np.where(is_found, distance, np.nan)
    is_free = np.ones(len(calls), dtype=bool)
    is_free[call_of[is_found]] = False
    missed, extra = np.flatnonzero(~is_found), calls[is_free]
    found_class = np.where(distance == 0, "exact", "near_miss").astype(object)
    found_class[missed] = "missed"
    extra_class = np.full(len(extra), "unannotated", dtype=object)
    extra_shift = np.full(len(extra), np.nan)
    # Unmatched calls next to unmatched sites are the same event seen twice.
    near_call, near_shift = pair_keys(extra, truth[missed], settings.near)
    is_near = near_call >= 0
    found_class[missed[is_near]] = extra_class[near_call[is_near]] = "near_miss"
    shift[missed[is_near]] = extra_shift[near_call[is_near]] = near_shift[is_near]
    # Errors where the other type was called or is annotated.
    for keys, classes, plain, others in (
        (extra, extra_class, "unannotated", truth),
        (truth, found_class, "missed", calls),
    ):
        rows = np.flatnonzero(classes == plain)
        near, _ = pair_keys(others, keys[rows] ^ DONOR, CHANNEL_SWAP_DISTANCE)
        classes[rows[near >= 0]] = "channel_swap"
    called = np.append(calls, -1)[np.where(is_found, call_of, -1)]
    return pd.DataFrame(
        {
            "key": np.concatenate([truth, extra]),
            "call": np.concatenate([called, extra]),
            "pred_type": np.concatenate(
                [np.where(is_found, "TP", "FN"), np.full(len(extra), "FP")]
            ),
            "call_class": np.concatenate([found_class, extra_class]),
            "shift": np.concatenate([shift, extra_shift]),
        }
    )


def pair_sites(
    calls: pd.DataFrame, truth: pd.DataFrame, reach: int
) -> tuple[np.ndarray, np.ndarray]:
    """``pair_keys`` of two frames with SITE columns."""
    contigs = pd.Index(pd.unique(pd.concat([calls["chrom"], truth["chrom"]])))
    return pair_keys(make_keys(calls, contigs), make_keys(truth, contigs), reach)


def pair_keys(
    calls: np.ndarray, sites: np.ndarray, reach: int
) -> tuple[np.ndarray, np.ndarray]:
    """Pair calls with sites within reach: most pairs, then the least distance.

    Returns:
        ``(call, shift)`` per site, int64 ``(n_sites,)``: the number of its call or -1,
        and the distance to it in transcript direction.
    """
    call_of = np.full(len(sites), -1, dtype=np.int64)
    shift = np.zeros(len(sites), dtype=np.int64)
    everything = np.concatenate([sites, calls])
    order = np.argsort(everything, kind="stable")
    # Runs are more than the reach apart, as channels are.
    cuts = np.diff(everything[order]) > reach
    run = np.concatenate([[0], np.cumsum(cuts)])[: len(order)]
    is_call = order >= len(sites)
    n_runs = int(run[-1]) + 1 if len(run) else 0
    n_calls = np.bincount(run[is_call], minlength=n_runs)
    n_sites = np.bincount(run[~is_call], minlength=n_runs)
    begins = np.searchsorted(run, np.arange(n_runs + 1))
    pairs = [_match_single(order, begins, (n_calls == 1) & (n_sites == 1), len(sites))]
    crowded = (n_calls > 0) & (n_sites > 0) & (n_calls + n_sites > 2)
    for number in np.flatnonzero(crowded):
        members = order[begins[number] : begins[number + 1]]
        some_sites = members[members < len(sites)]
        some_calls = members[members >= len(sites)] - len(sites)
        distance = np.abs(calls[some_calls] - sites[some_sites][:, None])
        # A pair out of reach costs more than all pairs within it together.
        out = (reach + 1) * (min(distance.shape) + 1)
        cost = np.where(distance <= reach, distance, out)
        from scipy.optimize import linear_sum_assignment  # rarely needed

        rows, columns = linear_sum_assignment(cost)
        kept = cost[rows, columns] < out
        pairs.append((some_sites[rows[kept]], some_calls[columns[kept]]))
    chosen, matched = (np.concatenate(part) for part in zip(*pairs, strict=True))
    call_of[chosen] = matched
    is_plus = sites[chosen] >> (BITS + 1) & 1
    distance = (calls[matched] & JUNCTION) - (sites[chosen] & JUNCTION)
    shift[chosen] = np.where(is_plus, distance, -distance)
    return call_of, shift


def _match_single(
    order: np.ndarray, begins: np.ndarray, is_single: np.ndarray, n_sites: int
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of runs of one site and one call."""
    first = begins[:-1][is_single]
    pair = np.sort(np.stack([order[first], order[first + 1]], axis=1), axis=1)
    return pair[:, 0], pair[:, 1] - n_sites
