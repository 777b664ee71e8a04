"""Every kind of baseline through the workflow, into one table; and the verification."""

from __future__ import annotations

import pandas as pd
import pytest

from error_sequence_model.verification import COLUMNS
from workflow_runs import make_config

pytestmark = pytest.mark.workflow

GROUP = "results/sim/fn_vs_tp/donor"


def test_baselines_of_every_kind_are_compared(small_input, snakemake):
    config = make_config(
        small_input,
        baselines={
            "models": ["prevalence", "strength", "logistic", "cnn", "embeddings"],
            "cnn": {"channels": 4, "kernel": 3, "dilations": [1], "epochs": 2},
        },
        verification={"features": 2, "sites": 20, "draws": 1},
        motifs={"enabled": False},
    )
    verification = f"{GROUP}/encoder/seed1/fold0/verification.tsv"
    targets = [f"{GROUP}/comparison.tsv", verification]
    result = snakemake(config, "--", *targets)
    assert result.returncode == 0, result.stdout + result.stderr
    table = pd.read_csv(snakemake.folder / targets[0], sep="\t")
    kinds = table.set_index("model")["kind"].to_dict()
    expected = {
        "encoder": "backbone",
        "prevalence": "reference",
        "strength": "baseline",
        "logistic": "baseline",
        "cnn": "baseline",
        "encoder frozen": "baseline",
    }
    assert {name: kinds.get(name) for name in expected} == expected
    assert len(set(table["n_sites"])) == 1, "all on the same sites"
    features = pd.read_csv(
        snakemake.folder / GROUP / "classical/features.tsv", sep="\t"
    )
    assert {"name", "unit", "definition"} <= set(features.columns)
    found = pd.read_csv(snakemake.folder / verification, sep="\t")
    assert list(found.columns) == list(COLUMNS)


def test_a_leaked_column_stops_the_run(small_input, snakemake, tmp_path_factory):
    folder = tmp_path_factory.mktemp("leaked")
    table = pd.read_csv(small_input / "errors.tsv", sep="\t")
    table["quality"] = (table["pred_type"] == "FN").astype(int)
    table.to_csv(folder / "errors.tsv", sep="\t", index=False)
    config = make_config(small_input, features={"columns": ["quality"]})
    config["predictors"]["sim"]["errors"] = str(folder / "errors.tsv")
    result = snakemake(config, "--", f"{GROUP}/classical/features.parquet")
    assert result.returncode != 0
    assert "column:quality (AUROC 1.0000)" in result.stdout + result.stderr
