from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from error_sequence_model.attribution import attribute
from error_sequence_model.core import InputError
from error_sequence_model.faithfulness import (
    check_control,
    compare_methods,
    compare_seeds,
    control,
    correlate_sites,
)
from error_sequence_model.notebook import prepare_datasets_for_training
from error_sequence_model.training import train_error_sequence_model
from tiny_models import OPTIONS, make_frame

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


def make_control(effect: float, count: int = 120, seed: int = 0):
    rng = np.random.default_rng(seed)
    is_error = rng.permutation(np.arange(count) % 2 == 0)
    maps = rng.standard_normal((count, LENGTH))
    maps[is_error, LENGTH // 2 : LENGTH // 2 + 6] += effect
    sites = pd.DataFrame(
        {
            "splice_type": "donor",
            "gene_id": [f"g{i // 2}" if i % 7 else None for i in range(count)],
            "score": rng.random(count),
        }
    )
    sequences = ["".join(rng.choice(list("ACGT"), LENGTH)) for _ in range(count)]
    options = {"upstream": LENGTH // 2, "downstream": LENGTH // 2, "seed": 1}
    return {"a": maps, "b": rng.permutation(maps)}, sites, sequences, is_error, options


def test_a_control_without_effect_shows_no_region() -> None:
    *given, options = make_control(0.0)
    found = check_control(*given, **options)
    assert found["passed"]
    assert set(found["methods"]) == {"a", "b"}
    assert found["level"] == pytest.approx(0.025)


def test_a_region_that_knows_the_labels_fails_the_control() -> None:
    *given, options = make_control(1.0)
    found = check_control(*given, **options)
    assert not found["passed"]
    assert found["methods"]["a"]["region"] == "five_prime_ss"
    assert found["methods"]["a"]["p_value"] < 0.01
    assert found["methods"]["b"]["p_value"] > 0.025


def test_controls_without_effect_fail_no_more_often_than_said(monkeypatch) -> None:
    monkeypatch.setattr(control, "DRAWS", 199)
    results = []
    for seed in range(20):
        maps, *given, options = make_control(0.0, count=60, seed=seed)
        found = check_control({"a": maps["a"]}, *given, **options)
        results.append(found["passed"])
    assert results.count(False) <= 4


def test_too_few_sites_are_not_judged() -> None:
    *given, options = make_control(0.0, count=6)
    assert check_control(*given, **options)["passed"] is None


def train_and_check(folder: Path, is_permuted: bool) -> dict:
    """Train on labels the sequences tell, or on permuted ones; check its maps."""
    rng = np.random.default_rng(2)
    train, other, test = (
        make_frame(count, seed=seed) for count, seed in ((160, 1), (40, 2), (80, 3))
    )
    if is_permuted:
        for frame in (train, other, test):
            frame["label"] = rng.permutation(frame["label"])
    sets = prepare_datasets_for_training(train, other, test)
    model, _ = train_error_sequence_model(
        *sets[:2],
        base_model="custom",
        output_dir=folder,
        num_epochs=8,
        batch_size=16,
        learning_rate=5e-3,
        backbone_options=OPTIONS,
        warmup_steps=0,
    )
    maps = attribute(model, sets[2], "integrated_gradients", baseline="mean")
    sites = pd.DataFrame(index=range(len(test)))
    sites[["splice_type", "gene_id", "score"]] = "donor", None, 0.5
    return check_control(
        {"integrated_gradients": maps.attributions},
        sites,
        test["sequence"].tolist(),
        (test["label"] == 1).to_numpy(),
        upstream=20,
        downstream=20,
        seed=1,
    )


def test_a_model_of_permuted_labels_shows_no_region(tmp_path) -> None:
    assert train_and_check(tmp_path / "a", is_permuted=True)["passed"] is True
    # The same check sees what a model of true labels has learnt.
    assert train_and_check(tmp_path / "b", is_permuted=False)["passed"] is False
