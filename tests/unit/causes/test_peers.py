"""Predictors side by side: how they agree, and what private errors have more of."""

from __future__ import annotations

import numpy as np
import pandas as pd

from error_sequence_model.causes import compare_peers
from error_sequence_model.sites import join_errors


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


def test_pairs_have_counts_and_contexts() -> None:
    a = make_sites([(n, "FN" if n % 3 else "TP") for n in range(60)])
    b = make_sites([(n, "FN" if n % 4 else "TP") for n in range(60)])
    found = compare_peers(join_errors({"a": a, "b": b}), contexts={"a": 400}).pairs
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
    joined, labels = join_errors({"a": a, "b": b}), {"FN": {"odd": "an odd place"}}
    found = compare_peers(joined, flags={"FN": flags}, labels=labels).contrasts
    assert found["contrast"].unique().tolist() == ["private_to_a_vs_shared"]
    assert found["cause"].tolist() == ["an odd place", "third"]
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
    joined = join_errors({"a": a, "b": b, "c": c})
    found = compare_peers(joined, flags={"FN": flags}).contrasts
    sizes = found.set_index("contrast")[["n_positive", "n_negative"]]
    assert sizes.loc["private_to_a_vs_shared"].tolist() == [10, 20]
    assert sizes.loc["right_in_b_vs_shared"].tolist() == [20, 20]
    assert sizes.loc["right_in_c_vs_shared"].tolist() == [10, 30]
