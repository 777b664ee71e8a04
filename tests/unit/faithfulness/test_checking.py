"""All checks of one run."""

from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import pandas as pd
import pytest

from error_sequence_model.attention import attend_run
from error_sequence_model.attribution import attribute_run, write_map_file
from error_sequence_model.classifier import save_model
from error_sequence_model.core import InputError, read_json
from error_sequence_model.datasets import SequenceDataset
from error_sequence_model.faithfulness import REFERENCES, check_run, is_error
from error_sequence_model.notebook import prepare_datasets_for_training
from error_sequence_model.runs import ExplainedRun
from tiny_models import draw_sequences, make_tiny_classifier

LENGTH = 41


def make_dataset(count: int = 12) -> tuple[SequenceDataset, list[str]]:
    sequences = draw_sequences(np.random.default_rng(0), count + 1, LENGTH, LENGTH)
    frame = pd.DataFrame({"sequence": sequences, "label": np.arange(count + 1) % 2})
    dataset, _ = prepare_datasets_for_training(frame[:count], frame[count:])
    return dataset, sequences[:count]


def make_run(tmp_path) -> ExplainedRun:
    dataset, sequences = make_dataset(8)
    sites = pd.DataFrame({"site_id": np.arange(8), "chrom": "c", "strand": "+"})
    sites["junction"] = np.arange(8) * 1000 + 500
    sites["splice_type"] = "donor"
    sites["gene_id"], sites["score"] = None, 0.5
    model = make_tiny_classifier(seed=3).eval()
    save_model(model, tmp_path / "model")
    return ExplainedRun(model, dataset, sites, sequences, LENGTH // 2, LENGTH // 2 + 1)


def test_the_checks_of_a_run_are_written_for_every_method(tmp_path) -> None:
    run = make_run(tmp_path)
    maps = {}
    for method in ("integrated_gradients", "saliency"):
        maps[method] = tmp_path / f"{method}.h5"
        attribute_run(run, method, baseline="auto", seed=1, output=maps[method])
    attend_run(run, output=tmp_path / "attention.h5")
    options = {"truth": None, "baseline": "auto", "seed": 1}
    check_run(
        run, maps, tmp_path / "attention.h5", output=tmp_path / "f.json", **options
    )
    found = read_json(tmp_path / "f.json")
    assert found["n_sites"] == 8
    assert set(found["methods"]) == {*maps, "attention"}
    views = ("junction", "first_token", "rollout", "gradient_weighted")
    assert set(found["attention_views"]) == set(views)
    every = {**found["methods"], **found["attention_views"]}
    gates = ("completeness", *REFERENCES, "randomisation")
    for name, checks in every.items():
        assert (checks["completeness"] is not None) == (name == "integrated_gradients")
        made = [checks[key]["passed"] for key in gates if checks[key]]
        assert (checks["passed"] is False) == (False in made), name
        stages = [entry["stage"] for entry in checks["randomisation"]["cascade"]]
        assert stages == ["head", "all layers", "all weights"]
        assert checks["own"]["deletion"]["n_sites"] == len(run.dataset) or (
            name == "gradient_weighted"
        )
    matrix = np.array(found["agreement"]["rank_correlation"], dtype=float)
    assert found["agreement"]["methods"] == list(every)
    assert np.allclose(matrix, matrix.T)
    assert np.allclose(np.diag(matrix), 1)
    assert found["control"] is None
    with h5py.File(maps["saliency"]) as file:
        assert not file.attrs["signed"]
        assert file.attrs["upstream"] == LENGTH // 2


def test_windows_that_are_cut_are_counted(tmp_path, caplog) -> None:
    run = make_run(tmp_path)
    attend_run(run, output=tmp_path / "a.h5")
    run.dataset.max_length = 30
    attend_run(run, output=tmp_path / "b.h5")
    assert "8 windows have more tokens" in caplog.text
    for name, count in (("a", 0), ("b", 8)):
        with h5py.File(tmp_path / f"{name}.h5") as file:
            assert file.attrs["cut_windows"] == count


def test_a_control_is_told_from_a_model_of_true_labels(tmp_path) -> None:
    run = replace(make_run(tmp_path), is_control=True)
    maps = {"saliency": tmp_path / "saliency.h5"}
    attribute_run(run, "saliency", baseline="auto", seed=1, output=maps["saliency"])
    attend_run(run, output=tmp_path / "attention.h5")
    options = {"truth": None, "baseline": "auto", "seed": 1}
    check_run(
        run, maps, tmp_path / "attention.h5", output=tmp_path / "f.json", **options
    )
    control = read_json(tmp_path / "f.json")["control"]
    assert control["passed"] is None, "eight sites are too few to say"


def test_maps_of_other_sites_are_refused(tmp_path) -> None:
    run = make_run(tmp_path)
    maps = {"attributions": np.zeros((8, LENGTH), np.float32)}
    write_map_file(tmp_path / "a.h5", np.arange(8) + 1, maps, {})
    with pytest.raises(InputError, match="other sites"):
        check_run(
            run,
            {"saliency": tmp_path / "a.h5"},
            tmp_path / "none.h5",
            truth=None,
            baseline="auto",
            seed=1,
            output=tmp_path / "f.json",
        )


def test_errors_are_told_by_their_class() -> None:
    labels = np.array([0, 1, 2, 3])
    found = is_error(labels, ("TP", "FP", "FN", "TN"))
    assert found.tolist() == [False, True, True, False]
