"""Which pred_types are told apart."""

from __future__ import annotations

import pandas as pd
import pytest

from error_sequence_model.core import InputError
from error_sequence_model.settings import (
    expand_contrasts,
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
