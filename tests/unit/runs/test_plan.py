from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from error_sequence_model.runs import (
    Job,
    Sizes,
    Step,
    describe_plan,
    measure_input,
    plan_steps,
    read_history,
    read_jobs,
    read_rates,
    weigh_backbone,
)
from error_sequence_model.settings import complete_config

DRY_RUN = """
Job stats:
job            count
-----------  -------
fine_tune          2
total              4

[Sat Nov 28 18:34:21 2026]
rule prepare_sites:
    input: a.tsv
    output: results/mine/sites.parquet
    wildcards: predictor=mine
    resources: tmpdir=/tmp
[Sat Nov 28 18:34:21 2026]
rule fine_tune:
    input: b
    wildcards: predictor=mine, contrast=fp_vs_tp, backbone=encoder, seed=1
[Sat Nov 28 18:34:21 2026]
rule fine_tune:
    wildcards: predictor=other, contrast=fp_vs_tp, backbone=encoder, seed=1
localrule all:
    input: c
"""


def make_config(**more: object) -> dict:
    return complete_config(
        {
            "genomes": {"g": {"fasta": "g.fa"}},
            "predictors": {
                "mine": {"genome": "g", "errors": "mine.tsv"},
                "other": {"genome": "g", "errors": "other.tsv"},
            },
            "windows": {"upstream": 100, "downstream": 100},
            "backbones": {
                "encoder": {
                    **{"architecture": "nucleotide_encoder", "heads": 2},
                    **{"layers": 2, "hidden_size": 32},
                },
                "published": {"architecture": "dnabert2", "checkpoint": "models/d"},
            },
            "models": ["encoder"],
            "training": {"epochs": 12},
            **more,
        }
    )


RATES = pd.DataFrame(
    {
        "rule": ["prepare_sites", "fine_tune", "pretrain", "score_genome"],
        "seconds": [1.0, 5.0, 3.0, 2.0],
        "seconds_per_1000": [2.0, 10.0, 1.0, 6.0],
        "gigabytes": [0.5, 1.0, 1.0, 1.0],
    }
).set_index("rule")


ONE = Sizes({"mine": 1, "other": 1}, {})


def test_jobs_of_a_dry_run() -> None:
    jobs = read_jobs(DRY_RUN)
    assert [job.rule for job in jobs] == [
        *("prepare_sites", "fine_tune", "fine_tune", "all"),
    ]
    assert jobs[1].wildcards["predictor"] == "mine"
    assert jobs[2].wildcards["backbone"] == "encoder"
    assert not jobs[3].wildcards


def test_times_are_added_up_by_the_predictors_sizes() -> None:
    sizes = Sizes({"mine": 3000, "other": 1000}, {})
    steps = plan_steps(read_jobs(DRY_RUN), make_config(), sizes, RATES, {})
    # Half of the sites are learnt from, in 12 epochs.
    assert steps == [
        Step("prepare_sites", 1, 1 + 2 * 3, 0.5),
        Step("fine_tune", 2, (5 + 10 * 3 * 6) + (5 + 10 * 1 * 6), 1.0),
    ]


def test_windows_epochs_folds_types_and_layers_count() -> None:
    config = make_config(
        windows={"upstream": 200, "downstream": 200},
        training={"epochs": 24},
        splits={"by": "gene", "folds": 4},
    )
    config["backbones"]["encoder"]["hidden_size"] = 64
    assert weigh_backbone(config, "encoder") == pytest.approx(4**0.6)
    assert weigh_backbone(config, "published") is None
    named = {"predictor": "mine", "splice_type": "donor", "backbone": "encoder"}
    sizes = Sizes({"mine": 1000}, {})
    (step,) = plan_steps([Job("fine_tune", named)], config, sizes, RATES, {})
    windows = 0.5 * 0.5  # donors, two of four folds
    assert step.seconds == pytest.approx(5 + 10 * windows * 2 * 24 * 4**0.6)


def test_pretraining_and_scoring_have_units_of_their_own() -> None:
    config = make_config(pretraining={"windows": 5000, "epochs": 2, "length": 400})
    jobs = [
        Job("pretrain", {"scope": "mine", "backbone": "encoder"}),
        Job("score_genome", {"predictor": "mine", "part": "1"}),
    ]
    steps = plan_steps(jobs, config, Sizes({"mine": 1}, {"mine": 1.5}), RATES, {})
    assert [step.seconds for step in steps] == [3 + 5 * 2 * 2, 2 + 6 * 1.5]


