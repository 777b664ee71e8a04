from __future__ import annotations

import h5py
import numpy as np
import pytest
from scipy.stats import spearmanr

from error_sequence_model.core import InputError
from error_sequence_model.faithfulness import compare_seeds
from error_sequence_model.faithfulness.agreement import compare_methods, correlate_sites

LENGTH = 60


def test_correlation_is_spearmans_site_by_site() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 5, (2, 6, 40)).astype(float)
    first[5] = 2.0
    found = correlate_sites(first, second)
    expected = [
        spearmanr(a, b).statistic for a, b in zip(first[:5], second, strict=False)
    ]
    assert np.allclose(found[:5], expected)
    assert np.isnan(found[5]), "a flat map has no ranks"


def test_methods_are_compared_with_their_sign_where_both_have_one() -> None:
    rng = np.random.default_rng(1)
    maps = rng.standard_normal((9, LENGTH))
    found = compare_methods(
        {"a": maps, "b": -maps, "c": np.abs(maps), "flat": np.zeros_like(maps)},
        {"a": True, "b": True, "c": False, "flat": False},
    )
    assert found["methods"] == ["a", "b", "c", "flat"]
    matrix = found["rank_correlation"]
    assert matrix[0][1] == matrix[1][0] == pytest.approx(-1)
    assert matrix[0][2] == matrix[1][2] == pytest.approx(1)
    assert matrix[0][3] is None
    assert found["n_sites"] == 9


def write_maps(folder, site_ids, values) -> None:
    folder.mkdir(parents=True)
    (folder / "attributions").mkdir()
    for path, name in (
        (folder / "attributions" / "saliency.h5", "attributions"),
        (folder / "attention.h5", "mean"),
    ):
        with h5py.File(path, "w") as file:
            file["site_id"], file[name] = site_ids, values.astype(np.float32)
            file.attrs["upstream"] = LENGTH // 2


def make_runs(tmp_path, noises, seeds=(1, 2, 3), backbone="encoder"):
    """Maps with a peak at the junction, a signal per site, and noise per seed."""
    rng = np.random.default_rng(0)
    common = 3 * np.exp(-np.abs(np.arange(LENGTH) - LENGTH // 2) / 6)
    own = rng.standard_normal((20, LENGTH))
    runs = []
    for seed, noise in zip(seeds, noises, strict=False):
        run = tmp_path / f"p/c/donor/{backbone}/seed{seed}/fold0"
        maps = common + (own if noise is not None else 0)
        maps = maps + rng.standard_normal(own.shape) * (noise or 1.0)
        write_maps(run, np.arange(20) * 3, maps)
        runs.append(run)
    return runs


def test_seeds_agree_where_they_share_the_sites_own_signal(tmp_path) -> None:
    found = compare_seeds(make_runs(tmp_path, [0.3, 0.3, 0.3]), seed=1)
    assert found["seeds"] == [1, 2, 3]
    assert set(found["methods"]) == {"saliency", "attention"}
    checks = found["methods"]["saliency"]
    assert [pair["seeds"] for pair in checks["pairs"]] == [[1, 2], [1, 3], [2, 3]]
    assert checks["rank_correlation"] > 0.7
    assert checks["rank_correlation"] > checks["other_sites"] + 0.2
    assert checks["passed"]
    assert checks["n_sites"] == 20


def test_a_shared_peak_at_the_junction_is_no_agreement(tmp_path) -> None:
    checks = compare_seeds(make_runs(tmp_path, [None, None]), seed=1)["methods"]
    assert checks["saliency"]["rank_correlation"] > 0.1
    assert not checks["saliency"]["passed"]


def test_sites_are_matched_by_their_id(tmp_path) -> None:
    runs = make_runs(tmp_path, [0.1, 0.1])
    with h5py.File(runs[1] / "attributions" / "saliency.h5", "r+") as file:
        order = np.random.default_rng(3).permutation(20)[:15]
        ids, values = file["site_id"][:][order], file["attributions"][:][order]
        del file["site_id"], file["attributions"]
        file["site_id"], file["attributions"] = ids, values
    checks = compare_seeds(runs, seed=1)["methods"]["saliency"]
    assert checks["n_sites"] == 15
    assert checks["rank_correlation"] > 0.8


def test_one_seed_is_not_assessed_and_other_runs_are_refused(tmp_path) -> None:
    runs = make_runs(tmp_path, [0.1])
    found = compare_seeds(runs, seed=1)
    assert found == {**{"seeds": [1], "methods": {}, "note": "one seed: not assessed"}}
    other = make_runs(tmp_path, [0.1], backbone="another")
    with pytest.raises(InputError, match="seed only"):
        compare_seeds([*runs, *other], seed=1)
