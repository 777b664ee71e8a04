"""The negative control: a model of permuted labels must show no region.

Labels of a control carry nothing, so its maps may not differ between its classes in any
named region beyond what permuting the labels again gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from error_sequence_model.statistics import (
    make_strata,
    measure_gc_content,
    permute_classes,
    scale_maps,
)
from error_sequence_model.windows import get_regions

LEVEL = 0.05
DRAWS = 999


def check_control(
    maps: Mapping[str, np.ndarray],
    sites: pd.DataFrame,
    sequences: list[str],
    is_error: np.ndarray,
    *,
    upstream: int,
    downstream: int,
    seed: int,
) -> dict[str, Any]:
    """Test every named region of a control's maps for a difference of its classes.

    Args:
        maps: float (n_sites, length) by method.
        sites: splice_type, gene_id and score of the sites.
        sequences: Their windows.
        is_error: The control's label, bool (n_sites,).
        upstream: Bases 5' of the junction.
        downstream: Bases 3' of it.
        seed: Seed of the permutations.

    Returns:
        methods (smallest family-wise p-value over the regions, its region, and how
        many regions were tested), level (0.05 shared among methods and splice types)
        and passed: no p-value below the level; None if there were too few sites.
    """
    genes = sites["gene_id"].astype(object)
    genes = genes.where(genes.notna(), [f"site {i}" for i in range(len(sites))])
    gc_content = measure_gc_content(sequences)
    scores = pd.to_numeric(sites["score"], errors="coerce").to_numpy(dtype=float)
    tests = []
    for splice_type in sorted(sites["splice_type"].unique()):
        regions = get_regions(splice_type, upstream, downstream)
        rows = np.flatnonzero(sites["splice_type"] == splice_type)
        if not regions or not len(rows):
            continue
        strata, _ = make_strata(gc_content[rows], scores[rows], is_error[rows])
        for method, values in maps.items():
            scaled = scale_maps(values[rows])
            means = [
                scaled[:, r.start + upstream : r.end + upstream].mean(axis=1)
                for r in regions
            ]
            found = permute_classes(
                np.stack(means, axis=1),
                is_error[rows],
                genes.to_numpy()[rows],
                strata,
                draws=DRAWS,
                seed=seed,
            )
            if found.n_draws:
                least = int(np.argmin(found.p_value))
                tests.append((method, regions[least].key, found, len(regions)))
    return _summarise(tests)


def _summarise(tests: list[tuple]) -> dict[str, Any]:
    level = LEVEL / max(len(tests), 1)
    methods: dict[str, dict[str, Any]] = {}
    for method, region, found, count in tests:
        p_value = float(found.p_value.min())
        if method not in methods or p_value < methods[method]["p_value"]:
            methods[method] = {"p_value": p_value, "region": region, "n_regions": count}
    passed = all(m["p_value"] >= level for m in methods.values()) if methods else None
    return {"methods": methods, "level": level, "passed": passed}
