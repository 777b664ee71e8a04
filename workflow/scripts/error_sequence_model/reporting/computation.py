"""What a report's models were computed with, in a Methods paragraph from run.json."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from error_sequence_model.reporting.data import ReportData
from error_sequence_model.reporting.words import count_words, join_words

# As papers call them; the rest stands under Provenance.
NAMED_PACKAGES = {
    "python": "Python",
    "torch": "PyTorch",
    "transformers": "transformers",
    "accelerate": "accelerate",
    "scikit-learn": "scikit-learn",
    "snakemake": "Snakemake",
}
COMMIT_DIGITS = 12


def describe_computation(data: ReportData) -> list[str]:
    """One paragraph on code, versions, seeds and hardware of all runs.

    Nothing is said where no run has a record.
    """
    runs = [run for unit in (*data.units, *data.controls) for run in unit.runs]
    records = [run.settings for run in runs if run.settings]
    if not records:
        return []
    seeds = _unique(str(record["seed"]) for record in records if "seed" in record)
    words = [f"For this report, {count_words(len(records), 'model')}"]
    if seeds:
        words.append(f" (seed{'s' if len(seeds) > 1 else ''} {join_words(seeds)})")
    were = "was" if len(records) == 1 else "were"
    words.append(
        f" {were} trained with {join_words(_unique(map(_name_code, records)))}"
    )
    versions = _unique(map(_name_versions, records))
    words.append(f", {'; '.join(versions)}" if versions else "")
    hardware = _unique(map(_name_hardware, records))
    words.append(f", on {join_words(hardware)}" if hardware else "")
    # Times differ between equal runs, and equal runs have equal reports.
    text = "".join(words) + "; how long each took is in its run.json."
    digest = (data.audit.get("input") or {}).get("sha256")
    if isinstance(digest, str):
        text += f" The error table has the SHA-256 {digest[:COMMIT_DIGITS]}…"
    return [text]


def _unique(names: Iterable[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if name]


def _name_code(record: dict[str, Any]) -> str:
    version = (record.get("versions") or {}).get("splice-error-analysis")
    name = "splice-error-analysis" + (f" {version}" if version else "")
    commit = record.get("git_commit")
    if not commit:
        return name
    digits, _, changed = commit.partition("-")
    note = ", with local changes" if changed else ""
    return f"{name} (commit {digits[:COMMIT_DIGITS]}{note})"


def _name_versions(record: dict[str, Any]) -> str:
    versions = record.get("versions") or {}
    named = [f"{w} {versions[p]}" for p, w in NAMED_PACKAGES.items() if p in versions]
    return join_words(named) if named else ""


def _name_hardware(record: dict[str, Any]) -> str:
    """The GPUs that a run used, else the processor and threads; and the precision."""
    hardware, execution = record.get("hardware") or {}, record.get("execution") or {}
    gpus = hardware.get("gpus") or []
    precision = f" in {execution['precision']}" if "precision" in execution else ""
    if gpus and execution.get("device", "cuda") != "cpu":
        count = execution.get("processes", len(gpus))
        return f"{count} × {join_words(_unique(gpus))}{precision}"
    if "processor" not in hardware:
        return ""
    threads = hardware.get("threads")
    used = f" ({count_words(threads, 'thread')}, no GPU)" if threads else ""
    return f"{hardware['processor']}{used}{precision}"
