"""One list: the planted word comes first, its shadows and noise are not named."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from drawn_genomes import OPTIONS, draw_maps, explain_permuted, judge
from error_sequence_model.causes import (
    MotifRun,
    explain_errors,
    explanations,
    name_causes,
)
from error_sequence_model.causes.candidates import find_place
from error_sequence_model.causes.explanations import COLUMNS, measure_explained
from error_sequence_model.core import read_json, write_json, write_parquet, write_tsv
from error_sequence_model.features import read_elements, spell_consensus
from error_sequence_model.settings import parse_contrast
from error_sequence_model.simulation import simulate
from error_sequence_model.windows import make_windows, write_windows

N = 900
UPSTREAM = 100
WORD = "GGGTGGG"


def make_case(seed=0, contrast="fp_vs_tp", has_word=True):
    """Donors: G-runs downstream of errors; the words hold GT, GGG and GGTG."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (N, 200)).astype(np.int8)
    codes[:, UPSTREAM - 3 : UPSTREAM + 6] = ["ACGT".index(b) for b in "CAGGTAAGT"]
    noisy = rng.random((N, 9)) < 0.2
    noisy[:, 3:5] = False
    site = codes[:, UPSTREAM - 3 : UPSTREAM + 6]
    site[noisy] = rng.integers(0, 4, noisy.sum())
    labels = (rng.random(N) < 0.4).astype(int)
    carries = rng.random(N) < np.where(labels == 1, 0.8, 0.03)
    for row in np.flatnonzero(carries & has_word):
        start = UPSTREAM + rng.integers(10, 35)
        letters = ["ACGT".index(base) for base in WORD]
        if rng.random() < 0.2:  # altered, so that not all are found
            letters[rng.integers(7)] = 0
        codes[row, start : start + 7] = letters
    error, correct = ("FP", "TP") if contrast == "fp_vs_tp" else ("FN", "TP")
    sites = pd.DataFrame(
        {
            "site_id": np.arange(N),
            "chrom": "chr1",
            "junction": np.arange(N) * 1000,
            "strand": "+",
            "splice_type": "donor",
            "pred_type": np.where(labels == 1, error, correct),
            "gene_id": [f"g{number}" for number in rng.integers(0, 300, N)],
            "gene_biotype": "protein_coding",
        }
    )
    split = sites[["site_id"]].assign(
        label=labels, fold=0, part=np.where(np.arange(N) % 4 == 0, "test", "train")
    )
    letters = ["".join("ACGT"[base] for base in row) for row in codes]
    windows = make_windows(sites["site_id"].to_numpy(), letters, upstream=UPSTREAM)
    return sites, windows, split, parse_contrast(contrast)


def make_run(p=1e-20):
    """What the step ``motifs`` would have found."""
    row = {"consensus": WORD, "family": "GGG: HNRNPH1", "region": "proximal_intron"}
    row |= {"motif": "error_1", "start": 8, "end": 44, "p": p, "odds_ratio": 60.0}
    row |= {"beyond_composition": True, "matches": "", "contains": "fus, g_triplet"}
    row |= {"delta_logit": 7.0, "delta_low": 6.0, "delta_high": 8.0}
    elements = pd.DataFrame(
        [
            {"element": name, "region": "proximal_intron", "start": 6, "end": 50}
            | {"p": 1e-9 * p**0.1, "odds_ratio": 9.0, "beyond_composition": True}
            | {"explained_by": None}
            for name in ("fus", "g_triplet")
        ]
    )
    matrix = spell_consensus(WORD, WORD) * 0.9 + 0.025
    return MotifRun("", pd.DataFrame([row]), elements, {"error_1": matrix})


def explain(case, runs):
    named = name_causes(*case, "donor", draws=20)
    return explain_errors(
        *(*case, "donor"),
        causes=named.table,
        flags=named.sites,
        runs=runs,
        elements=read_elements(),
        draws=20,
    )


