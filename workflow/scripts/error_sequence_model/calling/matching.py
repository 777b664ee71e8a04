"""A predictor's scores held against an annotation: an error table.

A call is a position whose score reaches the threshold. Calls and annotated sites of one
contig, strand and type are matched one to one within the tolerance: as many pairs as
possible, then the smallest total distance. Matched is TP (at the annotated place),
unmatched calls are FP, unmatched sites FN; TN are drawn from unused GT/AG decoys.

The error table (1-based positions of the exonic base, as ``sites`` reads it) has next
to the native columns
    call_class  TP: exact | near_miss; FP: near_miss | channel_swap | supported |
                unannotated; FN: near_miss | channel_swap | missed; TN: hard | random
    shift       nt from the annotated site to the call, transcript direction; null
                where there is none within ``near``
    reads       support of the site, where support is given
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from error_sequence_model.calling.arrangement import check_arrangement
from error_sequence_model.calling.decoys import draw_decoys
from error_sequence_model.core import InputError
from error_sequence_model.genome import SITE, Genome, get_dinucleotides, get_positions
from error_sequence_model.settings import TOP_K, CallSettings

logger = logging.getLogger(__name__)

CHANNEL_SWAP_DISTANCE = 1  # one exonic base serves both types: junctions 1 nt apart


def call_sites(
    scores: pd.DataFrame,
    truth: pd.DataFrame,
    regions: pd.DataFrame,
    genome: Genome,
    *,
    settings: CallSettings | None = None,
    support: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Make an error table.

    Args:
        scores: chrom, junction, strand, splice_type, score (see ``scores``).
        truth: Annotated sites: SITE columns, gene_id and transcript_ids where known.
        regions: Scanned stretches: chrom, start, end (0-based half-open), strand, and
            gene_id, gene_name, gene_biotype where known. A site belongs to a stretch
            that holds the exonic base next to it. Nothing outside counts.
        genome: Where all this lies.
        settings: Threshold, tolerance and decoys.
        support: SITE columns and ``reads``: sites that RNA-seq or a second annotation
            knows.

    Returns:
        ``(errors, audit)``: the error table and the counts behind it.

    Raises:
        InputError: No annotated site in the regions, or scores that lie elsewhere.
    """
    settings = settings or CallSettings()
    truth = assign_regions(truth, regions)
    if truth.empty:
        raise InputError("calling: no annotated site lies in the scanned regions")
    check_arrangement(scores, truth)
    scores = assign_regions(scores, regions)
    threshold = find_threshold(scores, len(truth), settings.threshold)
    # In float32, as tracks store scores: 0.2489 must reach a threshold of 0.2489.
    is_called = scores["score"].to_numpy(np.float32) >= np.float32(threshold)
    calls = scores[is_called].reset_index(drop=True)
    errors = match_calls(calls, truth.reset_index(drop=True), settings)
    errors = _add_support(_add_swaps(errors, calls, truth), support)
    below = scores[~is_called]
    decoys = draw_decoys(
        errors, below, truth, regions, genome, settings=settings, support=support
    )
    errors = pd.concat([errors, decoys], ignore_index=True)
    errors["score"] = _look_up(errors, scores)
    table = _finish(errors, regions, truth, genome, threshold)
    counts = pd.crosstab(table["pred_type"], table["call_class"])
    audit = {
        "threshold": float(threshold),
        "tolerance": settings.tolerance,
        "annotated_sites": len(truth),
        "calls": len(calls),
        "counts": {
            str(kind): {str(k): int(v) for k, v in row.items() if v}
            for kind, row in counts.iterrows()
        },
    }
    logger.info("calling: %s", audit)
    return table, audit


def find_threshold(
    scores: pd.DataFrame, n_annotated: int, threshold: float | str
) -> float:
    """Find the score from which a position is a call.

    Args:
        scores: One row per scored position, with its ``score``.
        n_annotated: How many sites are annotated there.
        threshold: A score, or "topk": the score of the n-th best position.

    Raises:
        InputError: Fewer positions have a score than sites are annotated.

    Example:
        >>> scores = pd.DataFrame({"score": [0.9, 0.1, 0.6, 0.4]})
        >>> find_threshold(scores, 2, "topk"), find_threshold(scores, 2, 0.5)
        (0.6, 0.5)
    """
    if threshold != TOP_K:
        return float(threshold)
    if len(scores) < n_annotated:
        raise InputError(
            f"threshold topk needs {n_annotated} scored positions; there are "
            f"{len(scores)}: give a number instead"
        )
    return float(np.sort(scores["score"].to_numpy())[-n_annotated])


def assign_regions(sites: pd.DataFrame, regions: pd.DataFrame) -> pd.DataFrame:
    """Keep sites whose exonic base lies in a scanned stretch of their strand.

    Returns:
        The sites with ``region``, the row of the (first) stretch that holds them.
    """
    bases = get_positions(
        sites["junction"].to_numpy(),
        sites["strand"].eq("+").to_numpy(),
        sites["splice_type"].eq("donor").to_numpy(),
        coordinate_base=0,
        site_base="exon",
    )
    found = np.full(len(sites), -1, dtype=np.int64)
    places = sites.groupby(["chrom", "strand"], sort=False).indices
    for key, group in regions.groupby(["chrom", "strand"], sort=False):
        rows = places.get(key)
        if rows is None:
            continue
        order = rows[np.argsort(bases[rows], kind="stable")]
        ordered = bases[order]
        starts = np.searchsorted(ordered, group["start"].to_numpy(), side="left")
        ends = np.searchsorted(ordered, group["end"].to_numpy(), side="left")
        for index, start, end in zip(group.index, starts, ends, strict=True):
            inside = order[start:end]
            found[inside[found[inside] < 0]] = index
    kept = found >= 0
    return sites[kept].assign(region=found[kept])


