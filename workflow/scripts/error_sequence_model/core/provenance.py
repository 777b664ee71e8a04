"""Where a result comes from: versions, hashes, seeds, hardware -> run.json."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "splice-error-analysis",
    "torch",
    "transformers",
    "tokenizers",
    "accelerate",
    "peft",
    "safetensors",
    "captum",
    "shap",
    "tangermeme",
    "scikit-learn",
    "scipy",
    "pandas",
    "numpy",
    "pyarrow",
    "h5py",
    "pysam",
    "pyfaidx",
    "pyBigWig",
    "matplotlib",
    "snakemake",
)


def hash_file(path: str | Path) -> str:
    """SHA-256 of a file, as hex digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def get_versions() -> dict[str, str]:
    """Versions of Python and of the packages that shape results."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


def get_git_commit() -> str | None:
    """The commit of this code, with "-modified" if files differ; None without git."""
    folder = Path(__file__).parent
    try:
        commit = _run_git(folder, "rev-parse", "HEAD")
        changed = _run_git(folder, "status", "--porcelain", "--", ".")
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + ("-modified" if changed else "")


def _run_git(folder: Path, *arguments: str) -> str:
    return subprocess.run(  # noqa: S603 - fixed words, no shell
        ["git", *arguments],  # noqa: S607 - the user's own git
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
        timeout=10,
    ).stdout.strip()


def get_hardware() -> dict[str, Any]:
    """System, processor, memory and visible GPUs of this machine, memory in GB."""
    import torch

    gpus = [
        torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "system": platform.platform(),
        "processor": _get_processor(),
        "cores": len(os.sched_getaffinity(0)),
        "threads": torch.get_num_threads(),
        "memory_gb": round(memory / 1e9, 1),
        "gpus": [gpu.name for gpu in gpus],
        "gpu_memory_gb": [round(gpu.total_memory / 1e9, 1) for gpu in gpus],
        "cuda": torch.version.cuda,
    }


def get_time() -> str:
    """The time now, UTC, to the second: "2026-01-31T12:00:00+00:00"."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _get_processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.machine()
