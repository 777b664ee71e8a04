"""A genome scored by a predictor's own weights: in parts, resumed, rerun, called."""

from __future__ import annotations

import json
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyBigWig
import pytest

from made_predictors import make_reading_layers, write_pangolin, write_spliceai
from workflow_runs import ROOT, count_jobs, make_config, run_snakemake

pytestmark = pytest.mark.workflow
SITES = "results/sim/sites.parquet"
SCORING = {"score_genome": 2, "join_scores": 1, "call_sites": 1, "prepare_sites": 1}


class Scored(NamedTuple):
    """A genome that was scored: where, with what, and what was said on the way."""

    folder: Path
    config: dict[str, Any]
    options: dict[str, Any]
    killed: Any
    resumed: Any

    def run(self, *words: str, config: dict[str, Any] | None = None):
        return run_snakemake(config or self.config, self.folder, *words, **self.options)


def configure(small_input: Path, folder: Path, **scores: Any) -> dict[str, Any]:
    """A config whose predictor is scored here."""
    genome = {
        "fasta": str(small_input / "genome.fa"),
        "annotation": str(small_input / "annotation.gtf"),
    }
    given = {"model": "spliceai", "weights": str(folder / "made.h5"), "parts": 2}
    predictor = {
        "genome": "small",
        "scores": {"format": "model", **given, "precision": "fp32", **scores},
        "threshold": "topk",
    }
    return make_config(
        small_input, genomes={"small": genome}, predictors={"sim": predictor}
    )


