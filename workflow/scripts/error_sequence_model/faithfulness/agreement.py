"""Do maps of the same sites agree: between methods, and between training seeds?

Maps are float (n_sites, length). Agreement is the rank correlation of two maps of one
site, median over the sites. Maps of different sites agree too, as far as all of them
rise at the junction; how much is given beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.core import InputError
from error_sequence_model.results import (
    Maps,
    parse_run_path,
    read_attention,
    read_attributions,
)
from error_sequence_model.statistics import FEWEST_GENES, get_interval

DRAWS = 2000


def correlate_sites(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Rank correlation (Spearman) of two maps, site by site.

    Args:
        first: float (n_sites, length).
        second: Same shape.

    Returns:
        float (n_sites,); NaN where a map does not vary.
    """
    ranks = (pd.DataFrame(values).rank(axis=1) for values in (first, second))
    return correlate_values(*(frame.to_numpy() for frame in ranks))


def correlate_values(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Correlation (Pearson) of two maps, site by site; as `correlate_sites`."""
    centred = [
        values - values.mean(axis=1, keepdims=True) for values in (first, second)
    ]
    scale = np.sqrt(np.prod([np.square(c).sum(axis=1) for c in centred], axis=0))
    product = (centred[0] * centred[1]).sum(axis=1)
    return np.divide(product, scale, out=np.full(len(scale), np.nan), where=scale > 0)


def compare_methods(
    maps: Mapping[str, np.ndarray], is_signed: Mapping[str, bool]
) -> dict[str, Any]:
    """Rank correlations between the methods' maps of the same sites.

    Args:
        maps: float (n_sites, length) by method.
        is_signed: Whether a method's sign means something; where one of two has none,
            magnitudes are compared.

    Returns:
        methods, rank_correlation (median over sites, a symmetric matrix in their order;
        None where no map varies), n_sites.
    """
    names = list(maps)
    matrix: list[list[float | None]] = [[1.0] * len(names) for _ in names]
    for (i, first), (j, second) in combinations(enumerate(names), 2):
        pair = [maps[first], maps[second]]
        if not (is_signed[first] and is_signed[second]):
            pair = [np.abs(values) for values in pair]
        matrix[i][j] = matrix[j][i] = _take_median(correlate_sites(*pair))
    sites = len(next(iter(maps.values()))) if maps else 0
    return {"methods": names, "rank_correlation": matrix, "n_sites": sites}


def _take_median(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else None


def compare_seeds(run_folders: Sequence[str | Path], *, seed: int) -> dict[str, Any]:
    """Compare the maps of models that differ in their training seed only.

    Args:
        run_folders: ``…/{backbone}/seedS/foldF`` of one backbone and fold.
        seed: Seed of the bootstrap.

    Returns:
        seeds, and per method (and for attention) pairs (two seeds and
        the rank_correlation of their maps, median over sites), rank_correlation (median
        over the pairs), other_sites (the same between maps of different sites),
        interval (95 %, bootstrap over sites, of same minus different sites), n_sites
        and passed (the interval lies above 0; None with fewer than five sites). With
        one seed nothing is assessed, and ``note`` says so.

    Raises:
        InputError: The runs are of different backbones or folds.
    """
    names = [parse_run_path(Path(folder)) for folder in run_folders]
    if len({(n["predictor"], n["backbone"], n["folds"]) for n in names}) > 1:
        raise InputError(
            "agreement: the runs must differ in their seed only; given are "
            + ", ".join(map(str, run_folders))
        )
    seeds = [name["seed"] for name in names]
    if len(seeds) < 2:
        return {"seeds": seeds, "methods": {}, "note": "one seed: not assessed"}
    maps = [_read_maps(Path(folder)) for folder in run_folders]
    shared = [m for m in maps[0] if all(m in others for others in maps)]
    return {
        "seeds": seeds,
        "methods": {
            method: _compare([found[method] for found in maps], seeds, seed)
            for method in shared
        },
    }


def _read_maps(folder: Path) -> dict[str, Maps]:
    found = {
        path.stem: read_attributions(path)
        for path in sorted((folder / "attributions").glob("*.h5"))
    }
    return {**found, "attention": read_attention(folder / "attention.h5")}


def _compare(maps: Sequence[Maps], seeds: Sequence[int], seed: int) -> dict[str, Any]:
    sites = sorted(set.intersection(*(set(m.site_id.tolist()) for m in maps)))
    scores = [pd.DataFrame(m.scores, m.site_id).loc[sites].to_numpy() for m in maps]
    pairs, same, other = [], [], []
    for (i, first), (j, second) in combinations(enumerate(scores), 2):
        same.append(correlate_sites(first, second))
        # Each site against the next one: no site meets itself.
        other.append(correlate_sites(first, np.roll(second, 1, axis=0)))
        pairs.append(
            {
                "seeds": [seeds[i], seeds[j]],
                "rank_correlation": _take_median(same[-1]),
            }
        )
    known = [p["rank_correlation"] for p in pairs if p["rank_correlation"] is not None]
    differences = np.mean(same, axis=0) - np.mean(other, axis=0)
    differences = differences[np.isfinite(differences)]
    result = {
        "rank_correlation": float(np.median(known)) if known else None,
        "other_sites": _take_median(np.concatenate(other)),
        "n_sites": len(differences),
        "pairs": pairs,
        "interval": None,
        "passed": None,
    }
    if len(differences) >= FEWEST_GENES:
        rng = np.random.default_rng(seed)
        draws = rng.integers(0, len(differences), (DRAWS, len(differences)))
        ends = get_interval(differences[draws].mean(axis=1), len(differences))
        result["interval"] = list(ends)
        result["passed"] = bool(ends[0] > 0)
    return result
