"""Named regions are told apart by log-odds as they are, the greatest effect first."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from error_sequence_model.reports.findings.statistics import _measure_regions
from error_sequence_model.statistics import scale_maps

UPSTREAM = 60


def test_regions_are_tested_on_log_odds_and_sorted_by_effect():
    """Errors have larger maps all over; in one region alone they differ in log-odds.

    Scaled by site, the other regions would be lower at errors.
    """
    rng = np.random.default_rng(1)
    is_first = np.arange(120) < 60
    maps = rng.normal(0, 0.05, (120, 120))
    maps += np.where(np.arange(120) < 100, 0.5, 0)  # the same log-odds in both
    maps[is_first, UPSTREAM + 6 : UPSTREAM + 30] += 2.0
    explained = SimpleNamespace(scores=maps, is_first=is_first, genes=np.arange(120))
    data = SimpleNamespace(drawing={"draws": 99, "seed": 1})
    strata = np.zeros(120, dtype=int)
    table = _measure_regions(
        scale_maps(maps), UPSTREAM, explained, "donor", strata, data
    )
    effects = table["difference"].abs().to_numpy()
    assert (np.diff(effects) <= 0).all()
    first = table.iloc[0]
    assert first["region"] == "proximal_intron" and first["p_value"] <= 0.01
    assert abs(first["difference"] - 48) < 1
    exon = table.set_index("region").loc["exon_side"]
    assert exon["p_value"] > 0.05 and abs(exon["difference"]) < 1
