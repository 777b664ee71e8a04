"""The pages of an assessment, drawn from a fake results tree."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.core import write_tsv
from error_sequence_model.evaluation import (
    assess_models,
    compare_models,
    read_run_predictions,
    stack_models,
)
from error_sequence_model.figures import Page, use_style
from error_sequence_model.reports.findings.assessment import (
    describe_ensemble,
    describe_pairs,
    read_unit_assessment,
)
from error_sequence_model.reports.sections.assessment import make_assessment_pages
from fake_results import build_results
from page_checks import collect_texts, find_text_problems


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """One contrast whose runs are assessed beside a blunt baseline."""
    folder = tmp_path_factory.mktemp("assessment")
    fake = build_results(
        folder, n_per_class=120, contrasts=("fp_vs_tp",), splice_types=("acceptor",)
    )
    runs = read_run_predictions(fake.runs)
    blunt = runs[runs["seed"] == runs["seed"].min()].copy()
    blunt["probability_1"] = 0.5 + 0.1 * (blunt["probability_1"] - 0.5)
    # Every third site is ranked the wrong way round: much of what it knew is lost.
    turned = np.arange(len(blunt)) % 3 == 0
    blunt.loc[turned, "probability_1"] = 1 - blunt.loc[turned, "probability_1"]
    blunt["probability_0"] = 1 - blunt["probability_1"]
    blunt = blunt.assign(model="kmers", kind="baseline", seed=float("nan"))
    predictions = pd.concat([runs, blunt], ignore_index=True)
    stacked, weights = stack_models(predictions)
    predictions = pd.concat([predictions, stacked], ignore_index=True)
    group = fake.runs[0].parents[2]
    sites = pd.read_parquet(fake.sites).set_index("site_id")
    split = pd.read_parquet(group / "split.parquet")
    if "training_similarity" not in split:
        split["training_similarity"] = 0.01
    found = assess_models(
        predictions, sites, split, pd.DataFrame(index=sites.index), draws=400
    )
    for name, table in found._asdict().items():
        write_tsv(group / "assessment" / f"{name}.tsv", table)
    write_tsv(group / "ensemble" / "weights.tsv", weights)
    comparison = compare_models(predictions, sites["gene_id"], draws=100)
    write_tsv(group / "comparison.tsv", comparison)
    return fake


def load(fake, tables):
    return fake.inputs(tables, draws=60).load("FP")


def test_pages_say_what_was_gained(tree, tmp_path, monkeypatch):
    data = load(tree, tmp_path)
    unit = data.units[0]
    texts = []
    with use_style():
        for spec in make_assessment_pages(data, unit):
            page = Page(spec, header="toy", number=1, total=1)
            spec.draw(page)
            assert find_text_problems(page.figure, monkeypatch) == []
            texts += [t.get_text() for t in collect_texts(page.figure, monkeypatch)]
    text = " ".join(texts)
    assert "Ensemble of all models" in text
    assert "kmers" in text
    assert (data.inputs.tables / "FP.fp_vs_tp.acceptor.assessment_models.tsv").is_file()
    assessment = read_unit_assessment(unit)
    assert "better than" in describe_pairs(unit, assessment.pairs)
    sentence, _ = describe_ensemble(unit, assessment)
    assert "ΔAUPRC" in sentence


def test_missing_tables_are_said(tree, tmp_path, monkeypatch):
    data = load(tree, tmp_path)
    unit = data.units[0]
    folder = unit.lead.path.parents[2] / "assessment"
    folder.rename(folder.with_name("hidden"))
    try:
        (spec,) = make_assessment_pages(data, unit)
        with use_style():
            page = Page(spec, header="toy", number=1, total=1)
            spec.draw(page)
            texts = collect_texts(page.figure, monkeypatch)
        assert "not stored" in " ".join(t.get_text() for t in texts)
    finally:
        folder.with_name("hidden").rename(folder)
