"""The gate: own maps pass, maps that know nothing of the site do not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from additive_model import AdditiveModel
from error_sequence_model.faithfulness import REFERENCES, RankedMaps, check_gate
from error_sequence_model.faithfulness.gate import _collect_scores, estimate_interval
from error_sequence_model.notebook import prepare_datasets_for_training
from tiny_models import draw_sequences

LENGTH, JUNCTION = 60, 30


class Case:
    """Sites of a model whose log-odds are a sum over the bases, and their true maps."""

    def __init__(self, seed: int, count: int = 40) -> None:
        rng = np.random.default_rng(seed)
        *self.texts, other = draw_sequences(rng, count + 1, LENGTH, LENGTH)
        table = np.zeros((LENGTH, 4))
        # Effects everywhere, the largest near the junction, as at a splice site.
        width = np.where(np.abs(np.arange(LENGTH) - JUNCTION) < 6, 2.0, 0.7)
        table += rng.normal(0, width[:, None], table.shape)
        table -= table.mean(axis=1, keepdims=True)
        self.model = AdditiveModel(table).eval()
        codes = np.array([["ACGT".index(base) for base in text] for text in self.texts])
        self.maps = table[np.arange(LENGTH), codes]
        self.target = self.maps.sum(axis=1)
        frame = pd.DataFrame({"sequence": self.texts, "label": self.target > 0})
        frame["label"] = frame["label"].astype(int)
        held = pd.DataFrame({"sequence": [other], "label": [0]})
        self.dataset, _ = prepare_datasets_for_training(frame, held)
        self.dataset.junctions[:] = JUNCTION
        self.genes = [f"g{index // 2}" for index in range(count)]

    def check(self, maps, kind="signed", genes=None):
        sites = pd.DataFrame({"gene_id": genes or self.genes, "splice_type": "donor"})
        return check_gate(
            self.model,
            self.dataset,
            self.texts,
            {"map": RankedMaps(maps, kind)},
            self.target,
            sites,
            device=torch.device("cpu"),
            seed=1,
        )["map"]

    def roll(self) -> np.ndarray:
        """Every site's map is that of another site of its class."""
        moved = self.maps.copy()
        for label in (0, 1):
            rows = np.flatnonzero(self.dataset.labels == label)
            moved[rows] = self.maps[np.roll(rows, 1)]
        return moved

    def average(self) -> np.ndarray:
        labels = self.dataset.labels
        return np.stack([self.maps[labels == label].mean(axis=0) for label in labels])


def passes(found) -> bool:
    return all(found[which]["passed"] for which in REFERENCES)


@pytest.mark.parametrize("seed", range(6))
def test_own_maps_pass_and_what_knows_nothing_of_the_site_fails(seed) -> None:
    case = Case(seed)
    assert passes(case.check(case.maps))
    assert not passes(case.check(case.roll()))
    assert not passes(case.check(case.average()))
    closeness = -np.abs(np.arange(LENGTH) + 0.5 - JUNCTION)
    position = case.check(np.tile(closeness, (40, 1)), "unsigned")
    assert not passes(position)
    noise = np.random.default_rng(seed).standard_normal(case.maps.shape)
    assert not passes(case.check(noise))


def test_a_map_that_is_the_same_at_every_site_gains_exactly_nothing() -> None:
    case = Case(0)
    found = case.check(case.average())
    for which in ("other_site", "class_mean"):
        for mode in ("deletion", "insertion"):
            assert found[which][mode]["difference"] == pytest.approx(0, abs=1e-6)
            assert found[which][mode]["passed"] is False
        assert found[which]["passed"] is False


def test_differences_are_those_of_the_areas() -> None:
    case = Case(2)
    found = case.check(case.maps)
    for mode in ("deletion", "insertion"):
        own = found["own"][mode]
        assert own["area"] == pytest.approx(np.mean(own["curve"]))
        for which in REFERENCES:
            reference = found[which][mode]
            assert reference["n_sites"] == own["n_sites"]
            gain = own["area"] - reference["area"]
            assert reference["difference"] == pytest.approx(gain)
            assert np.mean(reference["interval"]) == pytest.approx(gain)


def test_what_a_height_means_depends_on_the_kind() -> None:
    case = Case(3)
    sides = np.where(case.target > 0, 1.0, -1.0)[:, None]
    assert passes(case.check(case.maps * sides, "unsigned"))
    assert not passes(case.check(-case.maps)), "the sign is wrong"
    found = case.check(case.maps, "error")
    # Evidence for an error says nothing of sites that are seen as correct.
    assert found["own"]["deletion"]["n_sites"] == (case.target > 0).sum()


def test_sites_of_one_gene_count_together() -> None:
    case = Case(4)
    few = case.check(case.maps, genes=[f"g{index % 4}" for index in range(40)])
    assert few["position_only"]["deletion"]["difference"] > 0
    assert few["position_only"]["deletion"]["interval"] is None
    assert few["position_only"]["passed"] is None, "four genes are too few to say"


def test_one_sequence_has_no_other_site() -> None:
    case = Case(5, count=1)
    found = case.check(case.maps)
    assert found["other_site"]["deletion"]["area"] is None
    assert found["class_mean"]["passed"] is None
    assert found["position_only"]["deletion"]["n_sites"] == 1
    assert found["position_only"]["passed"] is None


def test_the_interval_is_students_over_genes() -> None:
    values = np.array([1.0, 2.0, 4.0, 3.0, 0.0, 2.0])
    low, high = estimate_interval(values, np.arange(6))
    half = 2.570582 * values.std(ddof=1) / np.sqrt(6)
    assert (low, high) == pytest.approx((2 - half, 2 + half))
    # Every value twice, in one gene each: nothing is known better.
    twice = estimate_interval(np.repeat(values, 2), np.repeat(np.arange(6), 2))
    assert twice == pytest.approx((low, high))
    assert estimate_interval(values, np.array([0, 0, 1, 2, 3, 3])) is None


def test_intervals_hold_what_they_say() -> None:
    rng = np.random.default_rng(1)
    misses = 0
    for _ in range(400):
        genes = np.repeat(np.arange(8), 3)
        values = rng.standard_normal(8)[genes] + rng.standard_normal(24)
        low, high = estimate_interval(values, genes)
        misses += not low < 0 < high
    assert 8 <= misses <= 34  # 20 expected


def test_the_mean_of_a_class_is_that_of_its_other_sites() -> None:
    scores = np.array([[6.0, 0.0], [1.0, 2.0], [3.0, 4.0], [9.0, 9.0]])
    classes, partners = np.array([0, 0, 0, 1]), np.array([2, 0, 1, 3])
    known = _collect_scores(scores, 0, classes, partners)
    assert known["own"].tolist() == [6, 0]
    assert known["other_site"].tolist() == [3, 4]
    assert known["class_mean"].tolist() == [2, 3]
    assert set(_collect_scores(scores, 3, classes, partners)) == {"own"}
