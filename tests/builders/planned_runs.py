"""The jobs that a workflow plans, run in this process: many small runs in little time.

Starting Python and loading torch takes seconds per job, and the job itself a tenth of
one: a matrix of odd inputs through the whole workflow is affordable only without it.
"""

from __future__ import annotations

import logging
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from step_runs import SCRIPTS, load_script
from workflow_runs import run_snakemake

_COMMAND = re.compile(r"^Shell command: (.+)$", re.MULTILINE)


def list_commands(
    config: dict[str, Any], folder: Path, *targets: str
) -> list[list[str]]:
    """The words of each planned job from its script on, in the order of a run."""
    plan = run_snakemake(config, folder, "--dry-run", "--printshellcmds", *targets)
    text = plan.stdout + plan.stderr
    assert plan.returncode == 0, text
    jobs = []
    for line in _COMMAND.findall(text):
        words = shlex.split(line.partition(" 2> ")[0])
        # Launchers, leases and Python itself come before it.
        places = [i for i, word in enumerate(words) if word.startswith(str(SCRIPTS))]
        if places:
            jobs.append(words[places[-1] :])
    return jobs


def run_planned(
    config: dict[str, Any],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *targets: str,
) -> dict[str, str]:
    """Run the workflow, or its targets, in a folder.

    Returns:
        What failed: predictor -> its first job that did, and how. Later jobs of that
        predictor are left out.
    """
    jobs = list_commands(config, folder, *targets)
    monkeypatch.chdir(folder)
    log = logging.getLogger("error_sequence_model")
    before = log.handlers[:], log.level, log.propagate
    failed: dict[str, str] = {}
    for words in jobs:
        places = re.findall(r"results/(?:reports/|tracks/)?([^/ ]+)/", " ".join(words))
        if failed.keys() & {*places}:
            continue
        for word in words:
            if word.startswith("results/"):
                Path(word).parent.mkdir(parents=True, exist_ok=True)
        step = Path(words[0]).stem
        monkeypatch.setattr(sys, "argv", words)
        module = load_script(step)
        try:
            module.main(module.parse_arguments())
        except (Exception, SystemExit) as error:
            failed[places[-1]] = f"{step}: {type(error).__name__}: {error}"
        finally:
            log.handlers[:], log.level, log.propagate = before
    return failed
