"""What a change redoes, by dry runs over one finished run of a copy of the workflow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from workflow_runs import ROOT, count_jobs, make_config

pytestmark = pytest.mark.workflow

DATA = {"prepare_sites", "extract_windows", "tokenize", "make_split"}
REPORTS = {"write_error_report": 3, "write_overview": 1, "write_browser": 1}
LIBRARY = Path("workflow/scripts/error_sequence_model")


def test_nothing_changed_nothing_runs(finished):
    assert finished.plan() == {}
    # As a fresh clone or a `git pull` leaves it: the same content, new times.
    for path in finished.repository.rglob("*"):
        path.touch()
    assert finished.plan() == {}


def test_a_learning_rate_retrains_and_redoes_what_follows(finished):
    jobs = finished.plan(finished.change("training", "learning_rate", value=0.001))
    assert jobs["fine_tune"] == 1
    assert {"score", "attribute", "check_faithfulness", "compare", *REPORTS} <= set(
        jobs
    )
    before = {"check_data", "compute_features", "fit_baselines", "name_causes"}
    assert not (DATA | before) & set(jobs)


def test_a_colour_redraws_and_nothing_else(finished):
    blue = finished.change("reports", "colours", value={"FN": "#0000ff"})
    assert finished.plan(blue) == REPORTS


def test_a_threshold_of_the_causes_redoes_what_is_drawn_from_them(finished):
    jobs = finished.plan(finished.change("causes", "fdr", value=0.01))
    # The explanations that stand beside the causes, their words on the genome, and the
    # overview's row of them.
    told = {"name_causes", "explain_errors"}
    assert set(jobs) == told | {*REPORTS, "write_tracks"}


def test_a_new_seed_adds_itself_only(finished):
    jobs = finished.plan(finished.change("seeds", value=[1, 2]))
    assert not (DATA | {"compute_features", "fit_baselines"}) & set(jobs)
    once = ("fine_tune", "score", "extract_attention", "attribute", "find_motifs")
    assert {rule: jobs[rule] for rule in once} == dict.fromkeys(once, 1)


def plan_edited(finished, module: str) -> dict[str, int]:
    """Jobs of a dry run after an edit in a module of the library, which is undone."""
    path = finished.repository / LIBRARY / module
    before = path.read_text(encoding="utf-8")
    path.write_text(f"{before}\nANOTHER = 1\n", encoding="utf-8")
    try:
        return finished.plan()
    finally:
        path.write_text(before, encoding="utf-8")


def test_an_edit_in_the_library_redoes_what_it_defines(finished):
    jobs = plan_edited(finished, "windows/windows.py")
    assert "prepare_sites" not in jobs
    assert {"extract_windows", "tokenize", "make_split", "fine_tune"} <= set(jobs)
    assert finished.plan() == {}


def test_an_edit_of_a_map_retrains_nothing(finished):
    jobs = plan_edited(finished, "attribution/integration.py")
    assert {"attribute", "check_faithfulness", "find_motifs"} <= set(jobs)
    assert not {"fine_tune", "score", "compare", "name_causes"} & set(jobs)


def test_an_edit_of_the_training_loop_trains_anew(finished):
    jobs = plan_edited(finished, "training/loop.py")
    assert {"fine_tune", "score", "attribute", "find_motifs"} <= set(jobs)
    assert not (DATA | {"fit_baselines", "name_causes"}) & set(jobs)


@pytest.mark.parametrize(
    ("section", "key", "value", "rule"),
    [
        ("verification", "sites", 41, "verify_features"),
        ("motifs", "sites", 200, "find_motifs"),
        ("explanation", "baseline", "mask", "attribute"),
    ],
)
def test_a_setting_of_a_step_redoes_it(finished, section, key, value, rule):
    jobs = finished.plan(finished.change(section, key, value=value))
    assert jobs[rule] == 1 and "fine_tune" not in jobs


def test_the_number_of_gpus_changes_nothing(finished):
    assert finished.plan(gpus=1) == {}
    assert finished.plan(gpus=4) == {}


MODULE = """
configfile: "config.yaml"


module splice_errors:
    snakefile:
        "{snakefile}"
    config:
        config


use rule * from splice_errors as errors_*


rule count:
    input:
        rules.errors_prepare_sites.output.sites.format(predictor="sim"),
    output:
        "count.txt",
    shell:
        "ls -l {{input}} > {{output}}"
"""


def test_as_a_module_of_another_workflow(small_input, tmp_path):
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(make_config(small_input)))
    text = MODULE.format(snakefile=ROOT / "workflow" / "Snakefile")
    (tmp_path / "Snakefile").write_text(text)
    options = ("--resources", "gpu=0", "--cores", "1")
    command = [sys.executable, "-m", "snakemake", *options]
    done = subprocess.run(
        [*command, "count"], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "sites.parquet" in (tmp_path / "count.txt").read_text()
    planned = subprocess.run(
        [*command, "--dry-run", "errors_all"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    jobs = count_jobs(planned)
    assert jobs["errors_fine_tune"] == 1 and jobs["errors_write_error_report"] == 3
    assert "errors_prepare_sites" not in jobs
