"""Bad input stops the workflow before training: one message, exit code, no remains."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from workflow_runs import make_config

pytestmark = pytest.mark.workflow


def get_files(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in (folder / "results").rglob("*")
        if path.is_file() and ".snakemake" not in path.parts
    }


def test_missing_file(small_input, snakemake):
    config = make_config(small_input)
    config["predictors"]["sim"]["errors"] = "nowhere/errors.tsv"
    result = snakemake(config)
    assert result.returncode != 0
    told = "predictors.sim.errors: nowhere/errors.tsv: no such file"
    assert told in result.stderr + result.stdout
    assert get_files(snakemake.folder) == set()


def test_unknown_key_names_the_nearest(small_input, snakemake):
    config = make_config(small_input, training={"lerning_rate": 0.001})
    result = snakemake(config)
    text = result.stderr + result.stdout
    assert result.returncode != 0
    assert "lerning_rate" in text
    assert "did you mean 'learning_rate'" in text
    assert "Traceback" not in text


def test_number_written_as_a_string(small_input, snakemake):
    result = snakemake(make_config(small_input, training={"learning_rate": "1e-4"}))
    assert result.returncode != 0
    assert "write 1.0e-4" in result.stderr + result.stdout


def test_contig_that_is_not_in_the_genome(small_input, snakemake):
    table = pd.read_csv(small_input / "errors.tsv", sep="\t")
    table.loc[5, "chrom"] = "chr77"
    bad = snakemake.folder / "errors.tsv"
    table.to_csv(bad, sep="\t", index=False)
    config = make_config(small_input)
    config["predictors"]["sim"]["errors"] = str(bad)
    result = snakemake(config)
    text = result.stderr + result.stdout
    assert result.returncode != 0
    assert "chr77" in text
    assert "Traceback" not in text
    assert get_files(snakemake.folder) == set()


def test_class_that_is_empty_after_splitting(small_input, snakemake):
    table = pd.read_csv(small_input / "errors.tsv", sep="\t")
    lost = (table["chrom"] == "chr3") & (table["pred_type"] == "FN")
    bad = snakemake.folder / "errors.tsv"
    table[~lost].to_csv(bad, sep="\t", index=False)
    config = make_config(small_input, contrasts=["fp_vs_tp", "fn_vs_tp"])
    config["predictors"]["sim"]["errors"] = str(bad)
    result = snakemake(config, cores=1)
    text = result.stderr + result.stdout
    assert result.returncode != 0
    assert "test" in text and "error" in text and "splits" in text
    assert "Traceback" not in text
    # The other contrast's split is sound, but nothing is trained while one is not.
    assert not any("model.safetensors" in name for name in get_files(snakemake.folder))
    assert not any("fn_vs_tp" in name for name in get_files(snakemake.folder))


def test_chromosome_that_is_not_there(small_input, snakemake):
    config = make_config(small_input, splits={"test": ["chr9"], "validation": ["chr2"]})
    result = snakemake(config)
    assert result.returncode != 0
    assert "chr9" in result.stdout + result.stderr
    assert "chr1" in result.stdout + result.stderr  # what there is
