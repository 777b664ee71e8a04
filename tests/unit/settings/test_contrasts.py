"""Which pred_types are told apart."""

from __future__ import annotations

import pandas as pd
import pytest

from error_sequence_model.core import InputError
from error_sequence_model.settings import (
    expand_contrasts,
    find_company,
    label_sites,
    parse_contrast,
    part_limits,
)

SITES = pd.DataFrame(
    {
        "pred_type": ["TP", "FP", "FN", "TN", "TP"],
        "splice_type": "donor",
        "dinucleotide": "GT",
    }
)


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("fp_vs_tp", {"TP": 0, "FP": 1}),
        ("fn_vs_tp", {"TP": 0, "FN": 1}),
        ("fn_vs_tn", {"TN": 0, "FN": 1}),
        ("fp_vs_tn", {"TN": 0, "FP": 1}),
        ("error_type", {"TP": 0, "FP": 1, "FN": 2, "TN": 3}),
    ],
)
def test_built_in_contrasts(name: str, labels: dict[str, int]) -> None:
    labelled = label_sites(SITES, parse_contrast(name))
    assert dict(zip(labelled["pred_type"], labelled["label"], strict=True)) == labels
    assert labelled["label"].dtype == "int8"


def test_defined_contrasts() -> None:
    definition = {"positive": ["FP", "FN"], "negative": "TP", "shuffle_labels": True}
    contrast = parse_contrast("mine", definition)
    assert contrast.class_names == ("correct", "error")
    assert contrast.is_binary
    assert contrast.shuffle_labels
    assert label_sites(SITES, contrast)["label"].tolist() == [0, 1, 1, 0]
    matched = parse_contrast("m", {"like": "fp_vs_tp", "match": ["gc"]})
    assert matched.match == ("gc",)


@pytest.mark.parametrize(
    ("name", "definition", "words"),
    [
        ("fp_tp", None, "not built in"),
        ("mine", {"positive": ["FP"]}, "both `positive` and `negative`"),
        ("mine", {"positive": ["FP"], "negative": []}, "at least one"),
        ("mine", {"positive": ["FP"], "negative": ["FP"]}, "more than one class"),
        ("mine", {"positive": ["XX"], "negative": ["TP"]}, "unknown pred_type"),
        ("mine", {"positve": ["FP"]}, "unknown key"),
        ("fp_vs_tp", {"match": ["length"]}, "cannot match"),
        ("fp_vs_tp", {"peers": ["b"]}, "errors private or shared"),
        ("mine", {"positive": "FN", "negative": "TP", "peers": ["b"]}, "private or"),
        ("private_fn_vs_shared", {"peers": 3}, "list of predictors"),
    ],
)
def test_bad_contrasts(name: str, definition: dict | None, words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_contrast(name, definition)


def test_a_matched_contrast_never_stands_alone() -> None:
    given = {
        "fp_vs_tp": {"match": ["gc"]},
        "mine": {"positive": ["FP"], "negative": ["TN"], "match": ["score"]},
        "fn_vs_tp": None,
    }
    found = {
        name: parse_contrast(name, definition)
        for name, definition in expand_contrasts(given).items()
    }
    names = ["fp_vs_tp", "fp_vs_tp_matched", "mine", "mine_matched", "fn_vs_tp"]
    assert list(found) == names
    matches = {name: contrast.match for name, contrast in found.items()}
    assert matches == {
        **dict.fromkeys(names, ()),
        "fp_vs_tp_matched": ("gc",),
        "mine_matched": ("score",),
    }
    for name in ("fp_vs_tp", "mine"):
        one, two = found[name], found[f"{name}_matched"]
        assert one.classes == two.classes
        assert one.same_dinucleotide == two.same_dinucleotide
    assert list(expand_contrasts(["fp_vs_tp", "error_type"])) == [
        "fp_vs_tp",
        "error_type",
    ]
    taken = {**given, "mine_matched": {"like": "fp_vs_tp"}}
    with pytest.raises(InputError, match=r"'mine': its matched run .* rename"):
        expand_contrasts(taken)
    with pytest.raises(InputError, match="not built in"):
        expand_contrasts({"unknown": {"match": ["gc"]}})


def test_the_splice_types_of_a_contrast_are_parted_from_it() -> None:
    given = {"fp_vs_tp": {"splice_types": ["donor"]}, "fn_vs_tp": None}
    plain, limits = part_limits(given)
    assert plain == {"fp_vs_tp": {}, "fn_vs_tp": None}
    assert limits == {"fp_vs_tp": ["donor"], "fp_vs_tp_matched": ["donor"]}
    assert given["fp_vs_tp"] == {"splice_types": ["donor"]}
    assert part_limits(["fp_vs_tp"]) == ({"fp_vs_tp": None}, {})


def make_peers(rows: list[tuple]) -> pd.DataFrame:
    """Rows of kind, site_id, and whether a, b and c err there."""
    table = pd.DataFrame(rows, columns=["kind", "site_id", "a", "b", "c"])
    table = table.astype({"site_id": "Int64", **dict.fromkeys("abc", "boolean")})
    table.insert(2, "gene_id", "g")
    return table


PEERS = make_peers(
    [
        ("missed", 2, True, False, False),
        ("missed", 5, True, True, True),
        ("missed", 6, True, True, False),
        ("missed", 7, True, None, False),
        ("missed", None, None, True, True),  # not a site of a's
        ("missed", 8, False, True, True),  # found by a
        ("invented", 1, True, False, False),
    ]
)


def test_company_is_nobody_everybody_or_unclear() -> None:
    assert find_company(PEERS, "FN").to_dict() == {
        **{2: "private", 5: "shared", 6: "partly_shared", 7: "not_judged"},
    }
    assert find_company(PEERS, "FP").to_dict() == {1: "private"}
    # Of named peers alone: c judged site 7 and is right there, as at 6.
    only = {2: "private", 5: "shared", 6: "private", 7: "private"}
    assert find_company(PEERS, "FN", ["c"]).to_dict() == only
    assert find_company(PEERS.iloc[:0], "FN").empty
    with pytest.raises(InputError, match=r"\['x'\] are not held beside 'a'.*b, c"):
        find_company(PEERS, "FN", ["x"])


def test_private_and_shared_errors_get_labels() -> None:
    kinds = ["TP", "FP", "FN", "TN", "TP", "FN", "FN", "FN"]
    sites = pd.DataFrame(
        {"site_id": range(8), "pred_type": kinds, "splice_type": "donor"}
    )
    contrast = parse_contrast("private_fn_vs_shared")
    assert contrast.class_names == ("shared", "private") and contrast.is_binary
    labelled = label_sites(sites, contrast, PEERS)
    assert labelled.set_index("site_id")["label"].to_dict() == {2: 1, 5: 0}
    assert labelled["label"].dtype == "int8"
    right = parse_contrast("right", {"like": "private_fn_vs_shared", "peers": ["c"]})
    labels = label_sites(sites, right, PEERS).set_index("site_id")["label"]
    assert labels.to_dict() == {2: 1, 5: 0, 6: 1, 7: 1}
    with pytest.raises(InputError, match=r"peers\.parquet"):
        label_sites(sites, contrast)
    matched = expand_contrasts({"private_fp_vs_shared": {"match": ["gc"]}})
    parsed = parse_contrast("x", matched["private_fp_vs_shared_matched"])
    assert parsed.peers == () and parsed.pred_types == ("FP", "FP")
