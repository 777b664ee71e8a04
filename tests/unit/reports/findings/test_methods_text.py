"""The Methods paragraph says what was done, and nothing that was not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from error_sequence_model.reports import write as reports
from error_sequence_model.reports.findings.methods_text import describe_methods
from fake_causes import add_causes
from fake_motifs import add_motifs
from fake_results import FakeResults, build_results


def write_head(fake: FakeResults, pooling: str) -> None:
    for run in fake.runs:
        (run / "model").mkdir(exist_ok=True)
        (run / "model" / "config.json").write_text(json.dumps({"pooling": pooling}))


def describe(fake: FakeResults, tables: Path) -> list[str]:
    options = fake.options(tables, draws=20)
    data = reports.load_report_data(fake.runs, "FP", windows=None, seed=0, **options)
    return describe_methods(data)


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> FakeResults:
    folder = tmp_path_factory.mktemp("bare")
    return build_results(folder, n_per_class=60, missing=("faithfulness.json",))


@pytest.fixture(scope="module")
def full(tmp_path_factory) -> FakeResults:
    fake = build_results(tmp_path_factory.mktemp("full"), n_per_class=60)
    write_head(fake, "junction+peak")
    return add_motifs(add_causes(fake))


def test_one_paragraph_tells_every_step(full, tmp_path):
    (text,) = describe(full, tmp_path)
    for words in (
        "a head of one hidden layer read the states beside the junction and a soft",
        "the map of another site of the class",
        "all weights drawn anew",
        "held-out sites without their labels, on one strand",
        "clusters of stretches that score higher than the maps in random order",
        "the shortest stretch that holds four fifths",
        "Named causes were flagged",
    ):
        assert words in text


def test_what_was_not_done_is_not_told(bare, tmp_path):
    (text,) = describe(bare, tmp_path)
    for words in ("Motifs", "Named causes", "checked", "a head of", "modisco"):
        assert words not in text


def test_networks_and_the_caller_of_motifs_are_told_as_stored(full, tmp_path):
    for run in full.runs:
        checks = json.loads((run / "faithfulness.json").read_text())
        for method in checks["methods"].values():
            method["randomisation"]["n_networks"] = 5
        (run / "faithfulness.json").write_text(json.dumps(checks))
        about = json.loads((run / "motifs.json").read_text())
        assert about["caller"] == "seqlets"
        (run / "motifs.json").write_text(json.dumps(about | {"caller": "modisco"}))
    (text,) = describe(full, tmp_path)
    assert "median over 5 such networks" in text
    assert "by modisco-lite" in text and "taken apart by strand" in text
    assert "clusters of stretches" not in text
