from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.faithfulness import (
    REFERENCES,
    RandomMaps,
    check_completeness,
    check_planted,
    check_randomisation,
    judge,
    mark_planted,
)


def test_completeness_is_judged_by_its_95th_percentile() -> None:
    good = check_completeness(np.full(100, 0.01))
    assert good == {"median": 0.01, "p95": 0.01, "limit": 0.05, "passed": True}
    bad = check_completeness(np.r_[np.full(90, 0.01), np.full(10, 0.5)])
    assert not bad["passed"]
    assert check_completeness(None) is None
    assert check_completeness(np.zeros(0)) is None


def compare(maps: np.ndarray, **stages: list[np.ndarray]):
    """Randomised maps, each of the first sites."""
    return check_randomisation(
        maps,
        {
            stage: [RandomMaps(np.arange(len(other)), other) for other in networks]
            for stage, networks in stages.items()
        },
    )


def test_randomisation_compares_ranks_values_and_tops() -> None:
    rng = np.random.default_rng(0)
    maps = rng.standard_normal((10, 80))
    same = compare(maps, last=[3 * maps + 1])
    assert same["rank_correlation"] == pytest.approx(1.0)
    assert same["pearson"] == pytest.approx(1.0)
    assert not same["passed"]
    assert not compare(maps, last=[-maps])["passed"]
    noise = rng.standard_normal((10, 80))
    other = compare(maps, head=[maps[:4]], last=[noise])
    assert other["passed"], "the last stage is judged"
    assert other["top_overlap"] < 0.3
    assert other["n_sites"] == 10
    first, last = other["cascade"]
    assert (first["stage"], last["stage"]) == ("head", "last")
    for name in ("rank_correlation", "pearson", "top_overlap"):
        assert first[name] == pytest.approx(1.0)
        assert last[name] == other[name]
    assert first["n_sites"] == 4
    # One network in three that happens to resemble the model is chance; two are not.
    draws = [maps, noise, rng.standard_normal((10, 80))]
    assert compare(maps, last=draws)["passed"]
    draws[1] = -maps
    assert not compare(maps, last=draws)["passed"]
    flat = compare(np.zeros((3, 80)), last=[maps[:3]])
    assert flat["n_sites"] == 0
    assert not flat["passed"], "nothing was compared"


def test_every_network_is_compared_at_its_own_sites() -> None:
    maps = np.random.default_rng(0).standard_normal((6, 80))
    networks = [RandomMaps(np.array(rows), maps[rows]) for rows in ([4, 1], [0, 5])]
    found = check_randomisation(maps, {"last": networks})
    assert found["pearson"] == pytest.approx(1.0)
    assert (found["n_sites"], found["n_networks"]) == (4, 2)


def make_peak(seed: int, height: float) -> np.ndarray:
    """Noise with a peak at the junction that every network has by its shape."""
    maps = 0.05 * np.random.default_rng(seed).standard_normal((12, 400))
    maps[:, 194:206] += height * np.array([1, 2, 3, 4, 5, 6, 6, 5, 4, 3, 2, 1])
    return maps


def test_a_peak_of_the_networks_shape_fails_though_ranks_differ() -> None:
    found = compare(make_peak(0, 1.0), last=[make_peak(s, 1.0) for s in range(1, 6)])
    assert found["rank_correlation"] < 0.3
    assert found["pearson"] > 0.95
    assert not found["passed"]
    # Half of the highest bases in common is too much, whatever their signs are.
    signs = np.random.default_rng(9).choice([-1.0, 1.0], (12, 400))
    other = signs * make_peak(1, 1.0)
    other = compare(make_peak(0, 1.0), last=[other])
    assert abs(other["pearson"]) < 0.5
    assert other["top_overlap"] > 0.5
    assert not other["passed"]


def make_truth(rows: list[tuple]) -> pd.DataFrame:
    columns = ["chrom", "start", "end", "strand", "junction", "splice_type", "role"]
    return pd.DataFrame(rows, columns=columns)


def test_planted_bases_on_both_strands_by_hand() -> None:
    sites = pd.DataFrame(
        {
            "chrom": ["c", "c", "c", "d"],
            "junction": [100, 100, 200, 100],
            "strand": ["+", "-", "-", "+"],
            "splice_type": ["donor", "donor", "acceptor", "donor"],
        },
        index=[7, 3, 5, 1],
    )
    truth = make_truth(
        [
            ("c", 102, 105, "+", 100, "donor", "cause"),  # offsets 2, 3, 4
            ("c", 102, 105, "-", 100, "donor", "cause"),  # offsets -5, -4, -3
            ("c", 190, 192, "-", 200, "acceptor", "decoy"),  # offsets 8, 9
            ("c", 203, 260, "-", 200, "acceptor", "cause"),  # cut at the window's edge
            ("e", 102, 105, "+", 100, "donor", "cause"),  # no such site
        ]
    )
    causes, decoys = mark_planted(truth, sites, upstream=10, downstream=12)
    assert causes.shape == decoys.shape == (4, 22)
    assert np.flatnonzero(causes[0]).tolist() == [12, 13, 14]
    assert np.flatnonzero(causes[1]).tolist() == [5, 6, 7]
    assert np.flatnonzero(causes[2]).tolist() == list(range(7))
    assert np.flatnonzero(decoys[2]).tolist() == [18, 19]
    assert not causes[3].any()
    assert not decoys[[0, 1, 3]].any()


def test_planted_truth_is_scored_on_confident_errors_only() -> None:
    causes = np.zeros((3, 20), dtype=bool)
    causes[:2, 4:8] = True
    maps = np.random.default_rng(0).standard_normal((3, 20)) * 0.1 + causes
    options = {"upstream": 6}
    found = check_planted(maps, causes, np.array([True, False, True]), **options)
    position = found.pop("position_only")
    assert found == {"auroc": 1.0, "auprc": 1.0, "base_rate": 0.2, "n_sites": 1}
    # The planted bases 4 to 7 are those closest to the junction.
    assert position == {"auroc": 1.0, "auprc": 1.0}
    turned = check_planted(-maps, causes, np.ones(3, dtype=bool), upstream=16)
    assert turned["auroc"] == 0.0
    assert turned["n_sites"] == 2
    assert turned["position_only"]["auroc"] == pytest.approx(0.25)
    assert check_planted(maps, causes, np.zeros(3, dtype=bool), **options) is None


def test_a_map_passes_only_if_every_check_passed() -> None:
    good, bad, unknown = {"passed": True}, {"passed": False}, {"passed": None}
    made = dict.fromkeys((*REFERENCES, "randomisation"), good)
    assert judge({"own": {}, "completeness": None, **made})["passed"] is True
    assert judge({"completeness": bad, **made})["passed"] is False
    assert judge({**made, "planted": {"auroc": 0.2}})["passed"] is True
    for name in made:
        assert judge({**made, name: bad})["passed"] is False
        assert judge({**made, name: unknown})["passed"] is None
    assert judge({"randomisation": good})["passed"] is None
