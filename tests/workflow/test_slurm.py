"""The workflow through the SLURM profile, on a real SLURM with two pretended GPUs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from workflow_runs import ROOT, make_config

pytestmark = pytest.mark.workflow

SCRIPT = ROOT / "tests" / "cluster" / "slurm.sh"
LIMIT_SECONDS = 240
RUN = "results/sim/fn_vs_tp/donor/encoder/seed1/fold0"


class Job(NamedTuple):
    """A line of squeue."""

    number: str
    state: str
    partition: str
    gpus: str
    rule: str


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A running cluster of one node with two pretended GPUs."""
    folder = tmp_path_factory.mktemp("slurm") / "cluster"
    started = subprocess.run(
        [SCRIPT, "up", folder], capture_output=True, text=True, timeout=300
    )
    if started.returncode == 3:
        pytest.skip(started.stderr.strip())
    assert started.returncode == 0, started.stderr
    yield
    subprocess.run([SCRIPT, "down", folder], check=True, timeout=60)


def list_jobs() -> list[Job]:
    """The jobs that SLURM knows; the plugin writes the rule into the comment."""
    columns = "JobID:|,State:|,Partition:|,tres-per-job:|,Comment:"
    shown = subprocess.run(
        ["squeue", "--noheader", "--states=all", f"--Format={columns}"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    rows = [line.split("|") for line in shown.stdout.splitlines()]
    return [Job(*map(str.strip, row)) for row in rows if len(row) == 5]


def start_workflow(config: dict[str, Any], folder: Path) -> subprocess.Popen[str]:
    """Submit the workflow with the shipped profile; only waiting is shortened."""
    config_file = folder / "config.yaml"
    config_file.write_text(yaml.safe_dump(config), encoding="utf-8")
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile"),
            *("--workflow-profile", ROOT / "workflow" / "profiles" / "slurm"),
            *("--directory", folder, "--configfile", config_file),
            # Without accounting only squeue knows the jobs.
            *("--slurm-no-account", "--slurm-status-command", "squeue"),
            *("--slurm-init-seconds-before-status-checks", "2"),
            *("--seconds-between-status-checks", "2"),
            *("--", f"{RUN}/model/model.safetensors"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HF_HUB_OFFLINE": "1",
        },
    )


def test_a_killed_job_resumes_on_a_cluster(
    cluster: None, small_input: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    config = make_config(small_input)
    config["training"] = {**config["training"], "epochs": 40, "gpus": 1}
    workflow = start_workflow(config, tmp_path)
    seen: dict[str, Job] = {}
    killed = ""
    stop = time.monotonic() + LIMIT_SECONDS
    while workflow.poll() is None and time.monotonic() < stop:
        for job in list_jobs():
            seen[job.number] = job
            is_training = "fine_tune" in job.rule and job.state == "RUNNING"
            if is_training and not killed and find_checkpoints(tmp_path):
                subprocess.run(
                    ["scancel", "--signal=KILL", "--full", job.number],
                    check=True,
                )
                killed = job.number
        time.sleep(0.5)
    if workflow.poll() is None:
        workflow.kill()
    output, _ = workflow.communicate()
    table = "\n".join(" ".join(job) for job in seen.values())
    with capsys.disabled():
        print(f"\n{table}")
    assert workflow.returncode == 0, f"{output}\n{table}"
    assert killed, f"training ended before it had a checkpoint to lose\n{table}"
    training = [job for job in seen.values() if "fine_tune" in job.rule]
    assert len(training) == 2, table
    assert {job.partition for job in training} == {"gpu"}
    assert {job.gpus for job in training} == {"gres:gpu:1"}
    assert [job.state for job in training] == ["CANCELLED", "COMPLETED"], table
    tables = [job for job in seen.values() if "prepare_sites" in job.rule]
    assert {job.partition for job in tables} == {"cpu"}
    assert all(job.gpus == "N/A" for job in tables)
    log = next(tmp_path.glob("logs/sim/fn_vs_tp/donor/*/train.log")).read_text()
    assert "resum" in log.lower(), log
    assert (tmp_path / RUN / "model/model.safetensors").is_file()
    assert not find_checkpoints(tmp_path)


def find_checkpoints(folder: Path) -> list[Path]:
    """Checkpoints of running trainings."""
    return list(folder.glob("results/.checkpoints/*/*"))
