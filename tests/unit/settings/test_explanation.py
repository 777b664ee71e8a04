from __future__ import annotations

import h5py
import numpy as np
import pandas as pd
import pytest

from error_sequence_model.attribution import (
    METHODS,
    attribute_run,
    attribute_sites,
    find_method,
)
from error_sequence_model.core import InputError
from error_sequence_model.runs import ExplainedRun
from error_sequence_model.settings import (
    ALIASES,
    CAPTUM_METHODS,
    complete_config,
    rank_methods,
    read_schema,
    resolve_method,
)
from error_sequence_model.settings.explanation import PREFERRED
from tiny_models import EXACT, make_tiny_classifier, make_tiny_datasets


def make_config(**more: object) -> dict:
    return {
        "genomes": {"g": {"fasta": "g.fa"}},
        "predictors": {"p": {"genome": "g", "errors": "e.tsv"}},
        **more,
    }


def test_the_schema_and_the_library_know_the_same_methods() -> None:
    items = read_schema()["properties"]["explanation"]["properties"]["methods"]["items"]
    assert set(items["anyOf"][0]["enum"]) == {*METHODS, *ALIASES}
    for name in (*METHODS, *ALIASES, *(f"captum.{name}" for name in CAPTUM_METHODS)):
        config = make_config(explanation={"methods": [name]}, motifs={"enabled": False})
        assert complete_config(config)["explanation"]["methods"] == [name]
        assert find_method(name).tokens > 0
    assert resolve_method("occlusion") == "substitution"
    assert resolve_method("ism") == "in_silico_mutagenesis"
    assert resolve_method("captum.Lime") == "captum.Lime"


def test_the_methods_shown_first_are_methods_that_passed() -> None:
    assert set(PREFERRED) <= set(METHODS)
    names = [*METHODS, "captum.Lime"]
    assert rank_methods(dict.fromkeys(names))[:3] == list(PREFERRED)
    verdicts = {
        **{"integrated_gradients": False, "substitution": None},
        **{"captum.Lime": None, "deep_lift_shap": True, "in_silico_mutagenesis": True},
    }
    assert rank_methods(verdicts) == [
        *("in_silico_mutagenesis", "deep_lift_shap"),
        *("substitution", "captum.Lime", "integrated_gradients"),
    ]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"explanation": {"methods": ["captum.LRP"]}}, "captum.GradientShap"),
        (
            {"explanation": {"methods": ["captum."]}},
            "'captum.'; allowed: .* or captum.Name",
        ),
        (
            {"explanation": {"methods": ["deeplift"]}},
            "'deeplift'; allowed: .*deep_lift_shap",
        ),
        ({"explanation": {"core": 0}}, "explanation.core"),
        (
            {
                "explanation": {"methods": ["deep_lift_shap"]},
                "backbones": {"bert": {"architecture": "dnabert2", "checkpoint": "x"}},
                "models": ["bert"],
            },
            "models has 'bert', a dnabert2",
        ),
    ],
)
def test_methods_that_cannot_work_are_refused_before_the_training(more, words) -> None:
    with pytest.raises(InputError, match=words):
        complete_config(make_config(**more))


def test_a_run_is_mutated_around_its_junction(tmp_path) -> None:
    _, dataset = make_tiny_datasets(12)
    sequences = ["".join("ACGT"[i] for i in dataset[k]["input_ids"]) for k in range(6)]
    sites = pd.DataFrame({"site_id": np.arange(6)})
    model = make_tiny_classifier(**EXACT).eval()
    run = ExplainedRun(model, dataset, sites, sequences, 20, 20, core=4)
    path = tmp_path / "ism.h5"
    attribute_run(run, "ism", baseline="auto", seed=1, output=path)
    with h5py.File(path) as file:
        assert file.attrs["method"] == "in_silico_mutagenesis"
        assert (file.attrs["first"], file.attrs["last"]) == (16, 23)
        assert file.attrs["letters"] == "ACGT"
        assert file.attrs["signed"]
        maps = file["attributions"][:]
        assert np.flatnonzero(maps.any(axis=0)).tolist() == list(range(16, 24))
    again = attribute_sites(run, "in_silico_mutagenesis", "auto", 1)
    assert np.array_equal(again.attributions, maps)
    attribute_run(
        run, "captum.Saliency", baseline="auto", seed=1, output=tmp_path / "c.h5"
    )
    with h5py.File(tmp_path / "c.h5") as file:
        assert not file.attrs["signed"]
        assert file.attrs["baseline"] == "none"
