"""What a run of the workflow will do, before it starts: jobs, hours, memory by step.

Which jobs there are is Snakemake's word (its dry run); how long each takes follows from
rates: those of ``resources/rates.tsv``, or of jobs that ran in this folder before.
Times are of one core and no GPU.
"""

from __future__ import annotations

import functools
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
from error_sequence_model.predictors import plan_scores
from error_sequence_model.tables import read_table

HISTORY = Path(".snakemake/metadata")
# Called sites come with as many FP as FN, and with decoys for both: a sixth is missed.
_PER_ANNOTATED = 2
# Time of a token grows more slowly than the products it takes: between 2 layers of 32
# and 4 of 128, 32 times as many, it grew 8-fold (docs/benchmarks.md).
_GROWTH = 0.6
_SHAPE = {"layers": 4, "hidden_size": 128}  # a backbone's, where its entry is silent
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


class Sizes(NamedTuple):
    """How much there is to do, by predictor.

    Attributes:
        sites: Rows of its sites.
        scored: Bases that a job scores, in millions, times the networks; only of
            predictors that are run here.
    """

    sites: Mapping[str, int]
    scored: Mapping[str, float]


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


def measure_input(config: Mapping[str, Any], results: Path) -> Sizes:
    """Sites of each predictor: counted where they are, else told from its input.

    Args:
        config: With every default.
        results: The results folder.

    Raises:
        InputError: A table, an annotation or a predictor's weights cannot be read.
    """
    read = functools.cache(read_annotation)
    counts: dict[str, int] = {}
    scored: dict[str, float] = {}
    for name, predictor in config["predictors"].items():
        made = results / name / "sites.parquet"
        if made.is_file():
            counts[name] = pq.read_metadata(made).num_rows
        elif "errors" in predictor:
            counts[name] = len(read_table(predictor["errors"]).frame)
        elif "scores" in predictor:
            genome = config["genomes"][predictor["genome"]]
            path = predictor["annotated_sites"] or genome["annotation"]
            annotation = read(path)
            sites, genes = annotation.sites, annotation.genes
            scores = predictor["scores"]
            if predictor["biotypes"] and genes is not None:
                genes = genes[genes["gene_biotype"].isin(predictor["biotypes"])]
                sites = sites[sites["gene_id"].isin(genes["gene_id"])]
            counts[name] = _PER_ANNOTATED * len(sites)
            if scores["format"] == "model" and genes is not None:
                plan = plan_scores(
                    scores["model"], scores["weights"], scores.get("tissue")
                )
                bases = (genes["end"] - genes["start"] + 2 * scores["flank"]).sum()
                scored[name] = len(plan.weights) * bases / 1e6 / scores["parts"]
    for name, predictor in config["predictors"].items():
        if "pool" in predictor:
            counts[name] = sum(counts[member] for member in predictor["pool"])
    return Sizes(counts, scored)


def read_rates(path: str | Path | None = None) -> pd.DataFrame:
    """Read rates, by rule.

    Args:
        path: A table of rule, seconds (of any job), seconds_per_1000 (sites with
            windows of 200 bases, or what its head says) and gigabytes; None: that of
            the library.

    Raises:
        InputError: Not such a table.
    """
    path = path or find_shipped("resources/rates.tsv")
    rates = pd.read_csv(path, sep="\t", comment="#").set_index("rule")
    needed = {"seconds", "seconds_per_1000", "gigabytes"}
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


def weigh_backbone(config: Mapping[str, Any], backbone: str) -> float | None:
    """How much dearer a token is than with the demo's network.

    Returns:
        A factor; None for a published checkpoint, whose size is not in the config.
    """
    entry = config["backbones"][backbone]
    if entry.get("checkpoint"):
        return None
    shape = _SHAPE | {key: entry[key] for key in _SHAPE if key in entry}
    products = shape["layers"] * shape["hidden_size"] ** 2
    return (products / (2 * 32**2)) ** _GROWTH


def plan_steps(
    jobs: Iterable[Job],
    config: Mapping[str, Any],
    sizes: Sizes,
    rates: pd.DataFrame,
    history: Mapping[str, float],
) -> list[Step]:
    """Add up the jobs by rule.

    Args:
        jobs: See ``read_jobs``.
        config: With every default.
        sizes: See ``measure_input``.
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
            costs = [_estimate(job, config, sizes, rates) for job in members]
            known = [cost for cost in costs if cost is not None]
            total = sum(known) if len(known) == len(costs) else None
        steps.append(Step(rule, len(members), total, memory, rule in history))
    return steps


def _estimate(
    job: Job, config: Mapping[str, Any], sizes: Sizes, rates: pd.DataFrame
) -> float | None:
    """Seconds of a job; None where no rate is known."""
    if job.rule not in rates.index:
        return None
    work = _measure_job(job, config, sizes)
    if work is None:
        return None
    rate = rates.loc[job.rule]
    return float(rate["seconds"] + rate["seconds_per_1000"] * work / 1000)


def _measure_job(job: Job, config: Mapping[str, Any], sizes: Sizes) -> float | None:
    """What a job does, in the unit of its rate; None if that is not known."""
    named = job.wildcards
    if job.rule == "score_genome":
        scored = sizes.scored.get(named["predictor"])
        return None if scored is None else 1000 * scored
    pretraining, windows = config["pretraining"], config["windows"]
    if job.rule == "draw_gene_windows":
        return float(pretraining["windows"])
    factor: float | None = 1.0
    if job.rule in ("fine_tune", "pretrain"):
        factor = weigh_backbone(config, named["backbone"])
    if factor is None:
        return None
    if job.rule == "pretrain":
        drawn = pretraining["windows"] * pretraining["epochs"]
        return float(drawn * pretraining["length"] / 200 * factor)
    if job.rule == "fine_tune":
        # Of k folds one is tested and one chooses the epoch; else about half is learnt.
        folds = config["splits"]["folds"]
        factor *= config["training"]["epochs"] * (1 - 2 / folds if folds else 0.5)
    if job.rule == "fit_cnn":
        cnn = config["baselines"]["cnn"]
        factor = cnn["epochs"] * (cnn["channels"] / 16) ** (2 * _GROWTH)
    # Jobs of no predictor (a check of all tables) are as large as the largest one.
    n_sites = sizes.sites.get(named.get("predictor", ""), max(sizes.sites.values()))
    share = 0.5 if named.get("splice_type") in ("donor", "acceptor") else 1
    width = (windows["upstream"] + windows["downstream"]) / 200
    return n_sites * share * width * factor


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