def test_the_planted_word_is_named_and_what_lies_in_it_is_not():
    found = explain(make_case(), [make_run()])
    assert list(found.table) == list(COLUMNS)
    assert found.summary["named"] == ["error_1"]
    first = found.table.iloc[0]
    assert first["name"] == "GGGTGGG (GGG: HNRNPH1)" and first["rank"] == 1
    assert first["place"] == "proximal intron, +10..+40"
    assert found.summary["stretches"] == {"error_1": (10, 41)}
    assert first["share_error"] > 0.7 > 0.1 > first["share_correct"]
    assert 1 < first["joint_low"] < first["joint_odds_ratio"] < first["joint_high"]
    assert first["delta_logit"] == 7
    assert abs(found.summary["explained_share"] - 0.79) < 0.05
    others = found.table.set_index("explanation").drop(index="error_1")
    assert {"fus@proximal_intron", "g_triplet@proximal_intron"} <= set(others.index)
    assert not others["is_named"].any()
    for name in ("fus@proximal_intron", "g_triplet@proximal_intron"):
        assert others.loc[name, "low"] > 1
        assert others.loc[name, "why_not"] == "adds nothing beside error_1"
        assert others.loc[name, "joint_odds_ratio"] < 2
    rest = found.sites[found.sites["is_unexplained"]]
    assert found.summary["unexplained"]["site_ids"] == rest["site_id"].tolist()
    assert rest["label"].eq(1).all() and rest["error_1"].lt(2).all()


@pytest.mark.parametrize(
    ("delta_high", "knockout_low", "is_named"),
    [(-0.1, 0.1, False), (0.1, 0.1, True), (-0.1, -0.1, True), (np.nan, 0.1, True)],
)
def test_what_the_model_takes_for_the_opposite_is_not_named(
    delta_high, knockout_low, is_named
):
    run = make_run(p=1.0)
    run.elements["p"] = 1e-9
    run.elements["delta_high"] = delta_high
    run.elements["knockout_low"] = knockout_low
    found = explain(make_case(), [run])
    assert bool(found.summary["named"]) == is_named
    if not is_named:
        assert (
            found.table["why_not"].eq("to the model it speaks against an error").sum()
            == 2
        )


def test_motifs_are_counted_on_held_out_sites_and_flags_on_all():
    """A word that only training errors have, as a model memorises them, is nothing."""
    sites, windows, split, contrast = make_case()
    found = explain((sites, windows, split, contrast), [make_run()])
    is_test = split["part"].eq("test")
    n_errors = int(split.loc[is_test, "label"].sum())
    assert found.summary["counted"] == "held-out sites"
    assert found.summary["n_counted"] == [n_errors, int(is_test.sum()) - n_errors]
    assert found.table["n_errors"].iloc[0] == n_errors
    assert explain((sites, windows, split, contrast), []).summary["n_counted"] == [
        int(split["label"].sum()),
        int((split["label"] == 0).sum()),
    ]
    rng = np.random.default_rng(0)
    labels = split.loc[is_test, "label"].to_numpy()
    split.loc[is_test, "label"] = rng.permutation(labels)
    found = explain((sites, windows, split, contrast), [make_run()])
    assert "error_1" not in found.summary["named"]


def test_of_several_folds_the_first_is_counted():
    sites, windows, split, contrast = make_case()
    fold = np.arange(N) % 3
    split = split.assign(fold=fold, part="test")
    run = make_run()
    others = [replace(run, name=f"fold{k}", fold=k) for k in (1, 2)]
    found = explain((sites, windows, split, contrast), [run, *others])
    assert sum(found.summary["n_counted"]) == (fold == 0).sum()
    assert found.summary["named"] == ["error_1"]
    assert not found.table["explanation"].str.startswith("fold").any()