def match_calls(
    calls: pd.DataFrame, truth: pd.DataFrame, settings: CallSettings
) -> pd.DataFrame:
    """Match calls to annotated sites, one to one.

    Args:
        calls: SITE columns, region.
        truth: SITE columns, region.
        settings: tolerance and near.

    Returns:
        SITE columns, region, pred_type, call_class and shift of TP, FN and FP.

    Example:
        >>> def place(*junctions):
        ...     sites = pd.DataFrame({"chrom": "chr1", "junction": junctions})
        ...     return sites.assign(strand="+", splice_type="donor", region=0)
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
    call_of, distance = pair_sites(calls, truth, settings.tolerance)
    found = truth[[*SITE, "region"]].copy()
    is_found = call_of >= 0
    found["pred_type"] = np.where(is_found, "TP", "FN")
    found["shift"] = np.where(is_found, distance, np.nan)
    found["call_class"] = np.where(
        is_found, np.where(distance == 0, "exact", "near_miss"), "missed"
    )
    is_free = np.ones(len(calls), dtype=bool)
    is_free[call_of[is_found]] = False
    extra = calls.loc[is_free, [*SITE, "region"]].reset_index(drop=True)
    extra["pred_type"], extra["call_class"] = "FP", "unannotated"
    extra["shift"] = np.nan
    # Unmatched calls next to unmatched sites are the same event seen twice.
    missed = found.index[~is_found]
    near_call, shift = pair_sites(extra, found.loc[missed], settings.near)
    is_near = near_call >= 0
    found.loc[missed[is_near], ["call_class"]] = "near_miss"
    found.loc[missed[is_near], "shift"] = shift[is_near]
    extra.loc[near_call[is_near], "call_class"] = "near_miss"
    extra.loc[near_call[is_near], "shift"] = shift[is_near]
    return pd.concat([found, extra], ignore_index=True)


def _add_swaps(
    errors: pd.DataFrame, calls: pd.DataFrame, truth: pd.DataFrame
) -> pd.DataFrame:
    """Mark errors where the other type was called or is annotated."""
    errors = errors.copy()
    for pred_type, plain, others in (
        ("FP", "unannotated", truth),
        ("FN", "missed", calls),
    ):
        rows = errors.index[
            errors["pred_type"].eq(pred_type) & errors["call_class"].eq(plain)
        ]
        swap = {"donor": "acceptor", "acceptor": "donor"}
        turned = errors.loc[rows].assign(
            splice_type=errors.loc[rows, "splice_type"].map(swap)
        )
        near, _ = pair_sites(others, turned, CHANNEL_SWAP_DISTANCE)
        errors.loc[rows[near >= 0], "call_class"] = "channel_swap"
    return errors


def _add_support(errors: pd.DataFrame, support: pd.DataFrame | None) -> pd.DataFrame:
    if support is None:
        return errors.assign(reads=np.nan)
    reads = support.assign(
        reads=pd.to_numeric(support["reads"], errors="coerce")
        if "reads" in support
        else 1
    )
    errors = errors.merge(
        reads[[*SITE, "reads"]].drop_duplicates(SITE), on=SITE, how="left"
    )
    errors["reads"] = errors["reads"].fillna(0)
    is_known = errors["call_class"].eq("unannotated") & errors["reads"].gt(0)
    errors.loc[is_known, "call_class"] = "supported"
    return errors


def _look_up(errors: pd.DataFrame, scores: pd.DataFrame) -> np.ndarray:
    """Return the score at each site; zero where the predictor gave none."""
    merged = errors[SITE].merge(scores[[*SITE, "score"]], on=SITE, how="left")
    return merged["score"].fillna(0).to_numpy(np.float32)


def _finish(
    errors: pd.DataFrame,
    regions: pd.DataFrame,
    truth: pd.DataFrame,
    genome: Genome,
    threshold: float,
) -> pd.DataFrame:
    """Give the table its native columns, sorted."""
    known = [c for c in ("gene_id", "transcript_ids") if c in truth]
    errors = errors.merge(truth[[*SITE, *known]], on=SITE, how="left")
    for column in ("gene_id", "gene_name", "gene_biotype"):
        if column in regions:
            of_region = errors["region"].map(regions[column])
            errors[column] = errors.get(column, of_region).fillna(of_region)
    errors["dinucleotide"] = get_dinucleotides(errors, genome)
    errors["position"] = get_positions(
        errors["junction"].to_numpy(),
        errors["strand"].eq("+").to_numpy(),
        errors["splice_type"].eq("donor").to_numpy(),
        coordinate_base=1,
        site_base="exon",
    )
    errors["threshold"] = threshold
    errors["shift"] = errors["shift"].astype("Int64")
    order = errors.sort_values(SITE, kind="stable", ignore_index=True)
    first = ["chrom", "position", "strand", "splice_type", "pred_type", "score"]
    others = [c for c in order if c not in {*first, "junction", "region"}]
    return order[[*first, *others]]


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
