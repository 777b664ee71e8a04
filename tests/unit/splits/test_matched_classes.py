"""Matched classes cannot be told by what they are matched on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from error_sequence_model.core import InputError
from error_sequence_model.settings import label_sites, parse_contrast
from error_sequence_model.splits import make_split
from error_sequence_model.windows import make_windows

UP = DOWN = 30
N = 900


def make_sites() -> tuple[pd.DataFrame, list[str]]:
    """FP are richer in GC, weaker and more often GC donors than TP."""
    generator = np.random.default_rng(3)
    is_error = generator.random(N) < 0.4
    texts, pairs = [], []
    for error in is_error:
        gc = 0.32 if error else 0.24
        shares = [0.5 - gc, gc, gc, 0.5 - gc]
        bases = generator.choice(list("ACGT"), UP + DOWN, p=shares)
        pairs.append("GC" if generator.random() < (0.2 if error else 0.05) else "GT")
        bases[UP : UP + 2] = list(pairs[-1])
        if not error:
            bases[UP + 2 : UP + 6] = list("AAGT")
        texts.append("".join(bases))
    sites = pd.DataFrame(
        {
            "site_id": np.arange(N),
            "chrom": [f"chr{i % 6}" for i in range(N)],
            "junction": 1000 * np.arange(N) + 1000,
            "strand": "+",
            "splice_type": "donor",
            "pred_type": np.where(is_error, "FP", "TP"),
            "gene_id": [f"g{i}" for i in range(N)],
            "dinucleotide": pairs,
            "score": 2 * generator.random(N) + is_error,
        }
    )
    return sites, texts


def split(**definition: object) -> tuple[pd.DataFrame, dict, list[str]]:
    sites, texts = make_sites()
    definition = {"positive": ["FP"], "negative": ["TP"], **definition}
    contrast = parse_contrast("c", definition)
    frame, leakage = make_split(
        sites,
        make_windows(sites["site_id"].to_numpy(), texts, upstream=UP),
        contrast,
        "donor",
        {"test": ["chr0", "chr1"], "validation": ["chr2"]},
    )
    return sites.merge(frame, on="site_id"), leakage, texts


def test_matching_on_dinucleotide_and_gc() -> None:
    plain, _, texts = split()
    matched, leakage, _ = split(match=["dinucleotide", "gc"])
    gc = np.array([(t.count("G") + t.count("C")) / len(t) for t in texts])
    assert roc_auc_score(plain["label"], gc[plain["site_id"]]) > 0.75
    for part in ("train", "validation", "test"):
        rows = matched[matched["part"].eq(part)]
        assert rows["label"].mean() == 0.5
        is_rare = rows["dinucleotide"].eq("GC")
        assert roc_auc_score(rows["label"], is_rare) == 0.5
        if part == "train":
            told = roc_auc_score(rows["label"], gc[rows["site_id"]])
            assert abs(told - 0.5) < 0.12
    assert leakage["matched_on"] == ["dinucleotide", "gc"]
    excluded = matched["part"].eq("excluded").sum()
    assert leakage["folds"]["0"]["removed"]["unmatched"] == excluded > 100


@pytest.mark.parametrize("what", ["strength", "score"])
def test_matching_on_strength_or_score(what: str) -> None:
    matched, _, _ = split(match=[what])
    rows = matched[matched["part"].eq("train")]
    assert rows["label"].mean() == 0.5
    assert len(rows) > 20
    if what == "score":
        assert abs(roc_auc_score(rows["label"], rows["score"]) - 0.5) < 0.15


def test_matching_on_a_missing_score_is_refused() -> None:
    sites, texts = make_sites()
    contrast = parse_contrast("c", {"like": "fp_vs_tp", "match": ["score"]})
    with pytest.raises(InputError, match="match on score"):
        make_split(
            sites.assign(score=np.nan),
            make_windows(sites["site_id"].to_numpy(), texts, upstream=UP),
            contrast,
            "donor",
            {"folds": 3},
        )


def test_built_in_contrasts_of_like_with_like_are_blind_to_the_dinucleotide() -> None:
    sites, _ = make_sites()
    sites["pred_type"] = sites["pred_type"].map({"FP": "FN", "TP": "TN"})
    kept = label_sites(sites, parse_contrast("fn_vs_tn"))
    assert set(kept["dinucleotide"]) == {"GT"}
    assert roc_auc_score(kept["label"], kept["dinucleotide"].eq("GC")) == 0.5
    everything = parse_contrast("x", {"like": "fn_vs_tn", "same_dinucleotide": False})
    assert len(label_sites(sites, everything)) == len(sites)
    assert not parse_contrast("fn_vs_tp").same_dinucleotide
