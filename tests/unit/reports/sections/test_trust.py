from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.figures import Page, use_style
from error_sequence_model.reports.findings.checks import (
    describe_agreement,
    describe_seeds,
    describe_view,
)
from error_sequence_model.reports.sections.trust import collect_checks, make_trust_pages
from error_sequence_model.reports.write import plan_error_report
from error_sequence_model.results import merge_checks
from fake_results import build_results
from page_checks import collect_texts, find_text_problems

SHAPE = {"n_per_class": 40, "upstream": 40, "downstream": 40}


def load(fake, folder, focus="FP"):
    return fake.inputs(folder, draws=20).load(focus)


@pytest.fixture(scope="module")
def two_seeds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("seeds")
    contrasts = ("fp_vs_tp", "shuffled")
    return build_results(folder, contrasts=contrasts, seeds=(1, 2), **SHAPE)


def write_agreement(fake, passed=True):
    for run in fake.runs:
        path = run.parents[1] / "fold0" / "agreement.json"
        path.parent.mkdir(exist_ok=True)
        checks = {
            **{"rank_correlation": 0.61, "other_sites": 0.2, "n_sites": 50},
            **{"pairs": [], "interval": [0.3, 0.5], "passed": passed},
        }
        path.write_text(json.dumps({"seeds": [1, 2], "methods": {"saliency": checks}}))


def test_seeds_are_compared_or_it_is_said_why_not(two_seeds, tmp_path):
    unit = load(two_seeds, tmp_path).units[0]
    assert describe_seeds(unit) == [
        ("FP against TP, donor: 2 seeds, but agreement.json is not there.", "bad")
    ]
    write_agreement(two_seeds)
    (line,) = describe_seeds(unit)
    assert line == (
        "FP against TP, donor: saliency, seeds 1, 2: median per-site rank correlation "
        "+0.61, of different sites +0.20; mean difference [0.30, 0.50].",
        "good",
    )
    write_agreement(two_seeds, passed=False)
    assert describe_seeds(unit)[0][1] == "bad"


def test_one_seed_is_not_assessed(tmp_path):
    fake = build_results(tmp_path, splice_types=("donor",), **SHAPE)
    unit = load(fake, tmp_path).units[0]
    assert describe_seeds(unit) == [
        ("FP against TP, donor: one seed: not assessed.", "open")
    ]
    assert describe_agreement(unit) == [
        "FP against TP, donor: integrated gradients and substitution agree with a "
        "median per-site rank correlation of +0.40."
    ]


def test_a_view_tells_its_verdict_or_why_it_is_not_there():
    assert describe_view(None) == ("not checked", None)
    assert describe_view({"undefined": "causal"}) == ("causal", None)
    gain = {"difference": 0.4, "interval": [0.1, 0.7]}
    checks = {"other_site": {"deletion": gain}, "planted": {"auroc": 0.8}}
    text, passed = describe_view({**checks, "passed": False})
    assert text == "✗ FAILED: planted AUROC 0.80, deletion +0.40 [0.10, 0.70]"
    assert passed is False


def test_the_worst_fold_counts():
    good, bad, open_ = {"passed": True}, {"passed": False}, {"passed": None}
    folds = [
        {"methods": {"a": good, "b": good, "c": good}, "n_sites": 3},
        {"methods": {"a": good, "b": bad, "c": open_}, "n_sites": 4},
    ]
    merged = merge_checks(folds)
    assert {n: m["passed"] for n, m in merged["methods"].items()} == {
        **{"a": True, "b": False, "c": None}
    }
    assert merged["n_sites"] == 7
    assert merge_checks([folds[0], {}]) == {}, "a fold without checks is not checked"


