"""Predictors side by side: who errs where, and what was not judged stays unknown."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.causes import compare_peers
from error_sequence_model.core import InputError


def make_sites(calls: list[tuple[int, str]], *, chrom: str = "g") -> pd.DataFrame:
    rows = [
        {
            "site_id": number,
            "chrom": chrom,
            "junction": junction,
            "strand": "+",
            "splice_type": "donor",
            "pred_type": call,
            "gene_id": f"gene{junction % 7}",
        }
        for number, (junction, call) in enumerate(calls)
    ]
    return pd.DataFrame(rows)


def find(table: pd.DataFrame, junction: int) -> pd.Series:
    (row,) = table[table["junction"] == junction].to_dict("records")
    return pd.Series(row)


def test_every_site_is_one_row_with_each_verdict() -> None:
    a = make_sites([(1, "TP"), (2, "FN"), (3, "FN"), (4, "FP")])
    b = make_sites([(1, "FN"), (2, "FN"), (3, "TP"), (5, "FP"), (6, "TN")])
    sites = compare_peers({"a": a, "b": b}).sites
    assert len(sites) == 6
    assert find(sites, 2)[["a", "b", "kind"]].tolist() == [True, True, "missed"]
    assert find(sites, 3)[["a", "b"]].tolist() == [True, False]
    # Not called and no decoy, but scanned: b does not err at 4, nor a at 5.
    assert find(sites, 4)[["a", "b"]].tolist() == [True, False]
    assert find(sites, 5)[["a", "b"]].tolist() == [False, True]
    assert find(sites, 4)["site_id"] == 3
    assert pd.isna(find(sites, 5)["site_id"])


def test_what_a_peer_did_not_judge_is_unknown() -> None:
    a = make_sites([(1, "FN"), (2, "FP")])
    b = make_sites([(1, "TP")], chrom="elsewhere")
    sites = compare_peers({"a": a, "b": b}).sites
    own = sites[sites["chrom"] == "g"]
    assert own["b"].isna().all()
    pairs = compare_peers({"a": a, "b": b}).pairs
    assert pairs[["both", "only_first", "only_second", "neither"]].sum().sum() == 0


def test_pairs_have_counts_and_contexts() -> None:
    a = make_sites([(n, "FN" if n % 3 else "TP") for n in range(60)])
    b = make_sites([(n, "FN" if n % 4 else "TP") for n in range(60)])
    found = compare_peers({"a": a, "b": b}, contexts={"a": 400}).pairs
    row = found[(found["kind"] == "missed") & (found["splice_type"] == "donor")].iloc[0]
    assert (row["both"], row["only_first"]) == (30, 10)
    assert (row["only_second"], row["neither"]) == (15, 5)
    assert row["context_first"] == 400 and np.isnan(row["context_second"])


def test_a_cause_of_private_errors_is_found() -> None:
    # Of a's misses b shares the even ones; the odd ones have the cause.
    a = make_sites([(n, "FN") for n in range(120)])
    b = make_sites([(n, "TP" if n % 2 else "FN") for n in range(120)])
    flags = pd.DataFrame(
        {
            "site_id": a["site_id"],
            "odd": pd.array(a["junction"] % 2 == 1, dtype="boolean"),
            "third": pd.array(a["junction"] % 3 == 1, dtype="boolean"),
        }
    )
    found = compare_peers({"a": a, "b": b}, flags={"missed": flags}).contrasts
    assert found["contrast"].unique().tolist() == ["private_to_a_vs_shared"]
    odd = found.set_index("flag").loc["odd"]
    assert (odd["share_positive"], odd["share_negative"]) == (1, 0)
    assert odd["low"] > 10 and odd["q"] < 0.01
    third = found.set_index("flag").loc["third"]
    assert third["low"] < 1 < third["high"]


def test_three_predictors_make_a_contrast_each() -> None:
    a = make_sites([(n, "FN") for n in range(40)])
    b = make_sites([(n, "FN" if n % 2 else "TP") for n in range(40)])
    c = make_sites([(n, "FN" if n % 4 else "TP") for n in range(40)])
    flags = pd.DataFrame({"site_id": a["site_id"], "x": pd.array([True, False] * 20)})
    found = compare_peers({"a": a, "b": b, "c": c}, flags={"missed": flags}).contrasts
    sizes = found.set_index("contrast")[["n_positive", "n_negative"]]
    assert sizes.loc["private_to_a_vs_shared"].tolist() == [10, 20]
    assert sizes.loc["right_in_b_vs_shared"].tolist() == [20, 20]
    assert sizes.loc["right_in_c_vs_shared"].tolist() == [10, 30]


def test_one_predictor_has_no_peers() -> None:
    with pytest.raises(InputError, match="not two predictors"):
        compare_peers({"a": make_sites([(1, "TP")])})
