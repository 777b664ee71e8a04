from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import find_rate
from error_sequence_model import load_model
from error_sequence_model.core import InputError
from error_sequence_model.evaluation import evaluate_run
from error_sequence_model.runs import RunInputs, open_explained_run
from error_sequence_model.settings import (
    BackboneSettings,
    ExplanationSettings,
    TrainingSettings,
)
from error_sequence_model.tokenizers import (
    HyenaDNATokenizer,
    NucleotideTokenizer,
    write_tokens,
)
from error_sequence_model.training import train_run
from tiny_models import OPTIONS, make_frame, write_windows

COUNT = 90
BACKBONE = BackboneSettings("nucleotide_encoder", options=OPTIONS)
TRAINING = TrainingSettings(epochs=2, batch_size=16, precision="fp32")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> RunInputs:
    folder = tmp_path_factory.mktemp("inputs")
    frame = make_frame(COUNT, seed=1)
    sites = pd.DataFrame({"site_id": np.arange(COUNT), "gene_id": frame["gene_id"]})
    sites["chrom"], sites["junction"], sites["strand"] = "c", np.arange(COUNT) * 99, "+"
    sites["splice_type"], sites["pred_type"] = "donor", "FP"
    sites.to_parquet(folder / "sites.parquet")
    split = sites[["site_id"]].assign(label=frame["label"].astype("int8"), fold=0)
    split["part"] = np.repeat(["train", "validation", "test"], COUNT // 3)
    split.to_parquet(folder / "split.parquet")
    windows = write_windows(
        folder / "windows.arrow", list(range(COUNT)), frame["sequence"].tolist()
    )
    write_tokens(windows, NucleotideTokenizer(), folder / "tokens.arrow")
    return RunInputs(
        sites=folder / "sites.parquet",
        split=folder / "split.parquet",
        tokens=folder / "tokens.arrow",
        contrast_name="fp_vs_tp",
        contrast=None,
        fold=0,
    )


@pytest.fixture(scope="module")
def run(inputs, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    train_run(inputs, BACKBONE, TRAINING, output=folder, checkpoints=folder / "kept")
    evaluate_run(inputs, folder / "model", output=folder, draws=100)
    return folder


def test_a_run_leaves_its_files_and_no_checkpoint(run) -> None:
    record = json.loads((run / "run.json").read_text())
    assert record["sites"] == {"train": 30, "validation": 30, "test": 30}
    assert record["window"] == {"upstream": 20, "downstream": 20}
    assert record["settings"]["contrast"]["classes"] == {
        "correct": ["TP"],
        "error": ["FP"],
    }
    assert record["settings"]["training"]["epochs"] == 2
    assert record["tokenizer"] == "tokens"
    assert record["trained_parameters"] == record["parameters"]
    assert not list((run / "kept").glob("*"))
    history = pd.read_csv(run / "history.tsv", sep="\t")
    assert history["epoch"].tolist() == [1, 2]
    metrics = json.loads((run / "metrics.json").read_text())
    assert list(metrics)[:3] == ["contrast", "classes", "part"]
    assert metrics["contrast"] == "fp_vs_tp"
    assert metrics["bootstrap"]["level"] == 0.95
    predictions = pd.read_parquet(run / "predictions.parquet")
    assert predictions["site_id"].tolist() == list(range(30, 90))
    assert metrics["threshold"] == load_model(run).config.decision_threshold


def test_rates_are_tried_on_the_data_of_a_run(inputs, tmp_path) -> None:
    arguments = [
        *("--sites", inputs.sites, "--split", inputs.split, "--tokens", inputs.tokens),
        *("--contrast-name", "fp_vs_tp", "--contrast", "null", "--fold", "0"),
        *("--training", json.dumps({"batch_size": 8, "precision": "fp32"})),
        *("--backbone", json.dumps({**OPTIONS, "architecture": "nucleotide_encoder"})),
        *("--seed", "1", "--steps", "12", "--run", tmp_path),
    ]
    main = find_rate.parse_arguments([str(word) for word in arguments])
    find_rate.main(main)
    rates = pd.read_csv(tmp_path / "rates.tsv", sep="\t")
    assert rates["is_suggested"].sum() == 1 and len(rates) > 2
    assert (tmp_path / "rates.pdf").stat().st_size > 1000


def test_the_record_says_what_made_the_model(run, inputs) -> None:
    record = json.loads((run / "run.json").read_text())
    hashed = {"sites": inputs.sites, "split": inputs.split, "tokens": inputs.tokens}
    for name, path in hashed.items():
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert record["inputs_sha256"][name] == digest, name
    weights = (run / "model" / "model.safetensors").read_bytes()
    assert record["model_sha256"] == hashlib.sha256(weights).hexdigest()
    assert record["seed"] == record["settings"]["training"]["seed"] == TRAINING.seed
    assert record["git_commit"] is None or re.match(
        "[0-9a-f]{40}", record["git_commit"]
    )
    for package in ("torch", "splice-error-analysis", "snakemake"):
        assert record["versions"][package] == metadata.version(package)
    hardware = record["hardware"]
    assert hardware["processor"] and hardware["cores"] >= 1
    assert hardware["memory_gb"] > 0 and hardware["system"]
    assert len(hardware["gpus"]) == len(hardware["gpu_memory_gb"])
    assert record["execution"]["device"] in ("cpu", "cuda", "mps")
    seconds = pd.read_csv(run / "history.tsv", sep="\t")["seconds"].sum()
    assert record["seconds"]["epochs"] == pytest.approx(seconds, abs=0.06)
    assert record["seconds"]["training"] >= record["seconds"]["epochs"] - 0.1
    finished = datetime.fromisoformat(record["finished"])
    assert abs((datetime.now(UTC) - finished).total_seconds()) < 3600


def test_the_same_run_again_has_the_same_weights_and_tables(
    run, inputs, tmp_path
) -> None:
    train_run(inputs, BACKBONE, TRAINING, output=tmp_path, checkpoints=None)
    evaluate_run(inputs, tmp_path / "model", output=tmp_path, draws=100)
    first, second = (
        json.loads((folder / "run.json").read_text()) for folder in (run, tmp_path)
    )
    assert first["model_sha256"] == second["model_sha256"]
    assert first["run_hash"] == second["run_hash"]
    for name in ("metrics.json", "predictions.parquet"):
        assert (run / name).read_bytes() == (tmp_path / name).read_bytes(), name


def test_what_did_not_learn_is_in_the_record(run, inputs, tmp_path) -> None:
    whole = json.loads((run / "run.json").read_text())
    for tuning in ("frozen", "lora"):
        backbone = replace(BACKBONE, tuning=tuning)
        train_run(
            inputs, backbone, TRAINING, output=tmp_path / tuning, checkpoints=None
        )
        record = json.loads((tmp_path / tuning / "run.json").read_text())
        assert record["parameters"] == whole["parameters"], "adapters are merged"
        assert 0 < record["trained_parameters"] < whole["parameters"]
        assert record["settings"]["backbone"]["tuning"] == tuning
        assert record["run_hash"] != whole["run_hash"]
        evaluate_run(inputs, tmp_path / tuning, output=tmp_path / tuning, draws=100)


def test_explained_sites_are_held_out_and_always_the_same(run, inputs) -> None:
    windows = inputs.sites.parent / "windows.arrow"
    explanation = ExplanationSettings(sites_per_class=4, seed=3)
    found, again = (
        open_explained_run(inputs, run / "model", windows, explanation)
        for _ in range(2)
    )
    assert found.dataset.site_ids.tolist() == again.dataset.site_ids.tolist()
    assert (found.dataset.site_ids >= 60).all()
    assert found.dataset.labels.tolist().count(1) == 4
    assert found.sites["site_id"].tolist() == found.dataset.site_ids.tolist()
    assert (found.upstream, found.downstream) == (20, 20)
    tokenizer = found.dataset.tokenizer
    for index, sequence in enumerate(found.sequences):
        expected = tokenizer.encode(sequence).input_ids
        assert np.array_equal(found.dataset.get_encoding(index).input_ids, expected)


def test_tokens_of_another_backbone_are_refused_before_training(
    inputs, tmp_path
) -> None:
    write_tokens(
        inputs.sites.parent / "windows.arrow", HyenaDNATokenizer(), tmp_path / "t.arrow"
    )
    other = replace(inputs, tokens=tmp_path / "t.arrow")
    with pytest.raises(InputError, match="made with the hyenadna tokenizer"):
        train_run(other, BACKBONE, TRAINING, output=tmp_path / "run", checkpoints=None)
    assert not (tmp_path / "run").exists()
