"""The whole workflow on a small genome: files, reruns, determinism."""

from __future__ import annotations

import copy
import json
import subprocess
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from error_sequence_model import load_model
from workflow_runs import make_config

pytestmark = pytest.mark.workflow

RUN = "results/sim/fn_vs_tp/donor/encoder/seed1/fold0"


def count_jobs(result: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """Read the jobs of a dry run: {rule: number}."""
    assert result.returncode == 0, result.stdout + result.stderr
    jobs: dict[str, int] = {}
    text = result.stdout + result.stderr
    if "Job stats:" not in text:
        return jobs
    for line in text.split("Job stats:")[1].splitlines()[3:]:
        fields = line.split()
        if len(fields) != 2 or fields[0] == "total":
            break
        jobs[fields[0]] = int(fields[1])
    return jobs


def test_run_rerun_and_repeat(small_input, snakemake):
    config = make_config(small_input)
    first = snakemake(config)
    assert first.returncode == 0, first.stdout + first.stderr
    results = snakemake.folder
    for name in ("FP", "FN", "TP", "TN"):
        assert (results / f"results/reports/sim/attention_{name}.pdf").is_file()
    assert (results / "results/reports/sim/overview.pdf").is_file()
    assert (results / "results/sim/fn_vs_tp/donor/causes.tsv").is_file()
    check_report_archive(snakemake, config)
    metrics = json.loads((results / RUN / "metrics.json").read_text())
    assert metrics["n_sites"] == sum(map(sum, metrics["confusion"]))
    assert not (results / "results/.checkpoints").exists() or not list(
        (results / "results/.checkpoints").iterdir()
    )
    model, tokenizer = load_model(results / RUN)
    assert model.config.classes == ["correct", "error"]
    assert tokenizer.encode("ACGT").input_ids.shape == (4,)

    # Nothing changed: nothing runs.
    assert count_jobs(snakemake(config, "--dry-run")) == {}
    # A learning rate retrains, and redoes what follows; the data stay.
    faster = copy.deepcopy(config)
    faster["training"]["learning_rate"] = 0.001
    jobs = count_jobs(snakemake(faster, "--dry-run"))
    assert jobs["fine_tune"] == 1
    assert not {"prepare_sites", "extract_windows", "tokenize", "make_split"} & set(
        jobs
    )
    # A threshold of the named causes redoes what is drawn from them, no model.
    stricter = {**config, "causes": {"fdr": 0.01}}
    jobs = count_jobs(snakemake(stricter, "--dry-run"))
    assert set(jobs) == {"name_causes", "write_error_report", "write_browser", "all"}
    # A new seed adds itself only.
    seeds = {**config, "seeds": [1, 2]}
    assert count_jobs(snakemake(seeds, "--dry-run"))["fine_tune"] == 1

    # The same config again, from nothing: identical tables and weights.
    kept = read_results(results)
    subprocess.run(["rm", "-rf", str(results / "results")], check=True)
    again = snakemake(config)
    assert again.returncode == 0, again.stdout + again.stderr
    repeated = read_results(results)
    assert kept.keys() == repeated.keys()
    for name, content in kept.items():
        assert content == repeated[name], f"{name} differs between two equal runs"


def check_report_archive(snakemake, config: dict) -> None:
    """`--report` makes, without a network, an archive with every report inside."""
    archive = snakemake.folder / "report.zip"
    made = snakemake(config, "--report", str(archive))
    assert made.returncode == 0, made.stdout + made.stderr
    with zipfile.ZipFile(archive) as packed:
        files = {Path(name).name: packed.read(name) for name in packed.namelist()}
    for name in ("FP", "FN", "TP", "TN"):
        assert files[f"attention_{name}.pdf"].startswith(b"%PDF")
    assert files["overview.pdf"].startswith(b"%PDF")
    assert b"<!DOCTYPE html>" in files["sites.html"]
    assert {"causes.tsv", "report.html"} <= set(files)
    page = files["report.html"].decode()
    for words in ("Why does the predictor get these sites wrong", "site browser"):
        assert words in page
    for label in ("error type", "splice type"):
        assert label in page


def read_results(folder: Path) -> dict[str, object]:
    """Read what must be equal between two runs (not durations)."""
    found: dict[str, object] = {}
    for path in sorted((folder / "results").rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".parquet":
            found[name] = pd.read_parquet(path).to_csv()
        elif path.name == "history.tsv":
            timed = ("tokens_per_second", "seconds", "peak_memory_mb")
            found[name] = pd.read_csv(path, sep="\t").drop(columns=list(timed)).to_csv()
        elif path.name == "run.json":
            continue
        elif path.suffix in (".json", ".tsv", ".safetensors", ".arrow", ".h5"):
            found[name] = path.read_bytes()
    return found
