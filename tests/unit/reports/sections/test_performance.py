"""The performance page of cross-validated models."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from error_sequence_model.core import write_parquet
from error_sequence_model.figures import Page, use_style
from error_sequence_model.reports.sections.performance import make_performance_pages
from fake_results import build_results
from page_checks import collect_texts, find_text_problems


def test_models_of_two_folds_are_not_ranked_against_each_other(tmp_path, monkeypatch):
    """One of them says more of every site; its ranking is as good as before."""
    shape = {"n_per_class": 60, "splice_types": ("donor",)}
    fake = build_results(tmp_path, folds=(0, 1), **shape)
    path = fake.runs[1] / "predictions.parquet"
    frame = pd.read_parquet(path)
    frame["probability_error"] = 0.9 + 0.1 * frame["probability_error"]
    write_parquet(path, frame)
    data = fake.inputs(tmp_path / "tables", draws=20).load("FP")
    unit = data.units[0]
    (spec,) = make_performance_pages(data, [unit])
    with use_style():
        page = Page(spec, header="toy", number=1, total=1)
        spec.draw(page)
        assert find_text_problems(page.figure, monkeypatch) == []
        text = " ".join(t.get_text() for t in collect_texts(page.figure, monkeypatch))
    found = re.search(r"AUPRC (\d\.\d+), AUROC (\d\.\d+)", text)
    told = unit.lead.metrics
    assert found.groups() == (f"{told['auprc']:.2f}", f"{told['auroc']:.2f}")
    curve = pd.read_csv(next((tmp_path / "tables").glob("*.curves.tsv")), sep="\t")
    roc = curve[curve["curve"] == "roc"]
    assert np.trapezoid(roc["y"], roc["x"]) == pytest.approx(told["auroc"], abs=0.03)
    pooled = roc_auc_score(unit.predicted["label"], unit.predicted["probability"])
    assert pooled < told["auroc"] - 0.05