def test_a_place_is_where_one_class_has_the_word():
    rng = np.random.default_rng(2)
    with_word = np.arange(400) < 200
    starts = rng.random((400, 100)) < 0.004  # by chance, in both
    rows = np.flatnonzero(with_word)
    starts[rows, rng.integers(30, 50, len(rows))] = True
    first, last = find_place(starts, 7, with_word, 10, 90)
    assert 29 <= first <= 31 and 55 <= last <= 57
    assert find_place(starts[190:], 7, with_word[190:], 10, 90) is None


def weaken(windows, split, share):
    """The windows, with the own signal of some errors at random."""
    codes = np.array([["ACGT".index(b) for b in s] for s in windows.get_sequences()])
    rng = np.random.default_rng(3)
    own = np.r_[UPSTREAM - 3 : UPSTREAM, UPSTREAM + 2 : UPSTREAM + 6]
    is_weak = (split["label"] == 1).to_numpy() & (rng.random(N) < share)
    codes[np.ix_(is_weak, own)] = rng.integers(0, 4, (is_weak.sum(), len(own)))
    letters = ["".join("ACGT"[base] for base in row) for row in codes]
    return make_windows(np.arange(N), letters, upstream=UPSTREAM)


def test_a_weak_site_has_stronger_neighbours_but_they_explain_nothing():
    """What a neighbour owes to the weakness of the site itself is not its own."""
    sites, windows, split, contrast = make_case(contrast="fn_vs_tp", has_word=False)
    windows = weaken(windows, split, 0.5)
    found = explain((sites, windows, split, contrast), [])
    assert found.summary["named"] == ["weak_site"]
    why = found.table.set_index("explanation")["why_not"]
    assert why["competitor"] == "adds nothing beside weak_site"
    assert abs(found.summary["explained_share"] - 0.5) < 0.1


@pytest.mark.parametrize("contrast", ["fp_vs_tp", "fn_vs_tp"])
def test_the_own_signal_of_false_sites_is_no_cause_by_another_name(contrast):
    """That false sites are weak does not say why they were called; of FN it does."""
    sites, windows, split, contrast = make_case(contrast=contrast, has_word=False)
    windows = weaken(windows, split, 0.7)
    run = make_run()
    motif = run.motifs.assign(start=-6, end=9, odds_ratio=0.2, delta_logit=-2.0)
    motif = motif.assign(consensus="AGGTAAG", delta_low=-3.0, delta_high=-1.0)
    matrix = spell_consensus("AGGTAAG", "AGGTAAG") * 0.9 + 0.025
    run = replace(run, motifs=motif, matrices={"error_1": matrix})
    found = explain((sites, windows, split, contrast), [run]).table
    row = found.set_index("explanation").loc["error_1"]
    assert row["is_absence"] and row["odds_ratio"] > 2
    is_refused = row["why_not"] == "not expected to cause these errors"
    assert is_refused == (contrast.name == "fp_vs_tp")
    assert found["is_named"].any() != is_refused


def test_a_cause_of_other_errors_is_not_named():
    """GTs within the words compete with the site: expected of FN, not of FP."""
    for contrast, is_refused in (("fp_vs_tp", True), ("fn_vs_tp", False)):
        case = make_case(contrast=contrast)
        named = name_causes(*case, "donor", draws=20)
        table = named.table.assign(
            p=named.table["p"].mask(named.table["flag"].eq("competitor"), 1e-9)
        )
        options = {"causes": table, "flags": named.sites, "draws": 20}
        found = explain_errors(*case, "donor", **options)
        why = found.table.set_index("explanation").loc["competitor", "why_not"]
        assert (why == "not expected to cause these errors") == is_refused


def test_nothing_is_named_where_there_is_nothing():
    for seed in range(3):
        found = explain(make_case(seed, has_word=False), [make_run(p=0.3)])
        assert found.table.empty or not found.table["is_named"].any()
        assert found.summary["explained_share"] == 0
        assert found.sites["is_unexplained"].sum() == found.summary["unexplained"]["of"]


