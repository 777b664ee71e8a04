"""What page one says: of one explanation, of several, of copies and pairs."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from error_sequence_model.reports.findings import explanations as findings


def make_found(names, **summary):
    row = {"kind": "motif", "is_absence": False, "place": "exon side, −40..−7"}
    row |= {"share_error": 0.9, "share_correct": 0.02, "n_correct": 200}
    row |= dict.fromkeys(("delta_logit", "knockout_logit"), float("nan"))
    for name in ("", "joint_"):
        row |= {f"{name}odds_ratio": 40.0, f"{name}low": 20.0, f"{name}high": 80.0}
    table = pd.DataFrame(
        [{**row, "name": name, "explanation": name, "is_named": True} for name in names]
    )
    summary = {"explained_share": 0.88, "fdr": 0.05, **summary}
    summary |= {"unexplained": {"errors": 12, "of": 100}}
    return findings.UnitExplanations(table, pd.DataFrame(), summary)


@pytest.fixture
def say(monkeypatch):
    def answer(found):
        monkeypatch.setattr(findings, "read_unit_explanations", lambda unit: found)
        monkeypatch.setattr(findings, "get_names", lambda unit: ("FN", "TP"))
        return findings.answer_why(None, "Donors")[0][0]

    return answer


def test_one_explanation_is_not_told_as_several(say):
    text = say(make_found(["TTAGGGT"]))
    assert "That explains 88% of FN; 12 of 100 (12%) do not have it." in text
    assert "Together" not in text and "beside the others" not in text
    text = say(make_found(["TTAGGGT", "GGG"]))
    assert "Together they explain 88% of FN; 12 of 100 (12%) have none" in text


def test_it_says_on_which_sites_it_counts(say):
    text = say(make_found(["A"], counted="held-out sites", n_counted=[98, 202]))
    assert "FN (counted on held-out sites, 98 errors and 202 others); 12 of" in text
    assert "counted" not in say(make_found(["A"], counted="all sites"))


def test_copies_and_pairs_are_told_where_they_add_something(say):
    ratio = {"odds_ratio": 3.0, "low": 1.5, "high": 6.0}
    pair = {"first": "A", "second": "B", "n_both": 40, "q": 0.5, **ratio}
    pair |= {"distance": -12, "n_distance": 31, "distance_q": 0.01}
    copies = [{"explanation": "A", **ratio}]
    text = say(make_found(["A", "B"], copies=copies, pairs=[pair]))
    assert "Several copies of A against one: odds ratio 3.00 [1.50, 6.00]." in text
    assert "A and B begin 12 bases apart in 31 of the 40 with both." in text
    assert "together, beyond each alone" not in text


def test_what_errors_lack_is_told_as_its_absence(monkeypatch):
    found = make_found(["CUCUCU"])
    found.table["is_absence"] = True
    sites = pd.DataFrame({"label": [1, 1], "CUCUCU": [2, 0], "is_unexplained": [0, 1]})
    steps = findings.count_steps(findings.UnitExplanations(found.table, sites, {}))
    assert steps["name"].tolist() == ["no CUCUCU", "nothing that was tried"]
    monkeypatch.setattr(findings, "read_unit_explanations", lambda unit: found)
    monkeypatch.setattr(findings, "get_names", lambda unit: ("FN", "TP"))
    unit = SimpleNamespace(splice_type="donor")
    text = findings.sum_up_why([unit], lambda types: "donors")
    assert text == "First explanation: no CUCUCU at donors (90% of FN, 2% of TP)."
