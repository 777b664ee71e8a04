"""A small simulated input, and ways to run the workflow in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from error_sequence_model.simulation import simulate

ROOT = Path(__file__).parents[1]

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


def run_snakemake(
    config: dict[str, Any], folder: Path, *arguments: str, cores: int = 2
) -> subprocess.CompletedProcess[str]:
    """Run the workflow with a config in a folder, on the CPU."""
    config_file = folder / "config.yaml"
    config_file.write_text(yaml.safe_dump(config), encoding="utf-8")
    bin_folder = str(Path(sys.executable).parent)
    environment = {
        **os.environ,
        "PATH": bin_folder + os.pathsep + os.environ["PATH"],
        "HF_HUB_OFFLINE": "1",
    }
    return subprocess.run(
        [
            *(sys.executable, "-m", "snakemake"),
            *("--snakefile", str(ROOT / "Snakefile")),
            *("--directory", str(folder), "--configfile", str(config_file)),
            *("--cores", str(cores), "--resources", "gpu=0"),
            *("--show-failed-logs", *arguments),
        ],
        capture_output=True,
        text=True,
        env=environment,
        timeout=1500,
    )


@pytest.fixture
def snakemake(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the workflow with a config in a fresh folder (``snakemake.folder``)."""

    def run(
        config: dict[str, Any], *arguments: str, cores: int = 2
    ) -> subprocess.CompletedProcess[str]:
        return run_snakemake(config, tmp_path, *arguments, cores=cores)

    run.folder = tmp_path
    return run
