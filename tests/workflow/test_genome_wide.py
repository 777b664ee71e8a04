"""A plan of a large study: three predictors, three contrasts, four backbones, …"""

from __future__ import annotations

import resource

import pytest

from workflow_runs import TINY, count_jobs, make_config

pytestmark = pytest.mark.workflow

# Processor time of a plan on a common machine is to stay below the first (about 36 s
# were measured); the second leaves room for slow ones.
GOAL_SECONDS, LIMIT_SECONDS = 60, 90


def test_thousands_of_jobs_are_planned_in_a_minute(small_input, snakemake, capsys):
    predictor = {"genome": "small", "errors": str(small_input / "errors.tsv")}
    encoder = TINY["backbones"]["encoder"]
    config = make_config(
        small_input,
        predictors=dict.fromkeys(("first", "second", "third"), predictor),
        contrasts=["fp_vs_tp", "fn_vs_tp", "fn_vs_tn"],
        splice_types=["donor", "acceptor"],
        backbones={f"model{n}": {**encoder, "layers": n} for n in (1, 2, 3, 4)},
        models=[f"model{n}" for n in (1, 2, 3, 4)],
        splits={"by": "gene", "folds": 5},
        seeds=[1, 2, 3],
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    jobs = count_jobs(snakemake(config, "--dry-run", "--quiet", "rules"))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    with capsys.disabled():
        print(
            f"\n{sum(jobs.values()):,} jobs planned in {seconds:.0f} s of processor "
            f"time (goal {GOAL_SECONDS} s)"
        )
    assert jobs["fine_tune"] == 3 * 3 * 2 * 4 * 5 * 3
    assert seconds < LIMIT_SECONDS
