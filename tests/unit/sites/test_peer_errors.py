"""Who errs where: sites of several predictors joined, what was not judged unknown."""

from __future__ import annotations

import pandas as pd
import pytest

from error_sequence_model.core import InputError
from error_sequence_model.sites import join_errors


def make_sites(calls: list[tuple], *, chrom: str = "g") -> pd.DataFrame:
    """Sites of (junction, call), and of strand and splice type where they differ."""
    rows = [
        {
            "site_id": number,
            "chrom": chrom,
            "junction": junction,
            "strand": more[0] if more else "+",
            "splice_type": more[1] if more else "donor",
            "pred_type": call,
            "gene_id": f"gene{junction % 7}",
        }
        for number, (junction, call, *more) in enumerate(calls)
    ]
    return pd.DataFrame(rows)


def find(table: pd.DataFrame, junction: int) -> pd.Series:
    (row,) = table[table["junction"] == junction].to_dict("records")
    return pd.Series(row)


def test_every_site_is_one_row_with_each_verdict() -> None:
    a = make_sites([(1, "TP"), (2, "FN"), (3, "FN"), (4, "FP")])
    b = make_sites([(1, "FN"), (2, "FN"), (3, "TP"), (5, "FP"), (6, "TN")])
    sites = join_errors({"a": a, "b": b})
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
    sites = join_errors({"a": a, "b": b})
    own = sites[sites["chrom"] == "g"]
    assert own["b"].isna().all()


@pytest.mark.parametrize("other", [("+", "acceptor"), ("-", "donor")])
def test_a_peer_of_one_strand_or_type_did_not_judge_the_other(other) -> None:
    a = make_sites([(1, "TP"), (2, "FP"), (3, "FP", *other)])
    b = make_sites([(1, "TP")])
    sites = join_errors({"a": a, "b": b})
    assert find(sites, 2)["b"] is False
    assert pd.isna(find(sites, 3)["b"])


def test_strand_and_splice_type_belong_to_the_place() -> None:
    a = make_sites([(1, "FN", "+", "donor"), (2, "FN", "-", "acceptor")])
    b = make_sites(
        [
            *[(1, "TP", "-", "donor"), (1, "FN", "+", "donor")],
            *[(1, "TP", "+", "acceptor"), (2, "TP", "-", "acceptor")],
        ]
    )
    sites = join_errors({"a": a, "b": b})
    assert len(sites) == 4
    own = sites.dropna(subset="site_id").set_index("site_id")
    assert own["b"].tolist() == [True, False]
    assert own["gene_id"].tolist() == ["gene1", "gene2"]
    # What a has not judged is unknown of a, and has no site_id of a's.
    assert sites.loc[sites["site_id"].isna(), "a"].isna().all()


def test_one_predictor_has_no_peers() -> None:
    with pytest.raises(InputError, match="not two predictors"):
        join_errors({"a": make_sites([(1, "TP")])})
