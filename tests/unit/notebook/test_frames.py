from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from error_sequence_model import prepare_datasets_for_training
from error_sequence_model.backbones import resolve_tokenizer
from error_sequence_model.core import InputError
from error_sequence_model.tokenizers import HyenaDNATokenizer
from tiny_models import make_frame


def frame(sequences: list, labels: list, **more: list) -> pd.DataFrame:
    return pd.DataFrame({"sequence": sequences, "label": labels, **more})


def test_any_window_lengths_and_two_or_three_frames() -> None:
    train = make_frame(20, seed=1, shortest=20, longest=90)
    held = make_frame(8, seed=2, shortest=50, longest=50)
    test = make_frame(8, seed=3, shortest=7, longest=300)
    assert len(prepare_datasets_for_training(train, held)) == 2
    datasets = prepare_datasets_for_training(train, held, test)
    assert [len(dataset) for dataset in datasets] == [20, 8, 8]
    for dataset, given in zip(datasets, (train, held, test), strict=True):
        assert dataset.lengths.tolist() == given["sequence"].str.len().tolist()
        assert dataset.junctions.tolist() == (given["sequence"].str.len() // 2).tolist()
        assert dataset.classes == ("correct", "error")
        assert dataset.groups.tolist() == given["gene_id"].tolist()


def test_the_given_frames_stay_as_they_were() -> None:
    train, held = make_frame(6, seed=1), make_frame(6, seed=2)
    before = train.copy()
    prepare_datasets_for_training(train, held)
    pd.testing.assert_frame_equal(train, before)


def test_max_length_cuts_around_the_junction() -> None:
    train = frame(["ACGTACGTAC", "GGGGGTTTTTAAAAA"], [0, 1], junction=[5, 10])
    held = frame(["TTT", "CCC"], [0, 1])
    dataset, _ = prepare_datasets_for_training(train, held, max_length=4)
    assert dataset.get_encoding(1).spans.tolist() == [
        [8, 9],
        [9, 10],
        [10, 11],
        [11, 12],
    ]
    assert dataset.lengths.tolist() == [4, 4]
    assert dataset[1]["junction"] == (1, 2)


def test_case_rna_and_tokenizer_choices() -> None:
    train = frame(["acgu", "ACGG"], [0, 1])
    held = frame(["TTTT", "CCCC"], [0, 1])
    dataset, _ = prepare_datasets_for_training(train, held, tokenizer="hyenadna")
    assert dataset.tokenizer.tokens(dataset.get_encoding(0).input_ids)[:4] == list(
        "ACGT"
    )
    tokenizer = HyenaDNATokenizer()
    dataset, _ = prepare_datasets_for_training(train, held, tokenizer=tokenizer)
    assert dataset.tokenizer is tokenizer
    with pytest.raises(InputError, match="nonsense"):
        resolve_tokenizer("nonsense")
    with pytest.raises(InputError, match="vocabulary"):
        resolve_tokenizer("dnabert2")


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["correct", "error"], ("correct", "error")),
        (["FP", "TP"], ("TP", "FP")),
        (["FN", "TN"], ("TN", "FN")),
        (["ok", "Error"], ("ok", "Error")),
        (["right", "wrong"], ("right", "wrong")),
        ([False, True], ("correct", "error")),
        ([0.0, 1.0], ("correct", "error")),
    ],
)
def test_an_error_is_the_last_class_whatever_labels_are_called(labels, classes) -> None:
    train = frame(["ACGT", "GGGG"], labels)
    held = frame(["TTTT", "ATTT"], labels[::-1])
    if isinstance(labels[0], str):
        held["label"] = held["label"].astype("category")
    first, second = prepare_datasets_for_training(train, held)
    assert first.classes == classes
    assert [classes[i] for i in first.labels] == [
        classes[int(x)] if not isinstance(x, str) else x for x in labels
    ]
    assert second.labels.tolist() == first.labels.tolist()[::-1]


def test_more_classes_than_two() -> None:
    train = make_frame(12, seed=1, classes=4)
    held = make_frame(12, seed=2, classes=4)
    dataset, _ = prepare_datasets_for_training(train, held)
    assert dataset.classes == ("class_0", "class_1", "class_2", "class_3")


