"""What a run of the workflow will do, before it starts: jobs, hours, memory by step.

Which jobs there are is Snakemake's word (its dry run); how long each takes follows from
rates: those of ``resources/rates.tsv``, or of jobs that ran in this folder before.
Times are of one core and no GPU.
"""

from __future__ import annotations

import json
import re
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow.parquet as pq

from error_sequence_model.core import InputError, find_shipped
from error_sequence_model.genome import read_annotation
from error_sequence_model.tables import read_table

HISTORY = Path(".snakemake/metadata")
# Called sites come with decoys: about as many TN, and some FP.
_PER_ANNOTATED = 2.5
# Time of a token grows more slowly than the products it takes: between 2 layers of 32
# and 4 of 128, 32 times as many, it grew 8-fold (docs/benchmarks.md).
_GROWTH = 0.6
_SHAPE = {"layers": 4, "hidden_size": 128}  # a backbone's, where its entry is silent
_TRAINED = ("fine_tune", "pretrain")
_GROUPS = re.compile(
    r"^(?:local)?(?:rule|checkpoint) (?P<rule>\w+):$"
    r"|^    wildcards: (?P<wildcards>.*)$",
    re.MULTILINE,
)


class Job(NamedTuple):
    """A job of Snakemake's dry run: its rule and wildcards."""

    rule: str
    wildcards: Mapping[str, str]


class Step(NamedTuple):
    """All jobs of one rule.

    Attributes:
        rule: Its name.
        jobs: How many.
        seconds: Of all of them, one after the other; None where no rate is known.
        gigabytes: Memory of the largest; nan where it was not measured.
        is_own: Whether the rate is of jobs that ran here.
    """

    rule: str
    jobs: int
    seconds: float | None
    gigabytes: float
    is_own: bool = False


def read_jobs(text: str) -> list[Job]:
    """Read the jobs of ``snakemake --dry-run``."""
    jobs: list[Job] = []
    for found in _GROUPS.finditer(text):
        if found["rule"]:
            jobs.append(Job(found["rule"], {}))
        elif jobs:
            pairs = re.findall(r"(\w+)=([^,]*)", found["wildcards"])
            jobs[-1] = jobs[-1]._replace(wildcards=dict(pairs))
    return jobs


def count_sites(config: Mapping[str, Any], results: Path) -> dict[str, int]:
    """Sites of each predictor: counted where they are, else told from its input.

    Args:
        config: With every default.
        results: The results folder.

    Raises:
        InputError: A table or an annotation cannot be read.
    """
    counts: dict[str, int] = {}
    for name, predictor in config["predictors"].items():
        made = results / name / "sites.parquet"
        if made.is_file():
            counts[name] = pq.read_metadata(made).num_rows
        elif "errors" in predictor:
            counts[name] = len(read_table(predictor["errors"]).frame)
        elif "scores" in predictor:
            genome = config["genomes"][predictor["genome"]]
            path = predictor["annotated_sites"] or genome["annotation"]
            counts[name] = int(_PER_ANNOTATED * len(read_annotation(path).sites))
    for name, predictor in config["predictors"].items():
        if "pool" in predictor:
            counts[name] = sum(counts[member] for member in predictor["pool"])
    return counts


def read_rates(path: str | Path | None = None) -> pd.DataFrame:
    """Read rates, by rule.

    Args:
        path: A table of rule, seconds (of any job), seconds_per_1000_sites (of windows
            of 200 bases) and gigabytes; None: that of the library.

    Raises:
        InputError: Not such a table.
    """
    path = path or find_shipped("resources/rates.tsv")
    rates = pd.read_csv(path, sep="\t", comment="#").set_index("rule")
    needed = {"seconds", "seconds_per_1000_sites", "gigabytes"}
    if missing := needed - set(rates):
        raise InputError(f"{path}: no column {', '.join(sorted(missing))}")
    return rates


