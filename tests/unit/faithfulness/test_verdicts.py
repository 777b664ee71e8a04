from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.faithfulness import (
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


def test_randomisation_compares_ranks() -> None:
    rng = np.random.default_rng(0)
    maps = rng.standard_normal((10, 80))
    same = check_randomisation(maps, {"all weights": [3 * maps + 1]})
    assert same["rank_correlation"] == pytest.approx(1.0)
    assert not same["passed"]
    assert not check_randomisation(maps, {"all weights": [-maps]})["passed"]
    noise = rng.standard_normal((10, 80))
    other = check_randomisation(maps, {"head": [maps[:4]], "all weights": [noise]})
    assert other["passed"], "the last stage is judged"
    assert other["n_sites"] == 10
    assert [stage["stage"] for stage in other["cascade"]] == ["head", "all weights"]
    assert other["cascade"][0]["rank_correlation"] == pytest.approx(1.0)
    assert other["cascade"][0]["n_sites"] == 4
    # One network in three that happens to resemble the model is chance; two are not.
    draws = [maps, noise, rng.standard_normal((10, 80))]
    assert check_randomisation(maps, {"all weights": draws})["passed"]
    draws[1] = -maps
    assert not check_randomisation(maps, {"all weights": draws})["passed"]
    flat = check_randomisation(np.zeros((3, 80)), {"all weights": [maps[:3]]})
    assert flat["n_sites"] == 0
    assert not flat["passed"], "nothing was compared"


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
    found = check_planted(maps, causes, np.array([True, False, True]))
    assert found == {"auroc": 1.0, "auprc": 1.0, "base_rate": 0.2, "n_sites": 1}
    turned = check_planted(-maps, causes, np.ones(3, dtype=bool))
    assert turned["auroc"] == 0.0
    assert turned["n_sites"] == 2
    assert check_planted(maps, causes, np.zeros(3, dtype=bool)) is None


def test_a_map_passes_only_if_every_check_passed() -> None:
    good, bad, unknown = {"passed": True}, {"passed": False}, {"passed": None}
    made = {"deletion": good, "randomisation": good}
    assert judge({"completeness": None, **made})["passed"] is True
    assert judge({**made, "insertion": unknown})["passed"] is True
    assert judge({"completeness": good, **made, "deletion": bad})["passed"] is False
    assert judge({**made, "insertion": bad})["passed"] is False
    assert judge({**made, "planted": {"auroc": 0.2}})["passed"] is True
    assert judge({**made, "deletion": unknown})["passed"] is None
    assert judge({"randomisation": good})["passed"] is None