def test_what_ran_here_goes_before_the_rates() -> None:
    jobs = read_jobs(DRY_RUN)
    steps = plan_steps(jobs, make_config(), ONE, RATES, {"fine_tune": 7.0})
    assert steps[1].seconds == 14 and steps[1].is_own


def test_what_has_no_rate_is_said() -> None:
    jobs = [
        Job("fine_tune", {"predictor": "mine", "backbone": "published"}),
        Job("new_rule", {"predictor": "mine"}),
    ]
    steps = plan_steps(jobs, make_config(), ONE, RATES, {})
    assert [step.seconds for step in steps] == [None, None]
    lines = describe_plan(steps, 2)
    assert "fine_tune, new_rule" in lines[-1]


def test_sites_are_counted_where_they_are(tmp_path: Path) -> None:
    config = make_config()
    for name, n_rows in (("mine", 3), ("other", 5)):
        path = tmp_path / f"{name}.tsv"
        path.write_text("chrom\n" + "chr1\n" * n_rows)
        config["predictors"][name]["errors"] = str(path)
    config["predictors"]["both"] = {"pool": ["mine", "other"]}
    assert measure_input(config, tmp_path).sites == {"mine": 3, "other": 5, "both": 8}
    (tmp_path / "mine").mkdir()
    frame = pd.DataFrame({"site_id": range(2)})
    frame.to_parquet(tmp_path / "mine" / "sites.parquet")
    assert measure_input(config, tmp_path).sites["mine"] == 2


def test_what_a_predictor_scores_is_measured(tmp_path: Path) -> None:
    for name in ("one.h5", "two.h5"):
        (tmp_path / name).touch()
    rows = [("gene", 1001, 4000), *(("exon", a, a + 499) for a in (1001, 3501))]
    lines = []
    for gene, kind, by in (("g", "protein_coding", 0), ("h", "left_out", 5000)):
        words = f'gene_id "{gene}"; transcript_id "{gene}.1"; gene_biotype "{kind}";'
        lines += [
            f"chr1\tx\t{k}\t{a + by}\t{b + by}\t.\t+\t.\t{words}\n" for k, a, b in rows
        ]
    (tmp_path / "genes.gtf").write_text("".join(lines))
    scores = {"format": "model", "model": "spliceai", "weights": str(tmp_path)}
    config = complete_config(
        {
            "genomes": {"g": {"fasta": "g.fa", "annotation": f"{tmp_path}/genes.gtf"}},
            "predictors": {
                "mine": {"genome": "g", "scores": {**scores, "flank": 500, "parts": 4}}
            },
        }
    )
    every = measure_input(config, tmp_path)
    config["predictors"]["mine"]["biotypes"] = ["protein_coding"]
    sizes = measure_input(config, tmp_path)
    for found, genes in ((sizes, 1), (every, 2)):
        assert found.sites == {"mine": 2 * 2 * genes}
        assert found.scored == {"mine": pytest.approx(2 * 4000 * genes / 1e6 / 4)}


def test_history_counts_a_job_once(tmp_path: Path) -> None:
    for name, rule, start, end in (
        *(("a", "split", 1.0, 3.0), ("b", "split", 1.0, 3.0)),
        *(("c", "split", 5.0, 11.0), ("d", "windows", 0.0, 1.0)),
    ):
        record = {"rule": rule, "starttime": start, "endtime": end}
        (tmp_path / name).write_text(json.dumps(record))
    (tmp_path / "damaged").write_text("{")
    assert read_history(tmp_path) == {"split": 4.0, "windows": 1.0}
    assert read_history(tmp_path / "none") == {}


def test_the_rates_that_come_along_name_rules_of_the_workflow() -> None:
    rates = read_rates()
    rules = Path(__file__).parents[3] / "workflow" / "rules"
    text = "\n".join(path.read_text() for path in rules.glob("*.smk"))
    assert len(rates) > 15
    for rule in rates.index:
        assert f"rule {rule}:" in text or f" as {rule} with" in text, rule
    assert rates["seconds"].ge(0).all() and rates["gigabytes"].gt(0).all()


@pytest.mark.parametrize("cores", [1, 4])
def test_the_sum_is_told(cores: int) -> None:
    lines = describe_plan([Step("a", 2, 240.0, 1.0), Step("b", 1, 60.0, 0.5)], cores)
    assert lines[-1].startswith("3 jobs, about 5 minutes on one core")