def test_failure_in_one_fold_is_written_on_every_figure(tmp_path, monkeypatch):
    fake = build_results(tmp_path, splice_types=("donor",), folds=(0, 1, 2), **SHAPE)
    path = fake.runs[1] / "faithfulness.json"
    stored = json.loads(path.read_text())
    for checks in stored["methods"].values():
        checks["other_site"]["passed"] = checks["passed"] = False
    path.write_text(json.dumps(stored))
    with use_style():
        pages = plan_error_report(load(fake, tmp_path))
        titles = ("Where the model", "Regions and", "More single sites")
        shown = [page for page in pages if page.title.startswith(titles)]
        assert len(shown) == len(titles)
        for spec in shown:
            page = Page(spec, header="toy", number=1, total=9)
            spec.draw(page)
            texts = [t.get_text() for t in collect_texts(page.figure, monkeypatch)]
            assert any("FAILED its faithfulness check" in t for t in texts), spec.title
            assert spec.group == "Appendix"
            if spec.title.startswith("Where"):
                assert "Attention failed its check and is not drawn." in texts
        # Before the appendix a failed map takes a line, not a page.
        assert not [page for page in pages if page.title.startswith("Attention in")]
        page = Page(pages[0], header="toy", number=1, total=9)
        pages[0].draw(page)
        texts = [t.get_text() for t in collect_texts(page.figure, monkeypatch)]
        assert any("integrated gradients FAILED" in text for text in texts)


def test_the_numbers_of_the_curves_are_beside_them(two_seeds, tmp_path):
    data = load(two_seeds, tmp_path)
    make_trust_pages(data)
    curves = pd.read_csv(tmp_path / "FP.curves.tsv", sep="\t")
    stored = data.units[0].lead.faithfulness["methods"]["substitution"]
    keys = ["method", "mode", "splice_type", "order"]
    place = ("substitution", "deletion", data.units[0].splice_type)
    curves = curves.set_index(keys).sort_index()
    for order in ("own", "class_mean"):
        chosen, expected = curves.loc[(*place, order)], stored[order]["deletion"]
        assert np.allclose(chosen["share"], expected["shares"])
        assert np.allclose(chosen["log_odds"], expected["curve"])
    gate = pd.read_csv(tmp_path / "FP.gate.tsv", sep="\t").set_index(keys)
    row = gate.loc[(*place, "other_site")]
    assert [row["low"], row["high"]] == stored["other_site"]["deletion"]["interval"]
    cascade = pd.read_csv(tmp_path / "FP.cascade.tsv", sep="\t")
    assert set(cascade["stage"]) >= {"head", "all weights"}
    agreement = pd.read_csv(tmp_path / "FP.agreement.tsv", sep="\t")
    assert len(agreement) == 2 * 6 * 6
    table = collect_checks(data.units)
    assert table["method"].str.startswith("attention: ").sum() == 2 * 3


def test_trust_pages_fit_with_many_units(tmp_path, monkeypatch):
    contrasts = ("fp_vs_tp", "fn_vs_tp", "shuffled")
    fake = build_results(tmp_path, contrasts=contrasts, seeds=(1, 2), **SHAPE)
    write_agreement(fake)
    with use_style():
        pages = make_trust_pages(load(fake, tmp_path, "TP"))
        assert len(pages) == 3
        for number, spec in enumerate(pages, start=1):
            page = Page(spec, header="toy", number=number, total=len(pages))
            spec.draw(page)
            assert find_text_problems(page.figure, monkeypatch) == [], spec.title
            assert page.room > -0.1


def test_the_curves_of_the_first_units_stand_where_there_is_room(tmp_path, monkeypatch):
    data = load(build_results(tmp_path, **SHAPE), tmp_path)
    with use_style():
        spec = make_trust_pages(data)[0]
        page = Page(spec, header="toy", number=1, total=1)
        spec.draw(page)
        assert find_text_problems(page.figure, monkeypatch) == []
    names = [unit.name for unit in data.units][:2]
    titles = [f"{n}: {mode}" for n in names for mode in ("deletion", "insertion")]
    assert [ax.get_title(loc="left") for ax in page.figure.axes] == titles
