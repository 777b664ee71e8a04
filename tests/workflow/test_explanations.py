"""Checks, seeds and tracks of small runs: the files are there and fit together."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pandas as pd
import pyBigWig
import pytest

from workflow_runs import make_config

pytestmark = pytest.mark.workflow


def test_checks_seeds_and_tracks(small_input, snakemake):
    contrasts = {
        "fn_vs_tp": None,
        "shuffled": {"like": "fn_vs_tp", "shuffle_labels": True},
    }
    config = make_config(small_input, seeds=[1, 2], contrasts=contrasts)
    config["explanation"] = {**config["explanation"], "sites_per_class": 8}
    agreement = "results/sim/fn_vs_tp/donor/encoder/fold0/agreement.json"
    checks = "results/sim/shuffled/donor/encoder/seed1/fold0/faithfulness.json"
    result = snakemake(config, "tracks", agreement, checks)
    assert result.returncode == 0, result.stdout + result.stderr
    folder = snakemake.folder
    found = json.loads((folder / agreement).read_text())
    assert found["seeds"] == [1, 2]
    assert set(found["methods"]) == {"integrated_gradients", "attention"}
    stored = json.loads((folder / checks).read_text())
    assert set(stored["control"]["methods"]) == {"integrated_gradients", "attention"}
    run = folder / "results/sim/fn_vs_tp/donor/encoder/seed1/fold0"
    stored = json.loads((run / "faithfulness.json").read_text())
    assert stored["control"] is None
    assert set(stored["attention_views"]) == {
        *("junction", "first_token", "rollout", "gradient_weighted")
    }
    check_tracks(folder, run)


def check_tracks(folder, run):
    """Every base of one site's map lies in the bigWig where the site lies."""
    tracks = folder / "results/tracks/sim"
    listed = pd.read_csv(tracks / "tracks.tsv", sep="\t")
    assert not listed["contrast"].eq("shuffled").any()
    model = listed["model"].unique().tolist()[0]
    run = run.parents[1] / f"seed{model.split('seed ')[1].split()[0]}" / "fold0"
    sites = pd.read_parquet(folder / "results/sim/sites.parquet").set_index("site_id")
    with h5py.File(run / "attributions" / "integrated_gradients.h5") as file:
        explained, maps = file["site_id"][:], file["attributions"][:]
    chosen = sites.loc[explained]
    for strand in ("+", "-"):
        rows = np.flatnonzero((chosen["strand"] == strand).to_numpy())
        # A site far from the others: nothing is averaged.
        apart = [
            row
            for row in rows
            if (
                (chosen["chrom"] == chosen["chrom"].iloc[row])
                & ((chosen["junction"] - chosen["junction"].iloc[row]).abs() < 121)
            ).sum()
            == 1
        ]
        site, values = chosen.iloc[apart[0]], maps[apart[0]]
        word = {"+": "plus", "-": "minus"}[strand]
        name = f"fn_vs_tp.donor.integrated_gradients.{site['pred_type']}.{word}.bw"
        with pyBigWig.open(str(tracks / name)) as file:
            start = int(site["junction"]) - 60
            there = np.array(file.values(site["chrom"], start, start + 120))
        assert np.allclose(there if strand == "+" else there[::-1], values, atol=1e-6)


def test_tables_with_their_own_sequences_have_no_tracks(snakemake):
    generator = np.random.default_rng(1)
    table = pd.DataFrame(
        {"sequence": ["".join(t) for t in generator.choice(list("ACGT"), (60, 130))]}
    )
    table["label"] = np.resize([0, 0, 1], len(table))
    path = snakemake.folder / "sequences.tsv"
    table.to_csv(path, sep="\t", index=False)
    config = make_config(snakemake.folder, contrasts=["fp_vs_tp"])
    config["splits"] = {"by": "gene"}
    del config["genomes"]
    config["predictors"] = {"own": {"errors": str(path), "format": "sequences"}}
    result = snakemake(config, "tracks", "--dry-run", "--printshellcmds")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "--genomes '[]'" in result.stdout + result.stderr
