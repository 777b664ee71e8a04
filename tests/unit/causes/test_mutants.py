"""Mutants: the word goes or comes, at its place of the genome; scores read back."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.causes.candidates import HIT, Candidate
from error_sequence_model.causes.mutants import (
    COLUMNS,
    locate,
    make_mutants,
    measure_rescored,
    write_mutants,
)
from error_sequence_model.core import InputError

UPSTREAM = 30
WORD = np.array([2, 2, 3, 2, 2])  # GGTGG
_COMPLEMENT = str.maketrans("ACGT", "TGCA")


def find_word(codes):
    views = np.lib.stride_tricks.sliding_window_view(codes, 5, axis=1)
    hits = (views == WORD).all(axis=2)
    covered = np.zeros(codes.shape, dtype=bool)
    for shift in range(5):
        covered[:, shift : shift + hits.shape[1]] |= hits
    return HIT * hits.any(axis=1).astype(np.int8), covered


@pytest.fixture(scope="module")
def case():
    """Donors on both strands of one contig; errors have the word at offset 10."""
    rng = np.random.default_rng(0)
    genome = 3 * rng.integers(0, 2, 12_000)  # A and T: the word is nowhere by chance
    junctions = np.arange(100, 11_900, 100)
    strands = np.where(np.arange(len(junctions)) % 2 == 0, "+", "-")
    labels = rng.integers(0, 2, len(junctions))
    for junction, strand, label in zip(junctions, strands, labels, strict=True):
        if label and strand == "+":
            genome[junction + 10 : junction + 15] = WORD
        elif label:
            genome[junction - 15 : junction - 10] = (3 - WORD)[::-1]
    sequence = "".join("ACGT"[base] for base in genome)
    windows = []
    for junction, strand in zip(junctions, strands, strict=True):
        text = sequence[junction - UPSTREAM : junction + UPSTREAM]
        windows.append(text if strand == "+" else text.translate(_COMPLEMENT)[::-1])
    codes = np.array([["ACGT".index(b) for b in text] for text in windows], np.int8)
    chosen = pd.DataFrame(
        {
            "site_id": np.arange(len(junctions)),
            "label": labels,
            "pred_type": np.where(labels == 1, "FN", "TP"),
            "gene_id": [f"g{number // 3}" for number in range(len(junctions))],
            **{"chrom": "chr1", "junction": junctions, "strand": strands},
            "splice_type": "donor",
        }
    )
    word = Candidate("motif", "error_1", "GGTGG", "", 0.0, find=find_word)
    absent = Candidate("motif", "x", "x", "", 0.0, find=find_word, is_absence=True)
    flag = Candidate("flag", "gc_poor", "GC-poor", "", 0.0)
    mutants = make_mutants([word, absent, flag], codes, chosen, UPSTREAM)
    return sequence, codes, mutants


def test_the_word_is_taken_out_of_errors_and_put_into_correct_calls(case):
    _, _, mutants = case
    assert list(mutants) == list(COLUMNS)
    assert set(mutants["explanation"]) == {"error_1"}
    assert mutants["mutant"].is_unique
    out = mutants[mutants["edit"] == "knock_out"]
    put = mutants[mutants["edit"] == "knock_in"]
    assert len(out) == len(put) == 50
    assert set(out["pred_type"]) == {"FN"} and set(put["pred_type"]) == {"TP"}
    for rows, has, lacks in (
        (out, "reference", "sequence"),
        (put, "sequence", "reference"),
    ):
        assert rows[has].str.contains("GGTGG").all()
        assert not rows[lacks].str.contains("GGTGG").any()
    assert mutants["start"].ge(10).all() and mutants["end"].le(15).all()


def test_the_vcf_is_right_on_both_strands(case, tmp_path):
    sequence, _, mutants = case
    write_mutants(mutants, UPSTREAM, tmp_path)
    lines = (tmp_path / "mutants.vcf").read_text().splitlines()
    records = [line.split("\t") for line in lines if not line.startswith("#")]
    assert lines[0] == "##fileformat=VCFv4.3" and len(records) == len(mutants)
    by_name = mutants.set_index("mutant")
    strands = set()
    for chrom, position, name, ref, alt, *_ in records:
        start = int(position) - 1
        assert chrom == "chr1" and sequence[start : start + len(ref)] == ref
        row = by_name.loc[name]
        strands.add(row["strand"])
        changed = sequence[:start] + alt + sequence[start + len(ref) :]
        text = changed[row["junction"] - UPSTREAM : row["junction"] + UPSTREAM]
        if row["strand"] == "-":
            text = text.translate(_COMPLEMENT)[::-1]
        assert text == row["sequence"]
    assert strands == {"+", "-"}
    assert [int(r[1]) for r in records] == sorted(int(r[1]) for r in records)
    fasta = (tmp_path / "mutants.fa").read_text().splitlines()
    assert fasta[0] == f">{mutants['mutant'].iloc[0]} reference"
    assert fasta[3] == mutants["sequence"].iloc[0]


def test_no_edit_touches_the_site_itself(case):
    _, codes, mutants = case
    everything = Candidate(
        *("flag", "all", "all", "", 0.0),
        cover=lambda codes: np.ones(codes.shape, dtype=bool),
    )
    chosen = pd.DataFrame({"site_id": np.arange(len(codes))})
    chosen["label"] = np.arange(len(codes)) % 2
    chosen = chosen.assign(splice_type="donor", gene_id="g", chrom="c", strand="+")
    chosen = chosen.assign(junction=100, pred_type="FN")
    # All carry it, so that none lacks it: nothing can be put in its place.
    assert make_mutants([everything], codes, chosen, UPSTREAM).empty
    row = mutants.iloc[0]
    own = slice(UPSTREAM - 3, UPSTREAM + 6)
    assert row["reference"][own] == row["sequence"][own]
    assert locate(row, UPSTREAM)[1] != locate(row, UPSTREAM)[2]


def test_scores_of_the_users_predictor_are_read_back(case, tmp_path):
    _, _, mutants = case
    path = tmp_path / "scores.csv"
    scores = mutants[["mutant"]].assign(reference_score=0.2, mutant_score=0.8)
    is_in = mutants["edit"] == "knock_in"
    scores.loc[is_in, "mutant_score"] = 0.2
    scores.sample(frac=1, random_state=0).to_csv(path, index=False)
    found = measure_rescored(mutants, path, draws=50).set_index("edit")
    assert found.loc["knock_out", "delta_logit"] == pytest.approx(2 * np.log(4))
    assert found.loc["knock_in", ["delta_logit", "low", "high"]].abs().max() < 1e-9
    assert found["n"].tolist() == [50, 50]
    scores.rename(columns={"mutant_score": "x"}).to_csv(path, index=False)
    with pytest.raises(InputError, match="no column mutant_score"):
        measure_rescored(mutants, path)
    scores.assign(mutant_score=1.5).to_csv(path, index=False)
    with pytest.raises(InputError, match="outside 0 to 1"):
        measure_rescored(mutants, path)
    scores.assign(mutant="x").head(1).to_csv(path, index=False)
    with pytest.raises(InputError, match="no name"):
        measure_rescored(mutants, path)
