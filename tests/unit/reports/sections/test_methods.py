"""The Methods paragraphs say what was stored, and nothing that was not done."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from error_sequence_model.reports.sections.methods import (
    describe_computation,
    describe_methods,
    describe_provenance,
    describe_scores,
)
from fake_causes import add_causes
from fake_motifs import add_motifs
from fake_results import FakeResults, build_results

COMMIT = "0123456789abcdef" * 2 + "01234567"


@pytest.fixture
def fake(tmp_path):
    shape = {"n_per_class": 40, "upstream": 40, "downstream": 40}
    return build_results(tmp_path, seeds=(1, 2), splice_types=("donor",), **shape)


def load(fake, tmp_path):
    return fake.inputs(tmp_path / "t", draws=20).load("FP")


def change(run, **values):
    """Write other values into a run's record."""
    path = run / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_the_paragraph_follows_the_records(fake, tmp_path):
    versions = {"python": "3.12.1", "torch": "9.9.9", "splice-error-analysis": "0.7.0"}
    for seed, run in zip((1, 2), fake.runs, strict=True):
        change(
            run,
            seed=seed,
            git_commit=f"{COMMIT}-modified",
            versions=versions,
            hardware={"processor": "Abacus", "cores": 8, "threads": 1, "gpus": []},
            execution={"device": "cpu", "precision": "bf16"},
            seconds={"training": 100.0, "epochs": 90.0},
        )
    digest = "ab" * 32
    audit = json.loads(fake.audit.read_text())
    fake.audit.write_text(json.dumps({**audit, "input": {"sha256": digest}}))
    assert describe_computation(load(fake, tmp_path)) == [
        "For this report, 2 models (seeds 1 and 2) were trained with "
        "splice-error-analysis 0.7.0 (commit 0123456789ab, with local changes), "
        "Python 3.12.1 and PyTorch 9.9.9, on Abacus (1 thread, no GPU) in bf16; "
        "how long each took is in its run.json. "
        "The error table has the SHA-256 abababababab…"
    ]


def test_runs_that_differ_are_all_named(fake, tmp_path):
    first, second = fake.runs
    gpus = {"processor": "Abacus", "gpus": ["Card", "Card"]}
    execution = {"device": "cuda", "processes": 2, "precision": "bf16"}
    change(first, hardware=gpus, execution=execution, versions={"torch": "1.0"})
    change(second, versions={"torch": "2.0"}, seconds={})
    (text,) = describe_computation(load(fake, tmp_path))
    assert "PyTorch 1.0; PyTorch 2.0" in text
    assert "on 2 × Card in bf16 and AMD EPYC" in text
    change(second, versions={"torch": "2.0"}, seconds={"training": 9.0, "epochs": 9.0})
    assert describe_computation(load(fake, tmp_path)) == [text], "equal runs are equal"


def test_predictors_that_were_run_here_are_named(fake, tmp_path):
    record = {
        "predictor": "pangolin",
        "tissue": "heart",
        "bases": 1234567,
        "weights": [{"file": f"{n}.v2", "sha256": f"{n}" * 64} for n in (1, 2, 3)],
        "citation": "Authors, Journal 2022",
        "licence": "Pangolin weights: GPL-3.0",
        "precision": ["bf16"],
        "largest_difference_to_fp32": 0.0123,
    }
    path = tmp_path / "provenance.json"
    path.write_text(json.dumps(record))
    assert describe_scores(load(fake, tmp_path)) == []
    inputs = replace(fake.inputs(tmp_path / "t", draws=20), scored_by=[path])
    (text,) = describe_scores(inputs.load("FP"))
    assert text == (
        "Scores of 1,234,567 bases were computed here from the weights of pangolin for "
        "heart, as the mean of 3 networks (Authors, Journal 2022), in bf16 (at most "
        "0.012 from fp32 where compared). Pangolin weights: GPL-3.0 (1.v2 "
        "111111111111, 2.v2 222222222222, 3.v2 333333333333)."
    )


def test_without_records_nothing_is_claimed(fake, tmp_path):
    for run in fake.runs:
        (run / "run.json").unlink()
    assert describe_computation(load(fake, tmp_path)) == []


def test_settings_of_the_first_paragraph_are_those_of_the_run(fake, tmp_path):
    for run in fake.runs:
        settings = json.loads((run / "run.json").read_text())["settings"]
        settings["training"] |= {"epochs": 17, "learning_rate": 0.0042}
        settings["backbone"] |= {"tuning": "lora", "checkpoint": "models/some"}
        window = {"upstream": 33, "downstream": 44}
        change(run, settings=settings, window=window, pretrained="results/p/pretrained")
    (text,) = describe_methods(load(fake, tmp_path))
    assert "in windows of 33 + 44 nt" in text
    assert "(nucleotide_encoder) from the weights models/some, first pretrained" in text
    assert "Low-rank adapters and a head were trained for up to 17 epochs" in text
    assert "at a learning rate of 0.0042" in text


def test_intervals_are_over_sites_where_no_gene_is_known(fake, tmp_path):
    (text,) = describe_methods(load(fake, tmp_path))
    assert "from a bootstrap over genes. Attributions" in text
    assert "with a gene-clustered statistic and max-T" in text
    sites = pd.read_parquet(fake.sites)
    sites.assign(gene_id=None).to_parquet(fake.sites, index=False)
    (text,) = describe_methods(load(fake, tmp_path))
    assert "from a bootstrap over sites. Attributions" in text
    assert "gene-" not in text and "genes" not in text


def test_equal_runs_have_equal_provenance(fake, tmp_path):
    def describe() -> str:
        (unit, *_) = load(fake, tmp_path).units
        return describe_provenance(unit)

    before = describe()
    for run in fake.runs:
        change(run, finished="2031-01-01T00:00:00+00:00", seconds={"training": 7.25})
    assert describe() == before and "7.25" not in before
    change(fake.runs[0], git_commit="f" * 40)
    assert "f" * 12 in describe()


def write_head(fake: FakeResults, pooling: str) -> None:
    for run in fake.runs:
        (run / "model").mkdir(exist_ok=True)
        (run / "model" / "config.json").write_text(json.dumps({"pooling": pooling}))


def describe(fake: FakeResults, tables: Path) -> list[str]:
    return describe_methods(fake.inputs(tables, draws=20).load("FP"))


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> FakeResults:
    folder = tmp_path_factory.mktemp("bare")
    return build_results(folder, n_per_class=60, missing=("faithfulness.json",))


@pytest.fixture(scope="module")
def full(tmp_path_factory) -> FakeResults:
    fake = build_results(tmp_path_factory.mktemp("full"), n_per_class=60)
    write_head(fake, "junction+peak")
    return add_causes(add_motifs(fake))


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
