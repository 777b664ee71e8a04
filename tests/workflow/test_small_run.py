"""The whole workflow on a small genome: files, the archive of reports, determinism."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from error_sequence_model import load_model
from headless_browser import find_chromium, open_tab
from workflow_runs import run_snakemake, start_snakemake

pytestmark = pytest.mark.workflow

RUN = "results/sim/fn_vs_tp/donor/encoder/seed1/fold0"
# How often the whole workflow is killed; more on demand, a few in every test run.
KILLS = int(os.environ.get("SPLICE_ERRORS_KILLS", "3"))


def test_a_run_leaves_what_is_promised(finished):
    results = finished.folder
    for name in ("FP", "FN", "TP"):
        assert (results / f"results/reports/sim/attention_{name}.pdf").is_file()
    # No contrast has TN: there is no report on them.
    assert not (results / "results/reports/sim/attention_TN.pdf").exists()
    assert (results / "results/reports/sim/overview.pdf").is_file()
    assert (results / "results/sim/fn_vs_tp/donor/causes.tsv").is_file()
    metrics = json.loads((results / RUN / "metrics.json").read_text())
    assert metrics["n_sites"] == sum(map(sum, metrics["confusion"]))
    assert not (results / "results/.checkpoints").exists() or not list(
        (results / "results/.checkpoints").iterdir()
    )
    model, tokenizer = load_model(results / RUN)
    assert model.config.classes == ["correct", "error"]
    assert tokenizer.encode("ACGT").input_ids.shape == (4,)


def test_killed_at_any_moment_it_ends_with_the_same(finished, tmp_path):
    """The config of the finished run once more, and SIGKILL to all of it."""
    rng = np.random.default_rng()
    # The same copy of the code: reports name its commit.
    same = {"snakefile": finished.repository / "Snakefile"}
    # So many results, then so many seconds: moments all over the run.
    total = count_results(finished.folder)
    for wanted in np.sort(rng.uniform(0, 0.95, KILLS)) * total:
        seconds = rng.uniform(0, 5)
        run = start_snakemake(finished.config, tmp_path, "--rerun-incomplete", **same)
        until = time.monotonic() + 300
        while time.monotonic() < until and run.poll() is None:
            if count_results(tmp_path) >= wanted:
                break
            time.sleep(0.2)
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.communicate(timeout=seconds)
        was_running = run.poll() is None
        # It may have come to its end just now.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)
        run.communicate()
        print(f"{count_results(tmp_path)} of {total} results, {was_running=}")
        unlocked = run_snakemake(finished.config, tmp_path, "--unlock", **same)
        assert unlocked.returncode == 0, unlocked.stderr
    again = run_snakemake(finished.config, tmp_path, "--rerun-incomplete", **same)
    assert again.returncode == 0, again.stdout + again.stderr
    kept, repeated = read_results(finished.folder), read_results(tmp_path)
    print(Counter(Path(name).suffix for name in kept))
    assert kept.keys() == repeated.keys()
    for name, content in kept.items():
        assert content == repeated[name], f"{name} differs between two equal runs"


@pytest.fixture(scope="module")
def archive(finished) -> Path:
    """The archive of reports, made once."""
    path = finished.folder / "report.zip"
    made = finished.run("--report", str(path))
    assert made.returncode == 0, made.stdout + made.stderr
    return path


def test_the_archive_of_reports_needs_no_network_and_holds_them_all(archive):
    with zipfile.ZipFile(archive) as packed:
        files = {Path(name).name: packed.read(name) for name in packed.namelist()}
    for name in ("FP", "FN", "TP"):
        assert files[f"attention_{name}.pdf"].startswith(b"%PDF")
    assert files["overview.pdf"].startswith(b"%PDF")
    assert b"<!DOCTYPE html>" in files["sites.html"]
    assert {"causes.tsv", "report.html"} <= set(files)
    page = files["report.html"].decode()
    for words in ("Why does the predictor get these sites wrong", "site browser"):
        assert words in page
    for label in ("error type", "splice type"):
        assert label in page


# Click what shows a text, as its innermost element; whether there was one.
CLICK = """(() => {
  const shown = [...document.querySelectorAll("a, button, li, div, span")]
    .filter(element => element.innerText.trim() === "TEXT");
  if (shown.length) shown[shown.length - 1].click();
  return shown.length > 0;
})()"""


def test_the_archive_opens_in_a_browser(archive, tmp_path):
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("no Chromium on this machine")
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path)
    (report,) = tmp_path.glob("*/report.html")
    with open_tab(chromium) as tab:
        tab.open(report)

        def wait_for(words: str) -> str:
            for _ in range(100):
                shown = tab.run("document.body.innerText")
                if words in shown:
                    return shown
                time.sleep(0.1)
            raise AssertionError(f"{words!r} does not appear in: {shown[:500]}")

        wait_for("Why does the predictor get these sites wrong?")
        for step in ("Results", "sim"):
            wait_for(step)
            assert tab.run(CLICK.replace("TEXT", step))
        shown = " ".join(wait_for("site browser (HTML)").split())
        assert "WHAT ERROR TYPE SPLICE TYPE" in shown
        for name in ("FP", "FN", "TP"):
            assert f"report (PDF) {name} donor" in shown
        results = json.loads(tab.run("JSON.stringify(Object.values(results))"))
        requests = [r for r in tab.requests if not r.startswith(("file:", "data:"))]
        assert (tab.errors, requests) == ([], [])
    assert len(results) >= 7
    for result in results:
        assert "<p>" in result["caption"] and "sim" in result["caption"]
        assert (report.parent / result["data_uri"]).is_file(), result["name"]


def count_results(folder: Path) -> int:
    """Count the files that are there; those being written are hidden."""
    files = (folder / "results").rglob("*")
    return sum(path.is_file() and "/." not in str(path) for path in files)


def read_results(folder: Path) -> dict[str, object]:
    """Read what must be equal between two runs (not durations)."""
    found: dict[str, object] = {}
    for path in sorted((folder / "results").rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".parquet":
            found[name] = pd.read_parquet(path).to_csv()
        elif path.name == "history.tsv":
            timed = ("tokens_per_second", "seconds", "peak_memory_mb")
            found[name] = pd.read_csv(path, sep="\t").drop(columns=list(timed)).to_csv()
        elif path.name == "run.json":
            continue
        elif path.suffix in (".json", ".tsv", ".safetensors", ".arrow", ".h5", ".pdf"):
            found[name] = path.read_bytes()
    return found