@pytest.mark.parametrize("shared", ["ACGTTG", "acgttg", "ACGUUG", "CAACGT"])
def test_frames_that_share_a_sequence_are_refused(shared) -> None:
    train = frame(["ACGTTG", "GGGGGG"], [0, 1])
    with pytest.raises(InputError, match="train_data and val_data share a sequence"):
        prepare_datasets_for_training(train, frame([shared, "TTTTTT"], [0, 1]))


def test_all_bad_rows_are_listed_with_their_place() -> None:
    bad = frame(
        ["ACGT", None, "AC-T", "", 5, "ACGT*"],
        [0, 1, 0, 1, 0, np.nan],
        junction=[2, 2, 9, 0, 1, 1.5],
    )
    with pytest.raises(InputError) as caught:
        prepare_datasets_for_training(bad, frame(["TTTT"], [0]))
    message = str(caught.value)
    for line in (
        "train_data row 1: sequence is None",
        "train_data row 2: 'AC-T' is not DNA",
        "train_data row 3: sequence is ''",
        "train_data row 4: sequence is 5",
        "train_data row 5: 'ACGT*' is not DNA",
        "train_data row 5: label is missing",
        "train_data row 2: junction 9",
        "train_data row 5: junction 1.5",
    ):
        assert line in message, line
    assert "row 0" not in message


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (pd.DataFrame({"seq": ["A"], "label": [0]}), "no column sequence"),
        (frame([], []), "no rows"),
        (frame([1, 2], [0, 1]), "row 0: sequence is 1"),
        (frame(["AC"], [-1]), "row 0: label"),
        (frame(["AC"], [0.5]), "row 0: label"),
        (frame(["AC"], [np.inf]), "row 0: label"),
        (frame(["AC", "AG"], [0, 1], site_id=["a", "b"]), "site_id must be whole"),
        (frame(["AC", "AG"], [0, 1], site_id=[4, 4]), "site_id 4 is there twice"),
        (frame(["AC"], [0], junction=["x"]), "junction 'x'"),
        (frame(["AC"], [[1]]), r"row 0: label \[1\] is no class"),
        (frame(["AC", "AG"], ["TP", "FP "]), "row 1: label 'FP ' is no class"),
        (frame(["AC"], [""]), "row 0: label '' is no class"),
        (frame(["AC"], [1j]), "row 0: label 1j is no class"),
        (frame(["AC"], pd.to_datetime(["2024-03-01"])), "row 0: label Timestamp"),
        (frame(["AC"], [0])[["sequence", "label", "label"]], "more than once"),
        (frame(["AC"], [0])["sequence"], "train_data is a Series"),
        ([{"sequence": "AC", "label": 0}], "train_data is a list"),
        (None, "train_data is a NoneType"),
    ],
)
def test_unusable_frames_are_refused(bad, words) -> None:
    with pytest.raises(InputError, match=words):
        prepare_datasets_for_training(bad, frame(["TTTT"], [0]))


def test_validation_data_cannot_be_left_out() -> None:
    with pytest.raises(InputError, match="val_data is a NoneType"):
        prepare_datasets_for_training(frame(["AC"], [0]), None)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_length": 0}, "max_length 0: allowed: whole number ≥ 3 or null"),
        ({"max_length": -5}, "max_length -5: allowed"),
        ({"max_length": 2.5}, "max_length 2.5: allowed"),
        (
            {"max_length": "512"},
            "max_length '512': allowed: whole number .*in quotes, as text",
        ),
        ({"bucket_boundaries": 512}, "bucket_boundaries 512"),
        ({"bucket_boundaries": [100, 50]}, "must rise"),
        ({"bucket_boundaries": [None]}, "bucket_boundaries"),
        ({"tokenizer": None}, "tokenizer None is neither"),
    ],
)
def test_unusable_options_are_refused(options, words) -> None:
    frames = frame(["ACGT"], [0]), frame(["TTTT"], [0])
    with pytest.raises(InputError, match=words):
        prepare_datasets_for_training(*frames, **options)


def test_boundaries_may_be_an_array() -> None:
    frames = frame(["ACGT"], [0]), frame(["TTTT"], [0])
    edges = np.array([10, 20])
    dataset, _ = prepare_datasets_for_training(*frames, bucket_boundaries=edges)
    assert dataset.bucket_boundaries == (10, 20)


def test_labels_unknown_to_the_training_data_are_refused() -> None:
    with pytest.raises(InputError, match="val_data: labels FN are not in the training"):
        prepare_datasets_for_training(
            frame(["AC", "AG"], ["TP", "FP"]), frame(["TT"], ["FN"])
        )