def copy_workflow(folder: Path) -> Path:
    """A copy with small parts, which dies after the third until a file `go` is there.

    Returns:
        Its Snakefile.
    """
    for name in ("workflow", "config", "envs", "resources"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    package = folder / "workflow/scripts/error_sequence_model/predictors"
    text = (package / "genome_scores.py").read_text()
    call = "            _do_part(plan, number, group, progress)\n"
    death = "            if number == 2 and not Path('go').exists():\n"
    death += "                import os; os.kill(os.getpid(), 9)\n"
    size = "PART_BASES = 4_000_000\n"
    assert call in text and size in text
    text = text.replace(call, call + death).replace(size, "PART_BASES = 20_000\n")
    (package / "genome_scores.py").write_text(text)
    return Path(shutil.copy(ROOT / "Snakefile", folder))


@pytest.fixture(scope="module")
def scored(small_input: Path, tmp_path_factory: pytest.TempPathFactory) -> Scored:
    """Killed once, resumed, and called."""
    folder = tmp_path_factory.mktemp("work")
    options = {"snakefile": copy_workflow(tmp_path_factory.mktemp("repository"))}
    write_spliceai(folder / "made.h5", layers=make_reading_layers())
    config = configure(small_input, folder)
    words = ("--keep-going", "--rerun-incomplete", "--", SITES)
    killed = run_snakemake(config, folder, *words, **options)
    parts = list(folder.glob("results/sim/scores/parts/*/*.npz"))
    (folder / "go").touch()
    resumed = run_snakemake(config, folder, *words, **options)
    assert len(parts) > 3
    return Scored(folder, config, options, killed, resumed)


def test_a_killed_job_goes_on(scored):
    assert scored.killed.returncode != 0
    assert scored.resumed.returncode == 0, scored.resumed.stderr
    log = (scored.folder / "logs/sim/score_part1of2.log").read_text()
    assert "2 of" in log and "parts are there" in log
    # The part that was not killed was not run again.
    assert "score_part2of2" not in scored.resumed.stdout + scored.resumed.stderr


def test_what_is_left_are_tracks_regions_and_a_record(scored):
    folder = scored.folder / "results/sim/scores"
    names = [f"{t}.{s}.bw" for t in ("acceptor", "donor") for s in ("minus", "plus")]
    names += ["provenance.json", "regions.bed"]
    assert sorted(path.name for path in folder.iterdir()) == names
    record = json.loads((folder / "provenance.json").read_text())
    assert record["weights"][0]["file"] == "made.h5"
    assert record["precision"] == ["fp32"]
    assert "CC BY-NC 4.0" in record["licence"]
    assert "CC BY-NC 4.0" in (scored.folder / "logs/sim/score_part1of2.log").read_text()


def test_the_tracks_are_called_as_any_others(scored):
    sites = pd.read_parquet(scored.folder / SITES)
    annotated = sites[sites["pred_type"].isin(["TP", "FN"])]
    is_found = annotated["pred_type"].eq("TP")
    shares = is_found.groupby([annotated["splice_type"], annotated["strand"]]).mean()
    # The made network reads a few bases of the consensus. Of scores that lie one base
    # beside the place next to none would be found.
    assert shares["donor"].min() > 0.4
    assert shares["acceptor"].min() > 0.1
    assert {"FP", "TN"} <= set(sites["pred_type"])
    found = sites[sites["pred_type"].eq("TP") & sites["strand"].eq("-")]
    track = scored.folder / "results/sim/scores/donor.minus.bw"
    donors = found[found["splice_type"].eq("donor")]
    assert len(donors) > 0
    with pyBigWig.open(str(track)) as file:
        for row in donors.itertuples():
            (value,) = file.values(row.chrom, row.junction, row.junction + 1)
            assert value == pytest.approx(row.score)


def test_nothing_runs_twice_and_a_lost_track_is_made_again(scored):
    assert count_jobs(scored.run("--dry-run", SITES)) == {}
    track = scored.folder / "results/sim/scores/donor.plus.bw"
    kept = track.with_suffix(".kept")
    track.rename(kept)
    jobs = count_jobs(scored.run("--dry-run", str(track.relative_to(scored.folder))))
    kept.rename(track)
    assert jobs == {"score_genome": 2, "join_scores": 1}


def test_other_weights_are_scored_again(scored):
    """Last in this file: it leaves other results behind."""
    write_spliceai(scored.folder / "made.h5", layers=make_reading_layers(0.5))
    assert count_jobs(scored.run("--dry-run", SITES)) == SCORING
    record = scored.folder / "results/sim/scores/provenance.json"
    before = json.loads(record.read_text())
    done = scored.run("--", str(record.relative_to(scored.folder)))
    assert done.returncode == 0, done.stderr
    after = json.loads(record.read_text())
    assert before["weights"] != after["weights"]
    assert before["scored"] != after["scored"]


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ({"weights": "package"}, "pip install --no-deps spliceai"),
        ({"weights": "nowhere/"}, "nowhere"),
        ({"model": "spliceia"}, "spliceai, openspliceai, pangolin"),
        ({"tissue": "heart"}, "spliceai has no tissues"),
        ({"model": "pangolin"}, "scores.tissue"),
    ],
)
def test_what_is_missing_is_said_before_any_job(small_input, snakemake, scores, said):
    if scores.get("weights") == "package":
        try:
            metadata.distribution("spliceai")
        except metadata.PackageNotFoundError:
            pass
        else:
            pytest.skip("spliceai is installed here; its weights are found then")
    config = configure(small_input, snakemake.folder, **scores)
    done = snakemake(config, "--dry-run", SITES)
    assert done.returncode != 0
    assert said in done.stdout + done.stderr


def test_usage_is_a_track_of_pangolin(small_input, snakemake):
    for name in ("final.1.0.3.v2", "final.1.1.3"):
        write_pangolin(snakemake.folder / name, width=2)
    folder = str(snakemake.folder)
    options = {"model": "pangolin", "tissue": "heart", "weights": folder, "parts": 3}
    config = configure(small_input, snakemake.folder, **options)
    done = snakemake(config, "--dry-run", "--printshellcmds", SITES)
    jobs = count_jobs(done)
    assert jobs["score_genome"] == 3
    assert jobs["join_scores_and_usage"] == 1
    assert "results/sim/scores/usage.plus.bw" in done.stdout + done.stderr
    # Methods name the weights.
    report = "results/reports/sim/overview.pdf"
    done = snakemake(config, "--dry-run", "--printshellcmds", report)
    record = "--scored-by results/sim/scores/provenance.json"
    assert record in done.stdout + done.stderr
