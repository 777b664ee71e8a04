"""A small simulated input, and ways to run the workflow in a folder of its own."""

from __future__ import annotations

import copy
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from error_sequence_model.simulation import simulate

ROOT = Path(__file__).parents[2]

# A model that trains in seconds: these tests are about the workflow, not about scores.
TINY = {
    "splice_types": ["donor"],
    "contrasts": ["fn_vs_tp"],
    "windows": {"upstream": 60, "downstream": 60},
    "splits": {"test": ["chr3"], "validation": ["chr2"]},
    "backbones": {
        "encoder": {
            "architecture": "nucleotide_encoder",
            "layers": 1,
            "heads": 2,
            "hidden_size": 16,
            "stem_channels": 8,
            "stem_dilations": [1],
        }
    },
    "training": {"epochs": 1, "batch_size": 16, "threads": 1, "precision": "fp32"},
    "evaluation": {"bootstrap_draws": 200},
    "explanation": {
        "methods": ["integrated_gradients"],
        "sites_per_class": 4,
        "baseline": "mean",
    },
}


@pytest.fixture(scope="session")
def small_input(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated genome of three chromosomes with its error table."""
    folder = tmp_path_factory.mktemp("input")
    simulate(folder, seed=3, chromosomes=3, genes_per_chromosome=12)
    return folder


def make_config(small_input: Path, **changes: Any) -> dict[str, Any]:
    """Make a config for the small input; ``changes`` replace its sections."""
    config = {
        "genomes": {"small": {"fasta": str(small_input / "genome.fa")}},
        "predictors": {
            "sim": {
                "genome": "small",
                "errors": str(small_input / "errors.tsv"),
                "truth": str(small_input / "truth.bed"),
            }
        },
        **TINY,
    }
    return {**config, **changes}


def start_snakemake(
    config: dict[str, Any],
    folder: Path,
    *arguments: str,
    cores: int = 2,
    gpus: int = 0,
    snakefile: Path = ROOT / "Snakefile",
    before: Sequence[str] = (),
) -> subprocess.Popen[str]:
    """Start the workflow in a folder, in a session of its own; see `run_snakemake`."""
    config_file = folder / "config.yaml"
    config_file.write_text(yaml.safe_dump(config), encoding="utf-8")
    bin_folder = str(Path(sys.executable).parent)
    environment = {
        **os.environ,
        "PATH": bin_folder + os.pathsep + os.environ["PATH"],
        "HF_HUB_OFFLINE": "1",
    }
    return subprocess.Popen(
        [
            *(*before, sys.executable, "-m", "snakemake"),
            *("--snakefile", str(snakefile)),
            *("--directory", str(folder), "--configfile", str(config_file)),
            *("--cores", str(cores), "--resources", f"gpu={gpus}"),
            *("--show-failed-logs", *arguments),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )


def run_snakemake(
    config: dict[str, Any], folder: Path, *arguments: str, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run the workflow with a config in a folder, on the CPU unless told otherwise."""
    process = start_snakemake(config, folder, *arguments, **options)
    try:
        output, errors = process.communicate(timeout=1500)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def count_jobs(result: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """Read the jobs of a dry run: {rule: number}, without the target itself."""
    assert result.returncode == 0, result.stdout + result.stderr
    jobs: dict[str, int] = {}
    text = result.stdout + result.stderr
    if "Job stats:" not in text:
        assert "Nothing to be done" in text, text
        return jobs
    for line in text.split("Job stats:")[1].splitlines()[3:]:
        fields = line.split()
        if len(fields) != 2 or fields[0] == "total":
            break
        jobs[fields[0]] = int(fields[1])
    return {rule: number for rule, number in jobs.items() if rule != "all"}


class Finished(NamedTuple):
    """A run that is done: the workflow's copy, the working folder, the config."""

    repository: Path
    folder: Path
    config: dict[str, Any]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the copy of the workflow once more, with further arguments."""
        snakefile = self.repository / "Snakefile"
        return run_snakemake(self.config, self.folder, *arguments, snakefile=snakefile)

    def plan(
        self, config: dict[str, Any] | None = None, gpus: int = 0
    ) -> dict[str, int]:
        """Jobs that a dry run names, {rule: number}."""
        snakefile = self.repository / "Snakefile"
        options = {"gpus": gpus, "snakefile": snakefile}
        config = self.config if config is None else config
        return count_jobs(run_snakemake(config, self.folder, "--dry-run", **options))

    def change(self, *keys: str, value: Any) -> dict[str, Any]:
        """The config with one value changed."""
        config = copy.deepcopy(self.config)
        section = config
        for key in keys[:-1]:
            section = section.setdefault(key, {})
        section[keys[-1]] = value
        return config


@pytest.fixture(scope="session")
def finished(small_input: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """One finished run; its copy of the workflow may be touched and edited."""
    repository = tmp_path_factory.mktemp("repository")
    for name in ("workflow", "config", "envs", "resources"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, repository / name, ignore=ignored)
    shutil.copy(ROOT / "Snakefile", repository)
    run = Finished(
        repository, tmp_path_factory.mktemp("work"), make_config(small_input)
    )
    done = run_snakemake(run.config, run.folder, snakefile=run.repository / "Snakefile")
    assert done.returncode == 0, done.stdout + done.stderr
    return run


@pytest.fixture
def snakemake(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the workflow with a config in a fresh folder (``snakemake.folder``)."""

    def run(
        config: dict[str, Any], *arguments: str, cores: int = 2
    ) -> subprocess.CompletedProcess[str]:
        return run_snakemake(config, tmp_path, *arguments, cores=cores)

    run.folder = tmp_path
    return run
