"""Subtypes: motifs that avoid each other, and nothing else."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd

from error_sequence_model.reports.findings.groups import (
    NONE,
    group_sites,
    measure_content,
)

N = 60


def make_content(**shown):
    return pd.DataFrame({name: np.where(rows, 1.0, 0) for name, rows in shown.items()})


def test_one_motif_at_many_places_is_one_subtype():
    """Aligned on the junction, its maps would be as many profiles as places."""
    rng = np.random.default_rng(0)
    places = rng.integers(-40, 40, N)
    scaled = np.zeros((N, 120))
    for row, place in enumerate(places):
        scaled[row, 60 + place : 67 + place] = 1
    table = pd.DataFrame({"motif": ["error_1"], "consensus": ["GGGTGGG"]})
    details = {"matrix": np.ones((7, 4)), "seqlet_offsets": places.tolist()}
    details["seqlet_sites"] = (np.arange(N) + 100).tolist()
    motifs = SimpleNamespace(significant=table, details={"error_1": details})
    content = measure_content(motifs, np.arange(N) + 100, scaled, -60)
    assert content["GGGTGGG"].eq(7).all()
    found = group_sites(content)
    assert set(found.group) == {0} and found.names == ["GGGTGGG"]


def test_motifs_of_different_sites_are_subtypes_and_the_rest_is_left():
    rows = np.arange(N)
    content = make_content(A=rows < 30, B=(rows >= 30) & (rows < 50))
    content.loc[3, "A"] = 5
    found = group_sites(content)
    assert found.names == ["A", "B", NONE]
    assert found.group.tolist() == [0] * 30 + [1] * 20 + [2] * 10
    assert found.exemplars[0] == 3 and 30 <= found.exemplars[1] < 50


def test_motifs_that_meet_as_often_as_chance_has_it_are_one_subtype():
    n_groups = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        shown = {name: rng.random(N) < 0.5 for name in "ABC"}
        n_groups.append(len(group_sites(make_content(**shown)).names))
    assert np.mean(np.array(n_groups) > 1) <= 0.05
    together = make_content(A=np.arange(N) < 40, B=np.arange(N) < 40)
    assert group_sites(together).names == ["A or B"]


def test_few_sites_or_no_motifs_are_one_group():
    few = make_content(A=np.arange(10) < 5, B=np.arange(10) >= 5)
    assert group_sites(few).group.tolist() == [0] * 10
    nothing = measure_content(None, np.arange(20), np.zeros((20, 50)), -25)
    found = group_sites(nothing)
    assert found.group.tolist() == [0] * 20 and len(found.exemplars) == 1
    assert "no motif" in found.names[0]
