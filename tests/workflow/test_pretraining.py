"""Pretraining in the workflow: what runs start from, and what redoes it."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from error_sequence_model.core import hash_file
from workflow_runs import ROOT, TINY, make_config

pytestmark = pytest.mark.workflow

ENVIRONMENT = {
    **os.environ,
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
}
RUN = "results/sim/fn_vs_tp/donor/encoder/seed1/fold0"
PRETRAINED = "results/sim/pretrained"
PRETRAINING = {
    **{"enabled": True, "windows": 64, "length": 64, "epochs": 1},
    **{"batch_size": 16, "precision": "fp32"},
}


def make_pretraining_config(small_input: Path, **changes: Any) -> dict[str, Any]:
    fasta, annotation = small_input / "genome.fa", small_input / "annotation.gtf"
    genome = {"fasta": str(fasta), "annotation": str(annotation)}
    return make_config(
        small_input, genomes={"small": genome}, pretraining=PRETRAINING, **changes
    )


def list_jobs(result: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """Read the training jobs of a dry run: {rule: number}."""
    assert result.returncode == 0, result.stdout + result.stderr
    text = result.stdout + result.stderr
    rules = ("draw_gene_windows", "pretrain", "fine_tune")
    counted = (line.split() for line in text.splitlines())
    return {f[0]: int(f[1]) for f in counted if len(f) == 2 and f[0] in rules}


def test_runs_start_from_weights_pretrained_without_held_out_sequence(
    small_input: Path, snakemake: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    config = make_pretraining_config(small_input)
    result = snakemake(config, "train")
    assert result.returncode == 0, result.stdout + result.stderr
    folder = snakemake.folder
    leakage = json.loads((folder / PRETRAINED / "leakage.json").read_text())
    assert leakage["passed"] and leakage["contigs"] == ["chr2", "chr3"]
    record = json.loads((folder / PRETRAINED / "encoder/pretraining.json").read_text())
    assert record["leakage"] == leakage
    assert record["perplexity"]["after"]["per_base"] > 1
    run = json.loads((folder / RUN / "run.json").read_text())
    weights = folder / PRETRAINED / "encoder/model/model.safetensors"
    assert run["inputs_sha256"]["pretrained"] == hash_file(weights)
    assert run["pretrained"] == f"{PRETRAINED}/encoder/model"
    assert not list((folder / "results/.checkpoints").iterdir())

    assert list_jobs(snakemake(config, "train", "--dry-run")) == {}
    # How to learn changes the weights, and what follows; the windows stay.
    slower = copy.deepcopy(config)
    slower["pretraining"]["learning_rate"] = 0.001
    jobs = list_jobs(snakemake(slower, "train", "--dry-run"))
    assert jobs == {"pretrain": 1, "fine_tune": 1}
    # What is the classifier's alone leaves the pretrained weights as they are.
    frozen = copy.deepcopy(config)
    frozen["backbones"]["encoder"]["tuning"] = "frozen"
    assert list_jobs(snakemake(frozen, "train", "--dry-run")) == {"fine_tune": 1}
    # A new contrast starts from the same weights.
    more = {**config, "contrasts": ["fn_vs_tp", "fp_vs_tp"]}
    assert list_jobs(snakemake(more, "train", "--dry-run")) == {"fine_tune": 1}


@pytest.mark.parametrize(
    ("splits", "jobs"),
    [
        ({"by": "gene", "folds": 3}, 3 * 2),
        ({"by": "chromosome", "test": ["chr3"]}, 2),
        ({"by": "chromosome", "test": ["chr3"], "validation": ["chr2"]}, 1),
    ],
)
def test_runs_share_a_backbone_only_where_they_hold_out_the_same(
    small_input, snakemake, splits, jobs
) -> None:
    config = make_pretraining_config(
        small_input, splits=splits, contrasts=["fn_vs_tp", "fp_vs_tp"]
    )
    counted = list_jobs(snakemake(config, "train", "--dry-run"))
    assert counted["pretrain"] == counted["draw_gene_windows"] == jobs
    assert counted["fine_tune"] == 2 * splits.get("folds", 1)


def test_models_may_be_left_out_and_a_pool_learns_from_its_genomes(
    small_input, snakemake
) -> None:
    config = make_pretraining_config(small_input)
    config["backbones"]["plain"] = config["backbones"]["encoder"]
    config["models"] = ["encoder", "plain"]
    config["pretraining"] = {**PRETRAINING, "models": ["encoder"]}
    copied = {**config["genomes"]["small"]}
    config["genomes"]["copy"] = copied
    config["predictors"]["other"] = {**config["predictors"]["sim"], "genome": "copy"}
    pool = {"pool": ["sim", "other"]}
    pool["splits"] = {"test": ["small:chr3", "copy:chr3"]}
    pool["splits"]["validation"] = ["small:chr2", "copy:chr2"]
    config["predictors"]["both"] = pool
    result = snakemake(config, "train", "--dry-run", "--printshellcmds")
    assert list_jobs(result) == {"draw_gene_windows": 3, "pretrain": 3, "fine_tune": 6}
    assert '"prefix": "copy:"' in result.stdout + result.stderr


def launch(folder: Path, windows: Path, ranks: int) -> tuple[pd.DataFrame, dict]:
    """Pretrain as the rule does, with several ranks over gloo on the CPU."""
    kind = ["--cpu"] if ranks == 1 else ["--multi_gpu"]
    backbone = {**TINY["backbones"]["encoder"], "dropout": 0.0}
    settings = {**PRETRAINING, "tokens_per_batch": 128 * 5}
    del settings["enabled"]
    subprocess.run(
        [
            *("accelerate", "launch"),
            *("--config_file", str(ROOT / "config" / "accelerate.yaml")),
            *("--num_machines", "1", "--mixed_precision", "no"),
            *("--dynamo_backend", "no", "--main_process_port", "0"),
            *(*kind, "--num_processes", str(ranks)),
            *("--num_cpu_threads_per_process", "1"),
            str(ROOT / "workflow" / "scripts" / "pretrain.py"),
            *("--windows", str(windows / "windows.arrow")),
            *("--leakage", str(windows / "leakage.json")),
            *("--backbone", json.dumps(backbone)),
            *("--pretraining", json.dumps(settings)),
            *("--draws", "100", "--output", str(folder)),
        ],
        check=True,
        env=ENVIRONMENT,
        timeout=600,
    )
    history = pd.read_csv(folder / "history.tsv", sep="\t")
    return history, load_file(folder / "model" / "model.safetensors")


def test_two_ranks_give_what_one_gives(
    small_input: Path,
    snakemake: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
) -> None:
    config = make_pretraining_config(small_input)
    result = snakemake(config, f"{PRETRAINED}/windows.arrow")
    assert result.returncode == 0, result.stdout + result.stderr
    windows = snakemake.folder / PRETRAINED
    alone, theirs = launch(tmp_path / "one", windows, 1)
    together, mine = launch(tmp_path / "two", windows, 2)
    for name in ("train_loss", "held_out_sequence_loss", "held_out_annotation_loss"):
        assert together[name].dropna().tolist() == pytest.approx(
            alone[name].dropna().tolist(), abs=1e-4
        )
    for name, weight in theirs.items():
        assert torch.allclose(mine[name], weight, atol=1e-4), name


def test_without_an_annotation_the_config_is_refused(small_input, snakemake) -> None:
    config = make_config(small_input, pretraining=PRETRAINING)
    result = snakemake(config, "train", "--dry-run")
    assert result.returncode != 0
    assert "genomes.small.annotation" in result.stdout + result.stderr
