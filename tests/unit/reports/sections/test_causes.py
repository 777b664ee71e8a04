"""The pages of named causes and of subtypes, drawn from a fake results tree."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.figures import MUTED, NEGATIVE, POSITIVE, Page, use_style
from error_sequence_model.reports.findings.causes import (
    describe_coverage,
    describe_left_out,
    measure_rest,
    read_unit_causes,
)
from error_sequence_model.reports.findings.statistics import collect_statistics
from error_sequence_model.reports.sections.causes import arrange_rows, make_cause_pages
from error_sequence_model.reports.sections.subtypes import (
    find_stretch,
    make_subtype_page,
)
from fake_causes import add_causes
from fake_results import build_results
from page_checks import collect_texts, find_text_problems


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Two contrasts and a control with named causes."""
    folder = tmp_path_factory.mktemp("causes")
    fake = build_results(
        folder,
        n_per_class=120,
        contrasts=("fp_vs_tp", "shuffled"),
        splice_types=("acceptor",),
    )
    return add_causes(fake)


def load(fake, tables, focus="FP"):
    return fake.inputs(tables, draws=60).load(focus)


def read_pages(specs, monkeypatch):
    """All text of some pages; overlapping or cut text is an error."""
    texts = []
    with use_style():
        for spec in specs:
            page = Page(spec, header="toy", number=1, total=1)
            spec.draw(page)
            assert find_text_problems(page.figure, monkeypatch) == []
            texts += [t.get_text() for t in collect_texts(page.figure, monkeypatch)]
    return " ".join(texts)


def test_cause_page_says_how_much_is_covered(tree, tmp_path, monkeypatch):
    data = load(tree, tmp_path)
    unit = data.units[0]
    text = read_pages(make_cause_pages(data, unit), monkeypatch)
    # Fake acceptor errors lack their polypyrimidine tract, which makes misses, but no
    # false calls; what goes with it does.
    assert "weak polypyrimidine tract" in text
    assert "of FP have at least one named cause that is enriched" in text
    assert "Control shuffled, acceptor (shuffled labels)" in text
    assert "Not given: no annotation" in text
    assert re.search(r"tells explained FP \(n = \d+\) with AUROC", text)
    table = pd.read_csv(tmp_path / "FP.fp_vs_tp.acceptor.causes.tsv", sep="\t")
    table = table.set_index("flag")
    assert table.loc["weak_tract", "q"] < 0.01
    assert not table.loc["weak_tract", "is_enriched"] and table["is_enriched"].any()
    rest = pd.read_csv(tmp_path / "FP.fp_vs_tp.acceptor.unexplained.tsv", sep="\t")
    causes = read_unit_causes(unit)
    assert sorted(rest["site_id"]) == causes.summary["unexplained"]["site_ids"]


def test_explained_and_unexplained_errors_are_judged_apart(tree, tmp_path):
    data = load(tree, tmp_path)
    unit = data.units[0]
    causes = read_unit_causes(unit)
    half = causes.sites.index[causes.sites["label"] == 1][::3]
    causes.sites["is_unexplained"] = causes.sites.index.isin(half)
    found = measure_rest(causes, unit, draws=60, seed=0).set_index("which")
    assert set(found.index) == {"explained", "unexplained"}
    assert found["n"].sum() == (unit.predicted["label"] == 1).sum()
    assert (found["low"] < found["auroc"]).all()
    assert (found["auroc"] < found["high"]).all()


@pytest.mark.parametrize("number", [0, 1, 5])
def test_few_sites_still_have_pages_that_say_so(tmp_path, monkeypatch, number):
    fake = build_results(
        tmp_path, n_per_class={"FP": number, "TP": 30}, splice_types=("acceptor",)
    )
    data = load(add_causes(fake), tmp_path / "t", "TP")
    unit = data.units[0]
    text = read_pages(make_cause_pages(data, unit), monkeypatch)
    words = "No cause could be compared" if number else "There are no"
    assert words in text
    for focus in ("FP", "TP"):
        data = load(fake, tmp_path / "t", focus)
        for statistics in collect_statistics(data):
            pages = [make_subtype_page(data, [statistics])]
            text = read_pages(pages, monkeypatch)
            assert "nothing to group" in text or "too few to group" in text


def test_missing_causes_are_said(tmp_path, monkeypatch):
    fake = build_results(tmp_path, n_per_class=24, splice_types=("donor",))
    data = load(fake, tmp_path / "t")
    text = read_pages(make_cause_pages(data, data.units[0]), monkeypatch)
    assert "Run the steps name_causes and explain_errors" in text


def test_rows_are_sorted_and_coloured_by_what_was_found():
    table = pd.DataFrame(
        {
            "flag": list("abcd"),
            "odds_ratio": [0.2, 3.0, np.nan, 1.1],
            "q": [0.01, 0.01, np.nan, 0.9],
            "n_error": [1, 2, 3, 0],
        }
    )
    rows = arrange_rows(table, 0.05)
    assert rows["flag"].tolist() == ["b", "d", "a"]
    assert rows["color"].tolist() == [POSITIVE, MUTED, NEGATIVE]
    assert arrange_rows(table, 0.001)["color"].tolist() == [MUTED] * 3
    untested = arrange_rows(table.assign(odds_ratio=np.nan), 0.05)
    assert untested["flag"].tolist() == ["c", "b", "a"]


def test_what_was_left_out_is_said_with_its_share(tree, tmp_path):
    causes = read_unit_causes(load(tree, tmp_path).units[0])
    flag = causes.flags[0]
    why = "defined at FP and TN sites only, so it is the label (15% of FP have it)"
    causes.summary.update(left_out=[{"flag": flag, "why": why}], missing=["no x: y"])
    first, second = describe_left_out(causes)
    assert f"{causes.labels[flag]} (15% of FP) (defined at FP and TN" in first
    assert second == "Not given: no x: y."


def test_coverage_sentence_does_not_claim_what_is_not_there(tree, tmp_path):
    unit = load(tree, tmp_path).units[0]
    causes = read_unit_causes(unit)
    causes.summary["enriched"] = []
    assert "No named cause is more frequent in FP" in describe_coverage(causes, unit)[0]
    causes.summary.update(enriched=["x"], held_out=None)
    causes.summary["coverage"] = {
        "errors": {"share": 0.4, "interval": [0.3, 0.5]},
        "correct": {"share": 0.4, "interval": [0.3, 0.5]},
        "excess": 0.0,
    }
    assert "no more of FP than" in describe_coverage(causes, unit)[0]


def test_stretch_holds_most_of_the_map():
    values = np.zeros(100)
    values[[40, 60]] = -3, 2
    assert 40 - 20 <= find_stretch(values, 21) <= 40
    assert find_stretch(values[:10], 56) == 0
