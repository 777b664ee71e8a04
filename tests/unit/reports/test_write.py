from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.core import PACKAGE, InputError
from error_sequence_model.figures import Page, use_style
from error_sequence_model.reports import write_error_report, write_overview
from error_sequence_model.reports.sections.overview import plan_overview
from error_sequence_model.reports.sections.sites import choose_exemplars
from error_sequence_model.reports.sections.summary import list_pages
from error_sequence_model.reports.write import plan_error_report
from error_sequence_model.results import RunResults, build_units, read_sites
from fake_causes import add_causes
from fake_results import build_results
from page_checks import find_text_problems

CASES = {
    "typical": {
        "n_per_class": 160,
        "contrasts": ("fp_vs_tp", "fn_vs_tp", "shuffled"),
        "backbones": ("encoder", "dnabert2"),
        "seeds": (1, 2),
        "splice_types": ("donor",),
        "token_length": 4,
        "upstream": 100,
        "downstream": 100,
    },
    "tiny": {
        "n_per_class": {"FP": 5, "TP": 30},
        "splice_types": ("acceptor",),
        "upstream": 50,
        "downstream": 50,
    },
    "failed": {
        "n_per_class": 60,
        "splice_types": ("donor",),
        "failed": ("integrated_gradients", "substitution", "attention"),
        "folds": (0, 1, 2, 3),
        "upstream": 40,
        "downstream": 160,
        "token_length": 3,
    },
    "both": {
        "n_per_class": 40,
        "contrasts": ("fp_vs_tp", "fn_vs_tp", "shuffled"),
        "upstream": 40,
        "downstream": 40,
    },
    "private": {
        "n_per_class": {"FN": 120, "TP": 40},
        "contrasts": ("fn_vs_tp", "private_fn_vs_shared"),
        "splice_types": ("donor",),
        "upstream": 40,
        "downstream": 40,
    },
    "missing": {
        "n_per_class": 60,
        "splice_types": ("donor",),
        "missing": (
            "attention.h5",
            "faithfulness.json",
            "comparison.tsv",
            "metrics.json",
            "run.json",
            "history.tsv",
            "leakage.json",
            "windows.arrow",
        ),
    },
}
GONE = (
    ("attributions", "metrics.json"),
    ("predictions.parquet", "run.json"),
    ("split.parquet", "attention.h5"),
    ("leakage.json", "comparison.tsv", "windows.arrow"),
)
DRAWN = [
    ("typical", "FP"),
    ("typical", None),
    ("tiny", "FP"),
    ("failed", "TP"),
    ("missing", "FP"),
    ("missing", None),
    ("private", "FN"),
    ("private", None),
]


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    """Fake results trees, each built once."""
    built = {}

    def get(name):
        if name not in built:
            built[name] = build_results(tmp_path_factory.mktemp(name), **CASES[name])
        return built[name]

    return get


def plan(fake, tables, focus):
    plan = plan_error_report if focus else plan_overview
    return plan(fake.inputs(tables, draws=60).load(focus))


@pytest.mark.parametrize(("case", "focus"), DRAWN)
def test_no_text_overlaps_or_is_cut(trees, tmp_path, monkeypatch, case, focus):
    with use_style():
        pages = plan(trees(case), tmp_path, focus)
        for number, spec in enumerate(pages, start=1):
            page = Page(spec, header="toy", number=number, total=len(pages))
            spec.draw(page)
            problems = find_text_problems(page.figure, monkeypatch)
            assert not problems, f"{case} {focus} page {number}: {problems[:5]}"


def test_words_fit_with_many_contrasts(trees, tmp_path, monkeypatch):
    with use_style():
        pages = plan(trees("both"), tmp_path, "FN")
        words = ("why", "Findings", "Data", "trusted", "Provenance", "Single")
        chosen = [p for p in pages if any(word in p.title for word in words)]
        chosen += plan(trees("both"), tmp_path, "TP")
        assert len(chosen) >= 9
        for spec in chosen:
            page = Page(spec, header="toy", number=1, total=9)
            spec.draw(page)
            assert find_text_problems(page.figure, monkeypatch) == []


