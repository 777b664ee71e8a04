"""Predictors of one genome side by side, and facts measured elsewhere."""

from __future__ import annotations

import pandas as pd
import pytest

from workflow_runs import count_jobs, make_config

pytestmark = pytest.mark.workflow


@pytest.fixture
def config(small_input, tmp_path):
    """One predictor that is studied, and one that is only held beside it."""
    table = pd.read_csv(small_input / "errors.tsv", sep="\t")
    # The other one finds half of the sites that the first misses.
    found = table["pred_type"].eq("FN") & (table["position"] % 2 == 0)
    table.loc[found, "pred_type"] = "TP"
    table.to_csv(tmp_path / "other.tsv", sep="\t", index=False)
    own = table.assign(
        junction=table["position"].where(
            table["splice_type"].eq("donor") == table["strand"].eq("+"),
            table["position"] - 1,
        ),
        low_use=found,
    )
    keys = ["chrom", "junction", "strand", "splice_type"]
    own[[*keys, "low_use"]].drop_duplicates(keys).to_parquet(tmp_path / "facts.parquet")
    made = make_config(small_input, motifs={"enabled": False})
    facts = str(tmp_path / "facts.parquet")
    made["predictors"]["sim"]["outside"] = facts
    made["predictors"]["other"] = {
        **{"genome": "small", "errors": str(tmp_path / "other.tsv")},
        **{"role": "compared", "outside": facts},
    }
    return made


def test_nothing_is_trained_on_a_compared_predictor(config, snakemake):
    jobs = count_jobs(snakemake(config, "--dry-run"))
    assert jobs["prepare_sites"] == 2
    assert jobs["fine_tune"] == jobs["extract_windows"] == jobs["write_overview"] == 1
    assert jobs["compare_peers"] == 1 and jobs["hold_against_facts"] == 2
    browser = "results/reports/sim/sites.html"
    assert count_jobs(snakemake(config, "--dry-run", browser))["join_peers"] == 1
    config["predictors"]["other"]["role"] = "studied"
    jobs = count_jobs(snakemake(config, "--dry-run"))
    assert jobs["fine_tune"] == jobs["compare_peers"] == 2


def test_peers_and_facts_are_joined_by_place(config, snakemake):
    names = ("sim/peers.tsv", "sim/outside_truth.tsv", "other/outside_truth.tsv")
    result = snakemake(config, *(f"results/{name}" for name in names))
    assert result.returncode == 0, result.stdout + result.stderr
    results = snakemake.folder / "results"
    pairs = pd.read_csv(results / "sim" / "peers.tsv", sep="\t")
    missed = pairs[pairs["kind"] == "missed"]
    assert missed["only_first"].sum() > 5 and missed["only_second"].sum() == 0
    assert missed["both"].sum() > 5
    contrasts = pd.read_csv(results / "sim" / "peer_contrasts.tsv", sep="\t")
    assert set(contrasts["contrast"]) == {"private_to_sim_vs_shared"}
    facts = pd.read_csv(results / "sim" / "outside_truth.tsv", sep="\t")
    own = facts[facts["cause"].isna() & facts["error_type"].eq("FN")].iloc[0]
    # True at the missed sites that the other finds, false at all correct calls.
    assert own["known"] == 1 and own["share_without"] == 0
    assert own["share_with"] == pytest.approx(0.5, abs=0.2)
    assert own["verdict"] == "supports"


def test_private_errors_are_a_contrast_like_others(config, snakemake):
    config |= {
        "contrasts": ["private_fn_vs_shared"],
        "splice_types": ["any"],
        "baselines": {"models": ["prevalence", "score", "logistic"]},
    }
    jobs = count_jobs(snakemake(config, "--dry-run"))
    assert jobs["join_peers"] == jobs["fine_tune"] == jobs["explain_errors"] == 1
    folder = "results/sim/private_fn_vs_shared/any"
    result = snakemake(config, f"{folder}/comparison.tsv", f"{folder}/causes.tsv")
    assert result.returncode == 0, result.stdout + result.stderr
    folder = snakemake.folder / folder
    split = pd.read_parquet(folder / "split.parquet").set_index("site_id")
    sites = pd.read_parquet(snakemake.folder / "results/sim/sites.parquet")
    sites = sites.set_index("site_id").loc[split.index]
    assert set(sites["pred_type"]) == {"FN"}
    # As the fixture makes them: the other one errs at odd positions.
    position = sites["junction"].where(
        sites["splice_type"].eq("donor") == sites["strand"].eq("+"),
        sites["junction"] + 1,
    )
    assert (split["label"] == (position % 2 == 0)).all()
    assert set(sites["splice_type"]) == {"donor", "acceptor"}
    assert set(sites["strand"]) == {"+", "-"}
    comparison = pd.read_csv(folder / "comparison.tsv", sep="\t")
    assert {"encoder", "logistic"} <= set(comparison["model"])
    (run,) = folder.glob("encoder/seed1/fold0")
    predictions = pd.read_parquet(run / "predictions.parquet")
    assert {"probability_shared", "probability_private"} <= set(predictions)
    causes = pd.read_csv(folder / "causes.tsv", sep="\t")
    assert {"share_private", "share_shared"} <= set(causes)
    config["predictors"].pop("other")
    result = snakemake(config, "--dry-run")
    assert result.returncode != 0
    assert "'sim' has no peers" in result.stdout + result.stderr
