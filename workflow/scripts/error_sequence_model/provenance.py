"""Where a result comes from: versions, hashes, seeds, hardware -> run.json."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "torch",
    "transformers",
    "accelerate",
    "peft",
    "captum",
    "scikit-learn",
    "pandas",
    "numpy",
    "pysam",
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
    """Processor, cores and GPUs of this machine."""
    import torch

    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "processor": _get_processor(),
        "cores": len(os.sched_getaffinity(0)),
        "threads": torch.get_num_threads(),
        "gpus": gpus,
    }


def _get_processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.machine()
