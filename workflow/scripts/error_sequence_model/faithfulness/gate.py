"""The gate: does a map know its own site, or only what all sites have in common?

Every splice site has a junction where most maps are high, so bases that matter are
found by any map that is high there. A map is believed where, at its own site, its order
of the bases moves the prediction further than three orders that know nothing of the
site: the map of another site of its class, the mean map of its class, and the distance
to the junction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy.special import stdtrit

from error_sequence_model.classifier import ErrorClassifier
from error_sequence_model.datasets import SequenceDataset
from error_sequence_model.faithfulness.perturbation import (
    SHARES,
    Curves,
    measure_curves,
)
from error_sequence_model.statistics import FEWEST_GENES, number_groups

REFERENCES = ("other_site", "class_mean", "position_only")
SITES = 40


class RankedMaps(NamedTuple):
    """Maps with what their values mean.

    Attributes:
        scores: float (n_sites, length).
        kind: "signed" (positive speaks for an error), "unsigned" (height is
            importance), or "error" (height is evidence for an error, and nothing is
            said of a site that is seen as correct).
    """

    scores: np.ndarray
    kind: str = "signed"


def check_gate(
    model: ErrorClassifier,
    dataset: SequenceDataset,
    sequences: Sequence[str],
    maps: Mapping[str, RankedMaps],
    target: np.ndarray,
    sites: pd.DataFrame | None = None,
    *,
    device: torch.device,
    seed: int,
    most_sites: Mapping[str, int] | None = None,
) -> dict[str, dict[str, Any]]:
    """Compare maps at their own sites with what knows nothing of the site.

    The bases that most support a site's predicted side (for unsigned maps the highest)
    come first. A class is the sites of one splice type, label and predicted side.

    Args:
        model: The classifier.
        dataset: The explained sites.
        sequences: Their windows.
        maps: By name.
        target: Log-odds of an error of each site, float (n,).
        sites: splice_type and gene_id of the sites; None: all of one type, each of a
            gene of its own.
        device: Where to compute.
        seed: Seed of the sites taken, of the other sites and of the replaced bases.
        most_sites: Sites taken by name of the map, where not `SITES`.

    Returns:
        For every name ``own``, with deletion and insertion: area (log-odds, mean over
        shares and sites), shares, curve and n_sites; and ``other_site``,
        ``class_mean`` and ``position_only``, with the same, the difference of own
        minus theirs at the same sites, its interval (95 %, sites of a gene together)
        and passed (it lies above 0; None with fewer than five genes), and ``passed``
        of both.
    """
    most_sites = most_sites or {}
    types = np.zeros(len(target)) if sites is None else sites["splice_type"].to_numpy()
    genes = number_groups(None if sites is None else sites["gene_id"], len(target))
    groups = pd.DataFrame({"type": types, "label": dataset.labels, "side": target > 0})
    classes = groups.groupby(list(groups)).ngroup().to_numpy()
    shuffled = np.random.default_rng(seed).permutation(len(target))
    partners = _choose_partners(classes, shuffled)
    orders: dict[int, dict[tuple[str, str], np.ndarray]] = {}
    for name, ranked in maps.items():
        for site in shuffled[: most_sites.get(name, SITES)]:
            if ranked.kind == "error" and target[site] <= 0:
                continue
            known = _collect_scores(ranked.scores, int(site), classes, partners)
            sign = 1.0 if ranked.kind != "signed" or target[site] > 0 else -1.0
            named = orders.setdefault(int(site), {})
            for which, scores in known.items():
                named[name, which] = np.argsort(-sign * scores, kind="stable")
            places = np.arange(len(sequences[site])) + 0.5
            distances = np.abs(places - dataset.junctions[site])
            named["", "position_only"] = np.argsort(distances, kind="stable")
    curves = measure_curves(
        model, dataset, sequences, orders, target, device=device, seed=seed
    )
    return {name: _compare(curves, name, genes) for name in maps}


def _choose_partners(classes: np.ndarray, shuffled: np.ndarray) -> np.ndarray:
    """Another site of the class for every site, int (n,); itself where it is alone."""
    partners = np.arange(len(classes))
    for label in np.unique(classes):
        members = shuffled[classes[shuffled] == label]
        partners[members] = np.roll(members, 1)
    return partners


def _collect_scores(
    scores: np.ndarray, site: int, classes: np.ndarray, partners: np.ndarray
) -> dict[str, np.ndarray]:
    """The site's own map, another's and the mean of its class without the site."""
    known = {"own": scores[site]}
    if partners[site] != site:
        members = np.flatnonzero(classes == classes[site])
        total = scores[members].sum(axis=0, dtype=float) - scores[site]
        known["other_site"] = scores[partners[site]]
        known["class_mean"] = total / (len(members) - 1)
    return known


def _compare(curves: Curves, name: str, genes: np.ndarray) -> dict[str, Any]:
    """Own areas of a map, and their differences from the references'."""
    found: dict[str, Any] = {
        "own": {
            mode: _describe(mode, curves[mode].get((name, "own"), {}))
            for mode in SHARES
        }
    }
    for which in REFERENCES:
        key = ("" if which == "position_only" else name, which)
        found[which] = {
            mode: _subtract(mode, curves[mode], (name, "own"), key, genes)
            for mode in SHARES
        }
        verdicts = [found[which][mode]["passed"] for mode in SHARES]
        passed = None if None in verdicts else True
        found[which]["passed"] = False if False in verdicts else passed
    return found


def _describe(mode: str, measured: Mapping[int, np.ndarray]) -> dict[str, Any]:
    values = np.array(list(measured.values()))
    return {
        "area": float(values.mean()) if len(values) else None,
        "n_sites": len(values),
        "shares": list(SHARES[mode]) if len(values) else [],
        "curve": [float(v) for v in values.mean(axis=0)] if len(values) else [],
    }


def _subtract(
    mode: str,
    curves: Mapping[Any, Mapping[int, np.ndarray]],
    own: tuple[str, str],
    reference: tuple[str, str],
    genes: np.ndarray,
) -> dict[str, Any]:
    """Compare two orders at the sites that have both."""
    first, second = curves.get(own, {}), curves.get(reference, {})
    shared = [site for site in first if site in second]
    found = _describe(mode, {site: second[site] for site in shared})
    found |= {"difference": None, "interval": None, "passed": None}
    if shared:
        values = np.array([(first[s] - second[s]).mean() for s in shared])
        found["difference"] = float(values.mean())
        interval = estimate_interval(values, genes[shared])
        if interval is not None:
            found["interval"] = list(interval)
            found["passed"] = interval[0] > 0
    return found


def estimate_interval(
    values: np.ndarray, genes: np.ndarray
) -> tuple[float, float] | None:
    """Interval (95 %) of a mean whose values come in genes.

    Args:
        values: float (n,).
        genes: Number of each value's gene, int (n,).

    Returns:
        Both ends, from Student's t over the genes' sums; a few genes make it wide,
        where resampling a few makes an interval that is too narrow. None with fewer
        than five genes.
    """
    _, numbers = np.unique(genes, return_inverse=True)
    count = int(numbers.max()) + 1
    if count < FEWEST_GENES:
        return None
    sums = np.bincount(numbers, values - values.mean())
    error = np.sqrt(count / (count - 1) * np.square(sums).sum()) / len(values)
    half = stdtrit(count - 1, 0.975) * error
    return float(values.mean() - half), float(values.mean() + half)