def read_pdf(path: Path) -> str:
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    command = ["pdftotext", "-layout", str(path), "-"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_report_text_is_selectable_and_says_what_matters(trees, tmp_path):
    fake = trees("typical")
    output = tmp_path / "attention_FP.pdf"
    write_error_report("FP", fake.inputs(tmp_path / "t"), output)
    text = read_pdf(output)
    assert output.stat().st_size < 5_000_000
    assert "fn_vs_tp" not in text
    for words in ("held-out", "offset from the junction (bases)", "prevalence", "n = "):
        assert words in text
    assert "adds to the baselines: ΔAUPRC +0.08 [0.03, 0.12]" in " ".join(text.split())
    assert re.search(r"page 1 of \d+", text)
    assert "Control shuffled" in text
    # A sequence can be searched for, letter by letter.
    assert re.search(r"[ACGT]{60}", text)


def test_failed_method_is_named_on_every_map_page(trees, tmp_path):
    fake = trees("failed")
    output = tmp_path / "attention_FP.pdf"
    write_error_report("FP", fake.inputs(tmp_path / "t"), output)
    pages = read_pdf(output).split("\f")
    titles = ("Where the model looks", "Regions and letters", "More single sites")
    for title in titles:
        page = next(page for page in pages if page.lstrip().startswith(title))
        assert "FAILED its faithfulness check (other site, class mean" in page


def test_what_matters_comes_first_and_links_lead_to_their_pages(trees, tmp_path):
    fake = trees("both")
    output = tmp_path / "x.pdf"
    write_error_report("FN", fake.inputs(tmp_path / "t", draws=30), output)
    pages = plan(fake, tmp_path, "FN")
    front = [spec.title for spec in pages if not spec.group]
    assert len(front) <= 10 and len(set(front)) == len(front)
    assert front[0] == "False negative donors of toy: why"
    assert front[-2:] == ["Can these maps be trusted?", "Performance"]
    assert all(spec.group for spec in pages[len(front) :])
    content = output.read_bytes()
    links = {int(n) for n in re.findall(rb"/Dest /page(\d+)", content)}
    # Page one leads to the others, and the contents to every page.
    titles = dict(reversed(list_pages(pages)))
    assert links == set(titles.values()) - {0}
    names = {int(n) for n in re.findall(rb"/page(\d+) \[", content)}
    assert names == set(range(1, len(pages) + 1))
    assert content.count(b"/Outlines") >= 1 and b"(Appendix)" in content


def test_correct_calls_have_two_pages_and_contrasts_beside_the_first_one(
    trees, tmp_path
):
    fake = trees("both")
    pages = plan(fake, tmp_path, "TP")
    assert [spec.title for spec in pages] == ["True positives of toy", "Single sites"]


@pytest.mark.parametrize("pieces", GONE)
def test_any_piece_may_be_missing(tmp_path, pieces):
    fake = build_results(
        tmp_path, n_per_class=24, splice_types=("donor",), missing=pieces
    )
    inputs = fake.inputs(tmp_path / "t", draws=30)
    if "comparison.tsv" in pieces:
        nowhere = tmp_path / "nowhere" / "comparison.tsv"
        inputs = replace(inputs, comparisons=[nowhere])
    path = write_error_report("FP", inputs, tmp_path / "x.pdf")
    assert path.stat().st_size > 5_000
    overview = write_overview(inputs, tmp_path / "o.pdf")
    assert overview.stat().st_size > 5_000


@pytest.mark.parametrize("number", [0, 1, 5])
def test_few_sites_still_make_a_report(tmp_path, number):
    fake = build_results(
        tmp_path, n_per_class={"FP": number, "TP": 30}, splice_types=("acceptor",)
    )
    inputs = fake.inputs(tmp_path / "t", draws=30)
    output = write_error_report("FP", inputs, tmp_path / "x.pdf")
    text = " ".join(read_pdf(output).split())
    assert f"{number} FP site" in text


def test_private_errors_are_told_in_words(trees, tmp_path):
    fake = trees("private")
    add_causes(fake)
    inputs = fake.inputs(tmp_path / "t", draws=30)
    pages = plan(fake, tmp_path, "FN")
    titles = [spec.title for spec in pages]
    assert titles[0] == "False negative donors of toy: why"
    assert "More single sites: private FN against shared FN, donor" in titles
    path = write_overview(inputs, tmp_path / "o.pdf")
    text = " ".join(read_pdf(path).split())
    assert "private FN against shared FN: " in text
    assert (
        "Private (private_fn_vs_shared): errors of toy not made by other predictors; "
        "shared: made by all of them, in the place of correct calls." in text
    )
    names = {path.name for path in (tmp_path / "t").iterdir()}
    assert "overview.answers.tsv" in names


def test_type_without_contrast_says_which_to_add(trees, tmp_path):
    fake = build_results(tmp_path, n_per_class={"FP": 9, "TP": 9, "TN": 4})
    path = write_error_report("TN", fake.inputs(tmp_path / "t"), tmp_path / "x.pdf")
    text = " ".join(read_pdf(path).split())
    assert "8 TN sites" in text
    assert "Add fn_vs_tn to the list under contrasts:" in text
    assert "page 1 of 1" in text


def test_same_input_gives_the_same_bytes(trees, tmp_path):
    fake = trees("tiny")
    script = PACKAGE.parent / "report.py"
    results = []
    for name in ("1", "2"):
        output, tables = tmp_path / f"{name}.pdf", tmp_path / "tables"
        command = [sys.executable, str(script), "--predictor", "toy"]
        command += ["--error-type", "FP", "--draws", "30"]
        command += ["--sites", str(fake.sites), "--audit", str(fake.audit)]
        command += ["--runs", *map(str, fake.runs)]
        command += ["--comparisons", *map(str, fake.comparisons)]
        command += ["--output", str(output), "--tables", str(tables)]
        subprocess.run(command, check=True, env={"PYTHONHASHSEED": name})
        results.append(output.read_bytes())
    assert results[0] == results[1]


def test_tables_lie_beside_the_figures(trees, tmp_path):
    fake = trees("typical")
    tables = tmp_path / "tables"
    write_error_report("FP", fake.inputs(tables, draws=30), tmp_path / "x.pdf")
    names = {path.name for path in tables.iterdir()}
    unit = "FP.fp_vs_tp.donor"
    for what in ("attribution_profile", "attention_profile", "regions", "logos"):
        assert f"{unit}.{what}.tsv" in names
    for what in ("curves", "reliability", "scores", "confusion", "exemplars"):
        assert f"{unit}.{what}.tsv" in names
    about = (tables / "README.md").read_text(encoding="utf-8")
    for name in names - {"README.md"}:
        assert f"`{name.split('.')[-2]}`" in about, name
    profile = pd.read_csv(tables / f"{unit}.attribution_profile.tsv", sep="\t")
    assert profile["offset"].tolist() == list(range(-100, 100))
    planted = profile["offset"].between(14, 19)
    assert (profile.loc[planted, "p_value"] < 0.05).all()
    assert not (profile.loc[~planted, "p_value"] < 0.05).mean() > 0.05


def test_folds_are_merged_and_controls_kept_apart(trees):
    runs = [RunResults.load(run) for run in trees("failed").runs]
    sites = read_sites(trees("failed").sites)
    (unit,) = build_units(runs, sites, {}, "FP")
    assert unit.lead.folds == (0, 1, 2, 3)
    assert len(unit.test_sites) == 120
    assert len(unit.lead.attributions["integrated_gradients"].site_id) == 120
    fake = trees("typical")
    runs = [RunResults.load(run) for run in fake.runs]
    units = build_units(runs, read_sites(fake.sites), {}, None)
    assert {u.contrast for u in units if u.lead.is_control} == {"shuffled"}


def test_exemplars_follow_the_rule():
    table = pd.DataFrame(
        {
            "label": [1, 1, 1, 0, 0],
            "call": ["FP", "FP", "FP", "TP", "TP"],
            "probability": [0.9, 0.2, 0.6, 0.1, 0.7],
        },
        index=[10, 11, 12, 13, 14],
    )
    chosen = choose_exemplars(table, "FP", 1)
    assert [e.site_id for e in chosen] == [10, 12, 11, 13, 14]
    assert "misclassified" in chosen[2].rule
    assert choose_exemplars(table.assign(probability=np.nan), "FP", 1) == []


def test_bad_input_is_told_apart(trees, tmp_path):
    fake = trees("tiny")
    inputs, output = fake.inputs(tmp_path), tmp_path / "x.pdf"
    with pytest.raises(InputError, match="give one of FP"):
        write_error_report("XX", inputs, output)
    with pytest.raises(InputError, match="not a run folder"):
        write_error_report("FP", replace(inputs, runs=[tmp_path]), output)
    nowhere = tmp_path / "none.parquet"
    with pytest.raises(InputError, match="no such file"):
        write_error_report("FP", replace(inputs, sites=nowhere), output)
    assert not (tmp_path / "x.pdf").exists()
