"""The Methods paragraphs say what run.json says, and nothing else."""

from __future__ import annotations

import json

import pytest

from error_sequence_model.reports.findings.methods_text import (
    describe_computation,
    describe_methods,
)
from error_sequence_model.reports.sections.methods import describe_provenance
from fake_results import build_results

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