def read_history(folder: Path = HISTORY) -> dict[str, float]:
    """Median seconds of the jobs that ran in this folder, by rule."""
    jobs: dict[tuple[str, float], float] = {}
    for path in folder.rglob("*") if folder.is_dir() else ():
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            start, end = float(record["starttime"]), float(record["endtime"])
            jobs[record["rule"], start] = end - start
        except (OSError, ValueError, KeyError, TypeError):
            continue
    taken = defaultdict(list)
    for (rule, _), seconds in jobs.items():
        taken[rule].append(seconds)
    return {rule: statistics.median(values) for rule, values in taken.items()}


def weigh_training(config: Mapping[str, Any], backbone: str) -> float | None:
    """How much dearer a token and epoch is than in the demo's training.

    Returns:
        A factor; None for a published checkpoint, whose size is not in the config.
    """
    entry = config["backbones"][backbone]
    if entry.get("checkpoint"):
        return None
    shape = _SHAPE | {key: entry[key] for key in _SHAPE if key in entry}
    products = shape["layers"] * shape["hidden_size"] ** 2
    return (products / (2 * 32**2)) ** _GROWTH * config["training"]["epochs"] / 12


def plan_steps(
    jobs: Iterable[Job],
    config: Mapping[str, Any],
    sites: Mapping[str, int],
    rates: pd.DataFrame,
    history: Mapping[str, float],
) -> list[Step]:
    """Add up the jobs by rule.

    Args:
        jobs: See ``read_jobs``.
        config: With every default.
        sites: By predictor, see ``count_sites``.
        rates: See ``read_rates``.
        history: See ``read_history``; goes before the rates.

    Returns:
        The steps, in the order of their first job.
    """
    found: dict[str, list[Job]] = {}
    for job in jobs:
        if job.rule != "all":
            found.setdefault(job.rule, []).append(job)
    steps = []
    for rule, members in found.items():
        memory = float(rates["gigabytes"].get(rule, float("nan")))
        if rule in history:
            total: float | None = history[rule] * len(members)
        else:
            costs = [_estimate(job, config, sites, rates) for job in members]
            known = [cost for cost in costs if cost is not None]
            total = sum(known) if len(known) == len(costs) else None
        steps.append(Step(rule, len(members), total, memory, rule in history))
    return steps


def _estimate(
    job: Job, config: Mapping[str, Any], sites: Mapping[str, int], rates: pd.DataFrame
) -> float | None:
    """Seconds of a job; None where no rate is known."""
    if job.rule not in rates.index:
        return None
    factor: float | None = 1.0
    if job.rule in _TRAINED and "backbone" in job.wildcards:
        factor = weigh_training(config, job.wildcards["backbone"])
    if factor is None:
        return None
    rate, windows = rates.loc[job.rule], config["windows"]
    # Jobs of no predictor (a check of all tables) are as large as the largest one.
    n_sites = sites.get(job.wildcards.get("predictor", ""), max(sites.values()))
    width = (windows["upstream"] + windows["downstream"]) / 200
    work = rate["seconds_per_1000_sites"] * n_sites / 1000 * width * factor
    return float(rate["seconds"] + work)


def describe_plan(steps: Iterable[Step], cores: int) -> list[str]:
    """Say what will run: a line per step, then the whole."""
    steps = list(steps)
    lines = [f"{'step':<24}{'jobs':>6}{'minutes':>10}{'GB':>6}"]
    for step in steps:
        minutes = "?" if step.seconds is None else f"{step.seconds / 60:,.1f}"
        memory = f"{step.gigabytes:.1f}" if step.gigabytes > 0 else ""
        mark = "  as before here" if step.is_own else ""
        lines.append(f"{step.rule:<24}{step.jobs:>6,}{minutes:>10}{memory:>6}{mark}")
    total = sum(step.seconds or 0 for step in steps)
    jobs = sum(step.jobs for step in steps)
    lines.append(
        f"{jobs:,} jobs, about {total / 60:,.0f} minutes on one core, "
        f"{total / 60 / cores:,.0f} or more on {cores}; between half and twice that"
    )
    if unknown := [step.rule for step in steps if step.seconds is None]:
        lines.append(
            f"not counted, as no rate is known: {', '.join(unknown)} (published models "
            "and what runs on GPUs; once they ran in this folder, they are)"
        )
    return lines
