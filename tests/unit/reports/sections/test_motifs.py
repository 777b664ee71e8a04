"""The pages of motifs and known elements, drawn from a fake results tree."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pandas as pd
import pytest

from error_sequence_model.figures import Page, format_q, format_ratio, use_style
from error_sequence_model.reports.findings.motifs import (
    describe_motif_control,
    describe_motifs,
    read_unit_motifs,
)
from error_sequence_model.reports.sections.motifs import make_motif_pages
from fake_motifs import add_motifs
from fake_results import build_results
from page_checks import collect_texts, find_text_problems


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A contrast and a control, donors and acceptors, with motifs."""
    fake = build_results(
        tmp_path_factory.mktemp("motifs"),
        n_per_class=240,
        contrasts=("fp_vs_tp", "shuffled"),
    )
    return add_motifs(fake)


@pytest.fixture(scope="module")
def poor(tmp_path_factory):
    """Five errors only, and maps that failed their checks."""
    fake = build_results(
        tmp_path_factory.mktemp("poor"),
        n_per_class={"FP": 20, "TP": 60},
        splice_types=("acceptor",),
        failed=("integrated_gradients", "substitution", "attention"),
    )
    return add_motifs(fake)


def load(fake, tables, focus="FP"):
    return fake.inputs(tables, draws=40).load(focus)


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


def test_pages_say_what_was_found_and_where(tree, tmp_path, monkeypatch):
    data = load(tree, tmp_path)
    for unit in data.units:
        motifs = read_unit_motifs(unit)
        text = read_pages(make_motif_pages(data, unit), monkeypatch)
        assert "Control shuffled" in text
        for row in motifs.table.head(5).itertuples():
            assert f"{row.n_seqlets} seqlets" in text
            assert f"({row.error_sites})" in text
        assert "Known elements" in text and "odds ratio, FP against TP" in text
        start = f"FP.fp_vs_tp.{unit.splice_type}"
        names = {path.name for path in tmp_path.iterdir()}
        for what in ("motifs", "elements", "motif_logos", "motif_places"):
            assert f"{start}.{what}.tsv" in names
        places = pd.read_csv(tmp_path / f"{start}.motif_places.tsv", sep="\t")
        assert places.groupby("motif")["seqlets"].sum().min() > 0
        assert (places[["error", "correct"]] >= 0).all(axis=None)


def test_words_follow_the_table(tree, tmp_path):
    data = load(tree, tmp_path)
    donor = next(unit for unit in data.units if unit.splice_type == "donor")
    motifs = read_unit_motifs(donor)
    table = motifs.table.assign(significant=False)
    nothing = motifs.__class__(table, motifs.elements, motifs.about, motifs.details)
    assert "None of them is more, or less" in " ".join(describe_motifs(nothing, donor))
    found = table.assign(significant=True, odds_ratio=[2.0] + [0.5] * (len(table) - 1))
    some = motifs.__class__(found, motifs.elements, motifs.about, motifs.details)
    words = " ".join(describe_motifs(some, donor))
    assert "1 motif more frequent in FP than in TP" in words
    assert f"{len(table) - 1} motif" in words
    empty = motifs.__class__(table.iloc[:0], motifs.elements, motifs.about, {})
    assert "nothing to test" in " ".join(describe_motifs(empty, donor))


def test_an_empty_table_is_a_page_in_words(tree, tmp_path, monkeypatch):
    copy = tmp_path / "copy"
    shutil.copytree(tree.folder.parent, copy)
    runs = [copy / run.relative_to(tree.folder.parent) for run in tree.runs]
    for run in runs:
        table = pd.read_csv(run / "motifs.tsv", sep="\t")
        table.iloc[:0].to_csv(run / "motifs.tsv", sep="\t", index=False)
    data = load(tree, tmp_path / "tables")
    inputs = tree.inputs(tmp_path / "tables", draws=40)
    data = replace(inputs, runs=runs).load("FP")
    text = read_pages(make_motif_pages(data, data.units[0]), monkeypatch)
    assert "nothing to test" in text


def test_few_sites_and_failed_maps_are_told(poor, tmp_path, monkeypatch):
    data = load(poor, tmp_path)
    text = read_pages(make_motif_pages(data, data.units[0]), monkeypatch)
    assert "FAILED its faithfulness check" in text
    assert "too few" in text.lower() or "nothing to test" in text
    folder = data.units[0].lead.path
    (folder / "motifs.tsv").rename(folder / "gone.tsv")
    try:
        text = read_pages(make_motif_pages(data, data.units[0]), monkeypatch)
    finally:
        (folder / "gone.tsv").rename(folder / "motifs.tsv")
    assert "motifs.enabled" in text


def test_control_is_judged_by_its_motifs(tree, tmp_path):
    control = load(tree, tmp_path).controls[0]
    motifs = read_unit_motifs(control)
    text, mark = describe_motif_control(control)
    assert "shuffled labels" in text
    assert mark == ("bad" if motifs.table["significant"].any() else "good")


def test_numbers_are_short():
    assert [format_ratio(v) for v in (0.004, 0.25, 12.34, 123.4, 5e4)] == [
        "< 0.01",
        "0.25",
        "12.3",
        "123",
        "> 1000",
    ]
    assert format_ratio(float("nan")) == format_q(float("nan")) == "–"
    assert format_q(1e-9) == "< 0.001" and format_q(0.04) == "0.040"
