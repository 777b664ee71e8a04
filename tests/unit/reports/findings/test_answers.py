"""Page one: answers follow the stored numbers; the list of pages is right."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.causes import CAUSES
from error_sequence_model.core import write_tsv
from error_sequence_model.reports.findings.answers import (
    answer_gain,
    answer_trust,
    describe_in_short,
    name_units,
)
from error_sequence_model.reports.findings.causes import read_unit_causes
from error_sequence_model.reports.findings.explanations import answer_why
from error_sequence_model.reports.prose import read_template
from error_sequence_model.reports.sections.hybrid import say_feature
from error_sequence_model.reports.sections.overview import collect_answers
from error_sequence_model.reports.sections.summary import list_pages
from error_sequence_model.reports.write import plan_error_report
from error_sequence_model.results import RunResults, build_units, read_sites
from fake_causes import add_causes
from fake_motifs import add_motifs
from fake_results import build_results


@pytest.fixture(scope="module")
def fake(tmp_path_factory):
    built = build_results(
        tmp_path_factory.mktemp("answers"),
        n_per_class=160,
        contrasts=("fp_vs_tp", "fn_vs_tp"),
        splice_types=("donor",),
    )
    return add_causes(add_motifs(built))


def load(fake, focus, comparison=None):
    runs = [RunResults.load(run).with_maps() for run in fake.runs]
    keys = [(run.contrast, run.splice_type) for run in runs]
    tables = {} if comparison is None else dict.fromkeys(keys, comparison)
    return build_units(runs, read_sites(fake.sites), tables, focus)


def compare(delta, low, high, *, model=0.6, others=()):
    rows = [("encoder", "backbone", model, delta, low, high)]
    rows += [("cnn", "baseline", 0.55, np.nan, np.nan, np.nan)]
    rows += [(name, kind, auprc, *[np.nan] * 3) for name, kind, auprc in others]
    names = ["model", "kind", "auprc", "delta_auprc", "delta_low", "delta_high"]
    return pd.DataFrame(rows, columns=names).assign(seed=1, against="cnn")


@pytest.mark.parametrize(
    ("numbers", "words", "mark"),
    [
        ((0.07, 0.03, 0.12), "it adds 0.07 [0.03, 0.12] AUPRC over the best", "good"),
        ((0.05, -0.02, 0.12), "adds nothing measurable over the best", "bad"),
        ((0.005, 0.001, 0.01), "adds nothing measurable over the best", "bad"),
        ((-0.2, -0.3, -0.1), "worse than the best baseline (cnn, 0.55) by 0.20", "bad"),
        ((0.05, np.nan, np.nan), "without an interval", "open"),
    ],
)
def test_gain_is_told_with_its_interval(fake, numbers, words, mark):
    unit = load(fake, "FP", compare(*numbers))[0]
    [(text, found)] = answer_gain(unit, "Donors")
    assert words in text and text.startswith("Donors: ")
    assert found == mark
    assert ("more `seeds` tell" in text) == ("worse" in words)
    short = describe_in_short([unit])
    assert ("adds 0.07 [0.03, 0.12] AUPRC" in short) == (mark == "good")


def test_seeds_are_told_apart(fake):
    table = compare(0.07, 0.03, 0.12)
    assert "seeds)" not in answer_gain(load(fake, "FP", table)[0], "x")[0][0]
    second = table[table["kind"] == "backbone"].assign(seed=2)
    second["auprc"] += 0.04
    both = pd.concat([table, second], ignore_index=True)
    words = "] (± 0.03 between 2 seeds); guessing"
    assert words in answer_gain(load(fake, "FP", both)[0], "x")[0][0]


def test_random_weights_of_the_same_architecture_are_told(fake):
    others = [("untrained", "backbone", 0.52)]
    unit = load(fake, "FP", compare(0.07, 0.03, 0.12, others=others))[0]
    kind = {"architecture": "dnabert2"}
    lead = replace(unit.lead, settings={"backbone": kind})
    control = {"backbone": {**kind, "random_init": True}}
    runs = (lead, replace(lead, backbone="untrained", settings=control))
    both = replace(unit, models=(lead,), runs=runs)
    words = "random weights (untrained) reaches 0.52: pretraining is worth +0.08."
    assert words in answer_gain(both, "x")[0][0]
    assert "random weights" not in answer_gain(unit, "x")[0][0]


def test_a_higher_baseline_does_not_go_unsaid(fake):
    higher = compare(0.07, 0.03, 0.12, others=[("boosting", "baseline", 0.65)])
    lower = compare(0.07, 0.03, 0.12, others=[("boosting", "baseline", 0.59)])
    words = "boosting reaches 0.65 here"
    assert words in answer_gain(load(fake, "FP", higher)[0], "x")[0][0]
    assert "boosting" not in answer_gain(load(fake, "FP", lower)[0], "x")[0][0]


def test_the_score_is_no_rival_where_it_cuts_the_calls(fake):
    table = compare(0, -0.1, 0.1, others=[("score", "reference", 0.9)])
    [unit] = load(fake, "FP", table)
    assert "more than the model" in answer_gain(unit, "x")[0][0]
    [unit] = load(fake, "FN", table)
    assert "as it must: the calls are cut from it" in answer_gain(unit, "x")[0][0]


def test_units_are_named_by_their_calls(fake):
    units = load(fake, None)
    assert [unit.name for unit in units] == [
        "FP against TP, donor",
        "FN against TP, donor",
    ]
    assert name_units(units) == [unit.name for unit in units]
    assert name_units(units[:1]) == ["Donors"]


def test_explanations_and_checks_are_those_of_the_files(fake):
    [unit] = load(fake, "FP")
    folder = unit.lead.path.parents[2]
    table = pd.read_csv(folder / "explanations.tsv", sep="\t")
    first = table.iloc[0]
    assert first["is_named"] and first["name"].endswith(" (GGG: HNRNPH1, HNRNPF)")
    [(text, _)] = answer_why(unit, "Donors")
    verb = "lack" if first["is_absence"] else "carry"
    start = f"Donors: {first['share_error']:.0%} of FP {verb} {first['name']}"
    assert text.startswith(start)
    rest = json.loads((folder / "explanations.json").read_text())["unexplained"]
    assert f"{rest['errors']} of {rest['of']}" in text
    assert first["name"] in describe_in_short([unit])
    # What has no explanation is the same wherever it is told.
    causes = read_unit_causes(unit)
    assert causes.summary["unexplained"] == rest
    assert causes.sites["is_unexplained"].sum() == rest["errors"]
    assert answer_trust([unit])[0][1] == "good"
    row = collect_answers([unit]).iloc[0]
    assert row["told apart"] == "FP against TP" and row["maps"].startswith("✓")
    assert first["name"] in row["first explanation"]


def test_where_nothing_holds_page_one_says_so(fake):
    [unit] = load(fake, "FP")
    path = unit.lead.path.parents[2] / "explanations.tsv"
    table = pd.read_csv(path, sep="\t")
    try:
        write_tsv(path, table.assign(is_named=False))
        [(text, mark)] = answer_why(unit, "Donors")
        assert "nothing that was tried explains them" in text and mark == "open"
        path.unlink()
        assert "not looked for" in answer_why(unit, "Donors")[0][0]
    finally:
        write_tsv(path, table)


def test_list_of_pages_gives_the_page_that_has_the_title(fake, tmp_path):
    pages = plan_error_report(fake.inputs(tmp_path, draws=30).load("FN"))
    entries = list_pages(pages)
    assert len(entries) > 15
    assert all(pages[number - 1].title == title for title, number in entries)
    assert dict(entries)["Performance"] <= 10


def test_every_cause_has_advice():
    assert {cause.name for cause in CAUSES} == set(
        read_template("advice").module.ADVICE
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("kmer:GGGT:0:50", "GGGT at 0..+49"),
        ("element:u_tract_tia1:-50:0", "u tract tia1 at −50..−1"),
        ("base:A:-20", "A at −20"),
        ("gc:5prime", "GC 5′ of the junction"),
        ("gc:difference", "GC 3′ minus 5′ of the junction"),
        ("entropy:25", "dinucleotide entropy within 25 nt"),
        ("decoy:same:best:-50:0@fold2", "strongest rival at −50..−1"),
        ("strength:matrix@fold0", "strength of the site: matrix"),
        ("model:log odds", "language model: log-odds"),
        ("column:phylop", "column: phylop"),
        ("something", "something"),
    ],
)
def test_features_have_readable_names(name, words):
    assert say_feature(name) == words


@pytest.mark.parametrize(("low", "is_warned"), [(0.44, True), (0.56, False)])
def test_maps_of_a_model_that_guesses_are_not_recommended(fake, low, is_warned):
    units = load(fake, "FP")
    for unit in units:
        unit.lead.metrics["auroc"] = 0.57
        unit.lead.metrics["intervals"] = {"auroc": [low, 0.67]}
    lines = [text for text, mark in answer_trust(units) if mark == "bad"]
    warned = [text for text in lines if "no better than chance (AUROC 0.57" in text]
    assert len(warned) == (len(units) if is_warned else 0)
