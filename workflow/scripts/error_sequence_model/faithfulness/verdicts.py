"""Is a map true of its model? The single checks, written beside every map.

Completeness: the map sums to the change it explains. Randomisation: the map of a
network with random weights looks different. Planted truth, where there is one: the map
finds the bases that are known to matter. Deletion and insertion are in `perturbation`,
the networks with random weights in `cascade`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.faithfulness.agreement import correlate_sites
from error_sequence_model.statistics import compute_auprc, compute_auroc

COMPLETENESS_LIMIT = 0.05
RANK_CORRELATION_LIMIT = 0.3
REQUIRED = ("deletion", "randomisation")


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
    maps: np.ndarray, stages: Mapping[str, Sequence[np.ndarray]]
) -> dict[str, Any]:
    """Compare the maps with those of networks with random weights (Adebayo 2018).

    Args:
        maps: float (n, length).
        stages: By what was drawn anew, the maps of the first sites of ``maps`` by the
            same method, of one network or several; the last stage is the one that is
            judged: all weights.

    Returns:
        rank_correlation (signed Spearman: median over the sites, then the network of
        median magnitude), limit on its magnitude, n_sites and n_networks, cascade
        (stage, rank_correlation and n_sites of every stage, from the head down) and
        passed (never without a map that varies).
    """
    cascade = []
    for stage, networks in stages.items():
        values = [correlate_sites(maps[: len(other)], other) for other in networks]
        values = [finite for v in values if len(finite := v[np.isfinite(v)])]
        medians = sorted((float(np.median(v)) for v in values), key=abs)
        cascade.append(
            {
                "stage": stage,
                "rank_correlation": medians[len(medians) // 2] if medians else None,
                "n_sites": max(map(len, values), default=0),
            }
        )
    value = cascade[-1]["rank_correlation"]
    return {
        "rank_correlation": value or 0.0,
        "limit": RANK_CORRELATION_LIMIT,
        "n_sites": cascade[-1]["n_sites"],
        "n_networks": len(list(stages.values())[-1]),
        "cascade": cascade,
        "passed": value is not None and abs(value) <= RANK_CORRELATION_LIMIT,
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
    maps: np.ndarray, causes: np.ndarray, is_confident: np.ndarray
) -> dict[str, Any] | None:
    """Score how well maps find the planted bases.

    Args:
        maps: float (n, length); high means a push towards "error".
        causes: bool (n, length), the planted bases.
        is_confident: bool (n,), sites rightly called errors; the others have nothing
            to explain.

    Returns:
        auroc and auprc per base (mean over sites), base_rate, n_sites; None without a
        site that has planted bases.
    """
    rows = np.flatnonzero(is_confident & causes.any(axis=1) & ~causes.all(axis=1))
    if len(rows) == 0:
        return None
    return {
        "auroc": float(np.mean([compute_auroc(causes[r], maps[r]) for r in rows])),
        "auprc": float(np.mean([compute_auprc(causes[r], maps[r]) for r in rows])),
        "base_rate": float(causes[rows].mean()),
        "n_sites": len(rows),
    }


def judge(checks: dict[str, Any]) -> dict[str, Any]:
    """Add the verdict ``passed`` of a map.

    It is False if a check failed; None (not checked) if deletion or randomisation could
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
