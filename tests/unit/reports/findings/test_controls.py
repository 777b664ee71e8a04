"""Shuffled controls are judged over their seeds."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.reports.findings import controls
from error_sequence_model.reports.findings.controls import (
    describe_control,
    describe_labels,
)


def make_control(rng, *, leak=0.0, shared=0.0, seeds=3, p_values=()):
    """A control's runs: noise of every seed, noise that seeds share, and a leak."""
    labels = np.tile([0, 1], 60)
    common = rng.standard_normal(120)
    runs = []
    for seed in range(seeds):
        logits = leak * labels + shared * common + rng.standard_normal(120)
        error = 1 / (1 + np.exp(-logits))
        table = {"site_id": np.arange(120), "part": "test", "label": labels}
        table |= {"probability_correct": 1 - error, "probability_error": error}
        control = {"methods": {}, "level": 0.025, "passed": None}
        if p_values:
            found = {"p_value": p_values[seed], "region": "exon", "n_regions": 5}
            control |= {"methods": {"saliency": found}, "passed": True}
        runs.append(
            SimpleNamespace(
                **{"backbone": "encoder", "seed": seed, "folds": (0,)},
                predictions=pd.DataFrame(table),
                faithfulness={"control": control},
            )
        )
    genes = [f"g{index // 3}" for index in range(120)]
    sites = pd.DataFrame({"gene_id": genes}, index=np.arange(120))
    return SimpleNamespace(
        name="shuffled, donor", runs=runs, models=runs, lead=runs[0], sites=sites
    )


def count_leaks(monkeypatch, runs=100, **options) -> int:
    monkeypatch.setattr(controls, "DRAWS", 200)
    rng = np.random.default_rng(1)
    marks = [describe_control(make_control(rng, **options))[1] for _ in range(runs)]
    return marks.count("bad")


@pytest.mark.parametrize("options", [{"seeds": 1}, {"seeds": 3}, {"shared": 2.0}])
def test_healthy_controls_are_called_a_leak_in_one_of_twenty_at_most(
    monkeypatch, options
):
    assert count_leaks(monkeypatch, **options) <= 5


def test_a_leak_is_caught(monkeypatch):
    assert count_leaks(monkeypatch, runs=20, leak=1.0) >= 19


def test_the_words_of_a_control():
    rng = np.random.default_rng(0)
    text, mark = describe_control(make_control(rng, leak=3.0))
    assert mark == "bad"
    assert "over 3 seeds, which lies above 0.5: something leaks" in text
    text, mark = describe_control(make_control(rng, leak=-3.0, seeds=1))
    assert mark == "good", "worse than chance is no leak"
    assert "(one seed), which is not above 0.5." in text
    empty = make_control(rng)
    for run in empty.runs:
        run.predictions = None
    assert describe_control(empty)[1] == "open"


def test_a_region_must_show_in_most_seeds():
    rng = np.random.default_rng(0)
    text, mark = describe_labels(make_control(rng, p_values=(0.001, 0.6, 0.7)))
    assert mark == "good"
    assert "no region beyond chance: p 1 over 3 seeds; smallest by saliency" in text
    text, mark = describe_labels(make_control(rng, p_values=(0.001, 0.002, 0.7)))
    # Two methods share the level: 2 * 0.002 * 3 / 2.
    assert "a region BEYOND chance: p 0.006 over 3 seeds" in text
    assert mark == "bad"
    assert describe_labels(make_control(rng, p_values=(0.001, 0.002, 0.7)), among=5)[
        1
    ] == ("good")
    assert describe_labels(make_control(rng))[1] == "open"
