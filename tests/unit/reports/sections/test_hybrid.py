"""The page of a hybrid: what its trees use, and what it gains."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.figures import Page, use_style
from error_sequence_model.reports.sections.hybrid import (
    describe_hybrid,
    make_hybrid_pages,
    read_unit_shap,
)
from fake_results import build_results
from page_checks import find_text_problems

NAMES = ("model:log_odds", "element:branch_point:-44:-18", "gc:-200:-1", "rival_score")


@pytest.fixture
def unit_of_results(tmp_path):
    results = build_results(
        tmp_path / "results", n_per_class=20, splice_types=("donor",)
    )
    data = results.inputs(tmp_path / "tables").load("FP")
    return data, data.units[0]


def write_shap(run, names: tuple[str, ...], first: int = 0, sites: int = 50) -> None:
    """Values that rise, and pushes that follow each name's sign and size."""
    values = pd.DataFrame({"site_id": np.arange(first, first + sites)})
    pushes = values.copy()
    for number, name in enumerate(names):
        values[name] = np.linspace(0, 1, sites)
        size = (len(names) - number) * (-1) ** number
        pushes[name] = size * (values[name] - 0.5)
    pushes.to_parquet(run / "shap.parquet")
    values.to_parquet(run / "shap_values.parquet")


def test_no_hybrid_no_page(unit_of_results) -> None:
    data, unit = unit_of_results
    assert make_hybrid_pages(data, unit) == []


def test_features_are_ranked_with_the_direction_of_their_push(unit_of_results) -> None:
    _, unit = unit_of_results
    write_shap(unit.lead.path, NAMES)
    ranking = read_unit_shap(unit).rank()
    assert ranking["feature"].tolist() == list(NAMES)
    np.testing.assert_allclose(ranking["direction"], [1, -1, 1, -1])
    # Mean of |x - 1/2| over 50 even steps of [0, 1].
    unit_push = np.abs(np.linspace(0, 1, 50) - 0.5).mean()
    np.testing.assert_allclose(
        ranking["mean_abs_shap"], unit_push * np.array([4, 3, 2, 1])
    )


def test_a_feature_that_a_fold_did_not_choose_pushed_nothing_there(
    unit_of_results,
) -> None:
    _, unit = unit_of_results
    lead = unit.lead.path.parent
    folds = [lead / f"fold{fold}" for fold in (0, 1)]
    for number, fold in enumerate(folds):
        fold.mkdir(exist_ok=True)
        write_shap(fold, NAMES[: 2 + number], first=1000 * number)
    lead_with_folds = replace(unit.lead, folds=(0, 1))
    shap = read_unit_shap(replace(unit, models=(lead_with_folds,)))
    assert shap.pushes.shape == (100, 3)
    assert (shap.pushes.loc[:49, NAMES[2]] == 0).all()
    assert shap.inputs.loc[:49, NAMES[2]].isna().all()
    third = shap.rank().set_index("feature").loc[NAMES[2]]
    # Half of the sites pushed by nothing; the direction is of those with a value.
    assert third["direction"] == pytest.approx(1)


def test_what_is_drawn_does_not_overlap(unit_of_results, monkeypatch) -> None:
    data, unit = unit_of_results
    write_shap(unit.lead.path, NAMES)
    (spec,) = make_hybrid_pages(data, unit)
    with use_style():
        page = Page(spec, header="toy · FP report", number=1, total=1)
        spec.draw(page)
        assert find_text_problems(page.figure, monkeypatch) == []
    written = list(data.inputs.tables.glob("*.shap.tsv"))
    assert [len(pd.read_csv(path, sep="\t")) for path in written] == [len(NAMES)]


@pytest.mark.parametrize(
    ("low", "high", "mark"), [(0.01, 0.09, "good"), (-0.02, 0.09, "open")]
)
def test_a_gain_is_told_with_its_interval(unit_of_results, low, high, mark) -> None:
    _, unit = unit_of_results
    row = {
        "model": f"{unit.lead.backbone} + features",
        "kind": "hybrid",
        "seed": unit.lead.seed,
        "fold": 0,
        "auprc": 0.71,
        "delta_auprc": 0.05,
        "delta_low": low,
        "delta_high": high,
        "against": "boosting",
    }
    other = {**row, "model": "another + features"}
    told = describe_hybrid(replace(unit, comparison=pd.DataFrame([row, other])))
    ((text, given),) = told
    assert given == mark
    assert "AUPRC 0.71" in text and "boosting" in text
    assert f"{low:.2f}".replace("-", "−") in text
