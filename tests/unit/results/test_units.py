"""Units: what their classes are called."""

from __future__ import annotations

import pytest

from error_sequence_model.results import RunResults, build_units, read_sites
from fake_results import build_results


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> dict:
    fake = build_results(
        tmp_path_factory.mktemp("units"),
        n_per_class=40,
        contrasts=("fn_vs_tp", "private_fn_vs_shared"),
        splice_types=("donor",),
        missing=("attention.h5",),
    )
    runs = [RunResults.load(run) for run in fake.runs]
    built = build_units(runs, read_sites(fake.sites), {}, "FN")
    return {unit.contrast: unit for unit in built}


def test_calls_name_the_classes(units: dict) -> None:
    unit = units["fn_vs_tp"]
    assert unit.names == ("FN", "TP") and unit.focus_call == "FN"
    assert unit.name == "FN against TP, donor"


def test_errors_of_one_type_are_told_by_who_else_makes_them(units: dict) -> None:
    unit = units["private_fn_vs_shared"]
    assert unit.names == ("private FN", "shared FN")
    assert unit.name == "private FN against shared FN, donor"
    assert (unit.positive_name, unit.focus_call) == ("private FN", "private FN")
    assert unit.focus_label == unit.positive_label == 1
    assert unit.sites["pred_type"].unique().tolist() == ["FN"]
    explained = unit.explained(unit.lead.attributions["integrated_gradients"])
    assert explained.names == ("private FN", "shared FN")
    assert min(explained.counts) > 0
    assert len(unit.predicted) == len(unit.test_sites) > 0
