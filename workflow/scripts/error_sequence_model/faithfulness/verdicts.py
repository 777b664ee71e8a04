"""Is a map true of its model? The single checks, written beside every map.

Completeness: the map sums to the change it explains. Randomisation: the map of a
network with random weights looks different. Planted truth, where there is one: the map
finds the bases that are known to matter. Whether it knows its own site is in `gate`,
the networks with random weights are in `cascade`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from error_sequence_model.faithfulness.agreement import (
    correlate_sites,
    correlate_values,
)
from error_sequence_model.statistics import compute_auprc, compute_auroc

COMPLETENESS_LIMIT = 0.05
RANDOM_LIMITS = {"rank_correlation": 0.3, "pearson": 0.5, "top_overlap": 0.5}
TOP_SHARE = 0.05
REQUIRED = ("other_site", "class_mean", "position_only", "randomisation")


class RandomMaps(NamedTuple):
    """Maps of one network with random weights.

    Attributes:
        rows: Which sites, int (n,).
        maps: float (n, length).
    """

    rows: np.ndarray
    maps: np.ndarray


def check_completeness(errors: np.ndarray | None) -> dict[str, Any] | None:
    """Summarise how much of the explained change the maps miss.

    Args:
        errors: Relative error per site (n,); None for methods that promise no sum.

    Returns:
        median, p95, limit (on the 95th percentile), passed; None without errors.
    """
    if errors is None or not len(errors):
        return None
    p95 = float(np.quantile(errors, 0.95))
    return {
        "median": float(np.median(errors)),
        "p95": p95,
        "limit": COMPLETENESS_LIMIT,
        "passed": p95 <= COMPLETENESS_LIMIT,
    }


def check_randomisation(
    maps: np.ndarray, stages: Mapping[str, Sequence[RandomMaps]]
) -> dict[str, Any]:
    """Compare the maps with those of networks with random weights (Adebayo 2018).

    Three measures, because each is blind to something: ranks to a few high bases, the
    correlation of the values to all but those, and the share of the highest bases that
    are the same to their sign.

    Args:
        maps: float (n, length).
        stages: By what was drawn anew, the maps of some sites by the same method, of
            one network or several; the last stage is the one that is judged: all
            weights.

    Returns:
        rank_correlation (Spearman), pearson, both signed, and top_overlap (share of
        the highest 5 % of the bases, by magnitude, that are the same; 0.05 is
        chance): median over the sites, then the network of median magnitude; limits
        on their magnitudes, n_sites and n_networks; cascade (the same of every
        stage, from the head down) and passed (never without a map that varies).
    """
    cascade = []
    for stage, networks in stages.items():
        entry: dict[str, Any] = {"stage": stage}
        for name, measure in MEASURES.items():
            values = [measure(maps[net.rows], net.maps) for net in networks]
            values = [finite for v in values if len(finite := v[np.isfinite(v)])]
            medians = sorted((float(np.median(v)) for v in values), key=abs)
            entry[name] = medians[len(medians) // 2] if medians else None
            entry["n_sites"] = sum(map(len, values))
        cascade.append(entry)
    last = cascade[-1]
    return {
        **{name: last[name] or 0.0 for name in MEASURES},
        "limits": RANDOM_LIMITS,
        "n_sites": last["n_sites"],
        "n_networks": len(list(stages.values())[-1]),
        "cascade": cascade,
        "passed": all(
            last[name] is not None and abs(last[name]) <= limit
            for name, limit in RANDOM_LIMITS.items()
        ),
    }


def _share_top(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Share of the highest bases of two maps that are the same; NaN where flat."""
    count = max(1, round(TOP_SHARE * first.shape[1]))
    tops = []
    for maps in (first, second):
        top = np.zeros(maps.shape, dtype=bool)
        places = np.argsort(-np.abs(maps), axis=1, kind="stable")[:, :count]
        np.put_along_axis(top, places, True, axis=1)
        tops.append(top)
    is_flat = (np.ptp(first, axis=1) == 0) | (np.ptp(second, axis=1) == 0)
    return np.where(is_flat, np.nan, (tops[0] & tops[1]).sum(axis=1) / count)


MEASURES = {
    "rank_correlation": correlate_sites,
    "pearson": correlate_values,
    "top_overlap": _share_top,
}


def mark_planted(
    truth: pd.DataFrame, sites: pd.DataFrame, *, upstream: int, downstream: int
) -> tuple[np.ndarray, np.ndarray]:
    """Put planted intervals on the base axis of the windows.

    Args:
        truth: chrom, start, end (0-based half-open), junction, strand, splice_type and
            role of each planted element.
        sites: chrom, junction, strand, splice_type of the explained sites.
        upstream: Bases 5' of the junction in the window.
        downstream: Bases 3' of it.

    Returns:
        bool (n_sites, window_length): bases of a planted cause; and of a decoy.
    """
    key = ["chrom", "junction", "strand", "splice_type"]
    numbered = sites[key].reset_index(drop=True).reset_index(names="row")
    hits = truth[[*key, "start", "end", "role"]].merge(numbered, on=key)
    length = upstream + downstream
    masks = {
        role: np.zeros((len(sites), length), dtype=bool) for role in ("cause", "decoy")
    }
    for hit in hits.itertuples():
        if hit.strand == "+":
            first, last = hit.start - hit.junction, hit.end - hit.junction
        else:
            first, last = hit.junction - hit.end, hit.junction - hit.start
        first, last = np.clip([first + upstream, last + upstream], 0, length)
        masks[hit.role][hit.row, first:last] = True
    return masks["cause"], masks["decoy"]


def check_planted(
    maps: np.ndarray, causes: np.ndarray, is_confident: np.ndarray, *, upstream: int
) -> dict[str, Any] | None:
    """Score how well maps find the planted bases.

    Args:
        maps: float (n, length); high means a push towards "error".
        causes: bool (n, length), the planted bases.
        is_confident: bool (n,), sites rightly called errors; the others have nothing
            to explain.
        upstream: Bases 5' of the junction.

    Returns:
        auroc and auprc per base (mean over sites), base_rate, n_sites, and
        position_only: auroc and auprc of the closeness to the junction; None without
        a site that has planted bases.
    """
    rows = np.flatnonzero(is_confident & causes.any(axis=1) & ~causes.all(axis=1))
    if len(rows) == 0:
        return None
    closeness = -np.abs(np.arange(maps.shape[1]) + 0.5 - upstream)
    return {
        **_score_bases([maps[row] for row in rows], causes[rows]),
        "base_rate": float(causes[rows].mean()),
        "n_sites": len(rows),
        "position_only": _score_bases([closeness] * len(rows), causes[rows]),
    }


def _score_bases(scores: Sequence[np.ndarray], truth: np.ndarray) -> dict[str, float]:
    pairs = list(zip(truth, scores, strict=True))
    return {
        "auroc": float(np.mean([compute_auroc(*pair) for pair in pairs])),
        "auprc": float(np.mean([compute_auprc(*pair) for pair in pairs])),
    }


def judge(checks: dict[str, Any]) -> dict[str, Any]:
    """Add the verdict ``passed`` of a map.

    It is False if a check failed; None (not checked) if the gate or randomisation could
    not be judged, as with a handful of sites; else True.
    """
    verdicts = {
        name: check["passed"]
        for name, check in checks.items()
        if isinstance(check, dict) and "passed" in check
    }
    if False in verdicts.values():
        return {**checks, "passed": False}
    is_judged = all(verdicts.get(name) is not None for name in REQUIRED)
    return {**checks, "passed": True if is_judged else None}
