"""Is a map true of its model? Four checks, written beside every map.

Completeness: the map sums to the change it explains. Deletion: replacing the bases the
map names moves the prediction more than replacing random ones. Randomisation: the map
of a network with random weights looks different. Planted truth, where there is one: the
map finds the bases that are known to matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.stats import spearmanr

from error_sequence_model.classifier import ErrorClassifier
from error_sequence_model.datasets import SequenceDataset
from error_sequence_model.metrics import compute_auprc, compute_auroc
from error_sequence_model.shuffling import draw_alternatives
from error_sequence_model.substitution import predict_targets

COMPLETENESS_LIMIT = 0.05
RANK_CORRELATION_LIMIT = 0.3
DELETED_SHARES = (0.01, 0.02, 0.05, 0.1, 0.2)
RANDOM_ORDERS = 3
SITES_DELETED = 60


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


def check_deletion(
    model: ErrorClassifier,
    dataset: SequenceDataset,
    sequences: Sequence[str],
    maps: np.ndarray,
    *,
    is_signed: bool,
    device: torch.device,
    seed: int,
) -> dict[str, Any]:
    """Replace the bases with the highest scores and see the prediction move.

    For each site the bases that most support its predicted side (for unsigned maps, the
    highest) are replaced by other bases of the same composition, and the loss of
    log-odds is compared with that of equally many random bases.

    Args:
        model: The classifier.
        dataset: The explained sites.
        sequences: Their windows.
        maps: float (n, length).
        is_signed: Whether the sign of the map has a meaning.
        device: Where to compute.
        seed: Seed of the replaced bases and random orders.

    Returns:
        area and random_area (log-odds lost, mean over shares and sites), ratio,
        interval of the difference (95 %, bootstrap over sites), n_sites, passed (the
        interval lies above 0).
    """
    chosen = np.random.default_rng(seed).permutation(len(sequences))[:SITES_DELETED]
    differences, guided_areas, random_areas = [], [], []
    for site in np.sort(chosen):
        rng = np.random.default_rng([seed, int(dataset.site_ids[site])])
        text, scores = sequences[site], maps[site]
        junction = dataset.junctions[site]
        changed, owners = _delete(text, scores, is_signed, rng)
        values = predict_targets(
            model,
            dataset,
            [text, *changed],
            np.full(len(changed) + 1, junction),
            device=device,
        )
        # Rows: order by the map for support of "error", for "correct", random orders.
        side = np.sign(values[0]) or 1.0
        lost = side * (values[0] - values[1:])
        guided = lost[owners == ("error" if side > 0 else "correct")].mean()
        at_random = lost[owners == "random"].mean()
        guided_areas.append(guided)
        random_areas.append(at_random)
        differences.append(guided - at_random)
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, len(differences), (2000, len(differences)))
    low, high = np.quantile(np.array(differences)[draws].mean(axis=1), [0.025, 0.975])
    area, random_area = float(np.mean(guided_areas)), float(np.mean(random_areas))
    return {
        "area": area,
        "random_area": random_area,
        "ratio": area / random_area if random_area > 0 else None,
        "interval": [float(low), float(high)],
        "n_sites": len(differences),
        "passed": bool(low > 0),
    }


def _delete(
    text: str, scores: np.ndarray, is_signed: bool, rng: np.random.Generator
) -> tuple[list[str], np.ndarray]:
    """Make the strings with bases replaced, and say by which order each was made."""
    letters = np.frombuffer(text.encode(), dtype="S1")
    other = draw_alternatives(text, 1, rng)[0]
    orders = [("error", np.argsort(-scores, kind="stable"))]
    support = scores if is_signed else -scores
    orders.append(("correct", np.argsort(support, kind="stable")))
    orders += [("random", rng.permutation(len(text))) for _ in range(RANDOM_ORDERS)]
    changed, owners = [], []
    for name, order in orders:
        for share in DELETED_SHARES:
            places = order[: max(1, round(share * len(text)))]
            copy = letters.copy()
            copy[places] = other[places]
            changed.append(copy.tobytes().decode())
            owners.append(name)
    return changed, np.array(owners)


def randomise(model: ErrorClassifier, *, seed: int) -> ErrorClassifier:
    """Make the same network with fresh random weights everywhere."""
    with torch.random.fork_rng():
        torch.manual_seed(seed + 7919)
        fresh = type(model)(model.config)
    fresh.tokenizer = model.tokenizer
    return fresh.eval()


def check_randomisation(maps: np.ndarray, random_maps: np.ndarray) -> dict[str, Any]:
    """Compare the maps with those of a network with random weights (Adebayo 2018).

    Args:
        maps: float (n, length).
        random_maps: The same sites and method, random weights.

    Returns:
        rank_correlation (median over sites of the signed Spearman correlation), limit
        on its magnitude, n_sites, passed (never without a map that varies).
    """
    values = [
        spearmanr(mine, other).statistic
        for mine, other in zip(maps, random_maps, strict=True)
        if np.ptp(mine) > 0 and np.ptp(other) > 0
    ]
    value = float(np.median(values)) if values else 0.0
    return {
        "rank_correlation": value,
        "limit": RANK_CORRELATION_LIMIT,
        "n_sites": len(values),
        "passed": bool(values) and abs(value) <= RANK_CORRELATION_LIMIT,
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
    """Add the verdict: passed only if every check that was made passed."""
    made = [c for c in checks.values() if isinstance(c, dict) and "passed" in c]
    return {**checks, "passed": all(check["passed"] for check in made)}
