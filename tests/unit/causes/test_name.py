"""The step as a whole: planted causes are named, decoys and shuffled labels are not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.causes import choose_sites, name_causes
from error_sequence_model.core import write_parquet
from error_sequence_model.genome import read_gene_models
from error_sequence_model.settings import parse_contrast
from error_sequence_model.simulation import simulate
from error_sequence_model.sites import prepare_sites
from error_sequence_model.splits import make_split
from error_sequence_model.windows import make_windows, read_windows, write_windows

SPLITS = {"by": "chromosome", "test": ["chr3"], "validation": ["chr2"]}
SCRIPT = Path(__file__).parents[3] / "workflow" / "scripts" / "causes.py"


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """Sites, windows and genes of a simulated predictor."""
    folder = tmp_path_factory.mktemp("simulated")
    paths = simulate(folder, seed=5, chromosomes=3, genes_per_chromosome=40)
    sites, _ = prepare_sites(paths.errors, paths.genome)
    write_parquet(folder / "sites.parquet", sites)
    write_windows(
        folder / "sites.parquet", paths.genome, 100, 100, folder / "windows.arrow"
    )
    windows = read_windows(folder / "windows.arrow")
    return folder, sites, windows, read_gene_models([("", paths.annotation)])


def run(simulated, name, splice_type, *, has_genes=True, **definition):
    _, sites, windows, models = simulated
    contrast = parse_contrast(name, definition or None)
    split, _ = make_split(sites, windows, contrast, splice_type, SPLITS)
    return name_causes(
        sites,
        windows,
        split,
        contrast,
        splice_type,
        models=models if has_genes else None,
        draws=100,
    )


def test_planted_alu_tract_is_named(simulated):
    found = run(simulated, "fp_vs_tp", "acceptor")
    table = found.table.set_index("flag")
    assert table.loc["alu_like_tract", "is_enriched"]
    assert table.loc["alu_like_tract", "share_error"] > 0.75
    assert table.loc["alu_like_tract", "share_correct"] < 0.02
    assert found.summary["coverage"]["errors"]["share"] > 0.9
    assert found.summary["coverage"]["excess"] > 0.8
    held_out = found.summary["held_out"]
    assert "alu_like_tract" in held_out["enriched"]


def test_what_means_nothing_at_donors_is_tested_at_acceptors(simulated):
    found = run(simulated, "fp_vs_tp", "any")
    table = found.table.set_index("flag")
    assert table.loc["alu_like_tract", "is_enriched"]
    assert table.loc["weak_tract", "tested"] and table.loc["weak_tract", "p"] >= 0
    # Known at every acceptor, though at fewer than half of all sites of a class.
    flags = found.sites.set_index("site_id")["alu_like_tract"]
    kinds = simulated[1].set_index("site_id").loc[flags.index, "splice_type"]
    assert flags.notna().eq(kinds.eq("acceptor").to_numpy()).all()


@pytest.mark.parametrize("splice_type", ["donor", "acceptor"])
def test_what_was_not_planted_is_not_named(simulated, splice_type):
    # False negatives are blind to strength, exon length and all that genes say.
    table = run(simulated, "fn_vs_tp", splice_type).table.set_index("flag")
    names = ["weak_site", "noncoding_gene", "long_intron", "noncanonical", "tandem"]
    assert not table.reindex(names)["is_enriched"].eq(True).any()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_shuffled_labels_have_no_cause(simulated, seed):
    _, sites, windows, models = simulated
    contrast = parse_contrast("control", {"like": "fp_vs_tp", "shuffle_labels": True})
    settings = {**SPLITS, "seed": seed}
    split, _ = make_split(sites, windows, contrast, "acceptor", settings)
    found = name_causes(sites, windows, split, contrast, "acceptor", models=models)
    assert found.summary["enriched"] == []
    assert found.summary["coverage"]["errors"]["share"] == 0
    assert found.table["q"].min() > 0.05


def test_flags_that_are_the_label_are_left_out_with_a_note(simulated):
    found = run(simulated, "fp_vs_tp", "donor")
    reasons = {row["flag"]: row["why"] for row in found.summary["left_out"]}
    for name in ("long_intron", "first_exon", "microexon", "minor_transcripts"):
        assert "TP and FN sites only" in reasons[name]
        assert found.sites.loc[found.sites["label"] == 1, name].isna().all()
    assert "FP and TN sites only" in reasons["intergenic"]
    assert found.sites.loc[found.sites["label"] == 0, "intergenic"].isna().all()
    table = found.table.set_index("flag")
    assert table.loc[list(reasons), "odds_ratio"].isna().all()
    # Between annotated sites they are compared.
    inner = run(simulated, "fn_vs_tp", "donor").table.set_index("flag")
    assert inner.loc[["long_intron", "first_exon"], "odds_ratio"].notna().all()


def test_optional_inputs_are_missed_in_words(simulated):
    missing = " ".join(run(simulated, "fn_vs_tp", "donor").summary["missing"])
    assert "no repeats" in missing and "no junction reads" in missing
    assert "annotation" not in missing.replace("second annotation", "")
    found = run(simulated, "fn_vs_tp", "donor", has_genes=False)
    assert "no annotation" in " ".join(found.summary["missing"])
    assert "long_intron" not in set(found.table["flag"])
    assert "near_annotated" in set(found.table["flag"])


def test_many_classes_have_shares_and_no_tests(simulated):
    found = run(simulated, "error_type", "any")
    assert {"share_TP", "share_FP", "share_FN", "share_TN"} <= set(found.table)
    assert found.table["odds_ratio"].isna().all()
    assert found.summary["coverage"] is None


def test_matrices_are_learnt_from_training_sites_alone(simulated):
    _, sites, windows, models = simulated
    contrast = parse_contrast("fn_vs_tp")
    split, _ = make_split(sites, windows, contrast, "donor", SPLITS)
    plain = name_causes(sites, windows, split, contrast, "donor", models=models)
    # Other letters at every held-out site change nothing at the training sites.
    ids = windows.site_ids
    held_out = set(split.loc[split["part"].isin(["test", "validation"]), "site_id"])
    matrix = windows.get_matrix().copy()
    is_held = np.isin(ids, list(held_out))
    matrix[is_held] = np.frombuffer(b"ACGT", np.uint8)[
        np.random.default_rng(0).integers(0, 4, (is_held.sum(), matrix.shape[1]))
    ]
    letters = [row.tobytes().decode() for row in matrix]
    other = make_windows(ids, letters, upstream=100)
    changed = name_causes(sites, other, split, contrast, "donor", models=models)
    is_train = plain.sites["part"] == "train"
    pd.testing.assert_frame_equal(plain.sites[is_train], changed.sites[is_train])


def test_of_several_folds_the_tested_one_counts():
    split = pd.DataFrame(
        {
            "site_id": [1, 1, 2, 2, 3, 3],
            "label": [0, 1, 1, 1, 0, 0],
            "fold": [0, 1, 0, 1, 0, 1],
            "part": ["train", "test", "test", "train", "excluded", "excluded"],
        }
    )
    sites = pd.DataFrame({"site_id": [1, 2, 3], "gene_id": ["a", "b", "c"]})
    chosen = choose_sites(sites, split)
    assert chosen["site_id"].tolist() == [1, 2]
    assert chosen["fold"].tolist() == [1, 0]
    assert chosen["label"].tolist() == [1, 1]


def test_of_folds_each_has_its_own_long_introns(simulated):
    _, sites, windows, models = simulated
    contrast = parse_contrast("fn_vs_tp")
    folds = {"by": "gene", "folds": 3}
    split, _ = make_split(sites, windows, contrast, "donor", folds)
    args = sites, windows, split, contrast, "donor"
    found = name_causes(*args, models=models, draws=20)
    assert not any("long intron" in line for line in found.summary["missing"])
    table = found.table.set_index("flag")
    assert table.loc["long_intron", "tested"] == "yes"
    share = found.sites["long_intron"].mean()
    assert share == pytest.approx(0.2, abs=0.05)


def test_intervals_of_coverage_have_their_level(simulated, monkeypatch):
    _, sites, windows, models = simulated
    contrast = parse_contrast("fp_vs_tp")
    split, _ = make_split(sites, windows, contrast, "acceptor", SPLITS)
    args = sites, windows, split, contrast, "acceptor"
    widths = {}
    for level in (0.6, 0.95):
        place = "error_sequence_model.statistics.profiles.get_tail"
        monkeypatch.setattr(place, lambda genes, level=level: (1 - level) / 2)
        summary = name_causes(*args, models=models, draws=200).summary
        low, high = summary["coverage"]["correct"]["interval"]
        widths[level] = high - low
    assert 0 < widths[0.6] < 0.7 * widths[0.95]


@pytest.mark.parametrize("number", [0, 1, 5])
def test_few_errors_are_counted_but_not_compared(simulated, number):
    _, sites, windows, models = simulated
    contrast = parse_contrast("fn_vs_tp")
    split, _ = make_split(sites, windows, contrast, "donor", SPLITS)
    errors = split.loc[split["label"] == 1, "site_id"].iloc[number:]
    few = split[~split["site_id"].isin(errors)]
    found = name_causes(sites, windows, few, contrast, "donor", models=models)
    assert found.summary["enriched"] == []
    assert found.table["n_error"].max() <= number
    if number < 5:
        assert found.table["odds_ratio"].isna().all()


def test_script_writes_three_files_and_refuses_bad_files(simulated, tmp_path):
    folder, sites, windows, _ = simulated
    contrast = parse_contrast("fp_vs_tp")
    split, _ = make_split(sites, windows, contrast, "acceptor", SPLITS)
    write_parquet(tmp_path / "split.parquet", split)
    command = [sys.executable, str(SCRIPT), "--sites", str(folder / "sites.parquet")]
    command += ["--windows", str(folder / "windows.arrow")]
    command += ["--split", str(tmp_path / "split.parquet")]
    command += ["--contrast-name", "fp_vs_tp", "--contrast", "null"]
    command += ["--splice-type", "acceptor", "--output", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "causes.json").read_text())
    assert "alu_like_tract" in summary["enriched"]
    table = pd.read_csv(tmp_path / "causes.tsv", sep="\t")
    assert table["definition"].str.contains("{", regex=False).sum() == 0
    flags = pd.read_parquet(tmp_path / "causes.parquet")
    assert set(table["flag"]) <= set(flags)
    bed = tmp_path / "bad.bed"
    bed.write_text("elsewhere\t1\t2\n")
    tracks = json.dumps([{"cause": "repeats", "path": str(bed)}])
    refused = subprocess.run(
        [*command, "--tracks", tracks], capture_output=True, text=True
    )
    assert refused.returncode == 1
    assert "none of its contigs" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_no_model_library_is_imported():
    code = (
        "import sys; import error_sequence_model.causes\n"
        "import error_sequence_model.reports.browser\n"
        "print([m for m in ('torch', 'transformers', 'sklearn') if m in sys.modules])"
    )
    path = str(SCRIPT.parent)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=path
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