@pytest.mark.parametrize(
    ("levels", "share"),
    [
        ([2, 2, 2, 0, 0, 0, 0, 0], 0.75),
        ([2, 2, 2, 0, 2, 0, 0, 0], (0.75 - 0.25) / (1 - 0.25)),
        ([2, 1, 0, 0, 0, 0, 0, 0], 0.5),
        ([0, 0, 0, 0, 0, 0, 0, 0], 0.0),
    ],
)
def test_explained_is_what_correct_calls_do_not_let_expect(levels, share):
    labels = np.array([1, 1, 1, 1, 0, 0, 0, 0])
    assert measure_explained(pd.Series(levels), labels) == pytest.approx(share)


def test_a_drawn_genome_is_explained_by_what_is_planted_in_it(tmp_path):
    """Causes, places and decoys of a seed; maps that show decoys as well.

    Its weak acceptors have stronger neighbours, its false donors a word of their own.
    """
    size = {"chromosomes": 6, "genes_per_chromosome": 30}
    paths = simulate(tmp_path, seed=4, **OPTIONS, **size)
    causes = read_json(paths.causes)["causes"][1:3]
    assert [one["kind"] for one in causes] == ["weak", "word"]
    draw_maps(tmp_path, causes)
    for cause in causes:
        found = judge(tmp_path, cause)
        assert found["is_first"] and not found["wrong"], found
        assert abs(found["share"] - found["explained"]) <= 0.1, found
    assert explain_permuted(tmp_path, causes[1], seed=1) == []


def test_the_step_writes_three_files(tmp_path):
    sites, windows, split, contrast = make_case()
    named = name_causes(sites, windows, split, contrast, "donor", draws=20)
    write_parquet(tmp_path / "sites.parquet", sites)
    write_parquet(tmp_path / "split.parquet", split)
    write_tsv(tmp_path / "causes.tsv", named.table)
    write_parquet(tmp_path / "causes.parquet", named.sites)
    run = make_run()
    write_tsv(tmp_path / "motifs.tsv", run.motifs)
    write_tsv(tmp_path / "elements.tsv", run.elements)
    matrix = run.matrices["error_1"].tolist()
    entries = [{"motif": "error_1", "matrix": matrix}]
    write_json(tmp_path / "motifs.json", {"motifs": entries})
    sites["sequence"] = windows.get_sequences()
    write_parquet(tmp_path / "brought.parquet", sites.assign(sequence_junction=100))
    write_windows(
        tmp_path / "brought.parquet", None, 100, 100, tmp_path / "windows.arrow"
    )
    script = Path(__file__).parents[3] / "workflow" / "scripts" / "explanations.py"
    words = [sys.executable, str(script), "--contrast-name", "fp_vs_tp"]
    words += ["--contrast", "null", "--splice-type", "donor", "--output", str(tmp_path)]
    for name in ("sites.parquet", "windows.arrow", "split.parquet"):
        words += [f"--{name.split('.')[0]}", str(tmp_path / name)]
    words += ["--causes", str(tmp_path / "causes.tsv")]
    words += ["--motifs", str(tmp_path / "motifs.tsv"), "--draws", "20"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "named: GGGTGGG" in done.stderr
    table = pd.read_csv(tmp_path / "explanations.tsv", sep="\t")
    assert table["explanation"].iloc[0] == "error_1"
    assert (tmp_path / "explanations.parquet").is_file()
    assert (tmp_path / "explanations.json").is_file()


@pytest.mark.parametrize(
    ("light", "joint_low", "words"),
    [
        (np.nan, 2.0, "not beyond chance"),
        ("weak_site", 0.9, "adds nothing beside weak_site"),
        ("weak_site", 1.1, "not beyond chance (all tests counted) beside weak_site"),
    ],
)
def test_why_a_shadow_is_not_named(light, joint_low, words):
    assert explanations._say_shadow(light, joint_low) == words
