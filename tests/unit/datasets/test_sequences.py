"""Changed training windows: the bases, and where their junction lies, are exact."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.datasets import SequenceDataset, WindowChanges
from error_sequence_model.datasets.sequences import cut_ends
from error_sequence_model.notebook import prepare_datasets_for_training
from error_sequence_model.tokenizers import KmerTokenizer, SpliceBertTokenizer

#          exon  |intron
WINDOW = "AACCAG" + "GTAAGTNT"
TURNED = "ANACTTAC" + "CTGGTT"


def make_dataset(tokenizer="custom", **options) -> SequenceDataset:
    frames = (
        pd.DataFrame({"sequence": [first, WINDOW], "label": [0, 1], "junction": [4, 6]})
        if first != "T" * 9
        else pd.DataFrame({"sequence": ["T" * 9, "G" * 9], "label": [0, 1]})
        for first in ("ACGTACGT", "T" * 9)
    )
    return prepare_datasets_for_training(*frames, tokenizer=tokenizer, **options)[0]


def spell(item: dict, dataset: SequenceDataset) -> str:
    names = dataset.tokenizer.tokens(item["input_ids"])
    return "".join(name for name in names if name[0] not in "[<")


TOKENIZERS = ["custom", SpliceBertTokenizer(), KmerTokenizer()]


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_a_turned_window_has_its_junction_turned(tokenizer) -> None:
    data = make_dataset(tokenizer)
    changes = WindowChanges(data, reverse_complement=1.0, shift=0, seed=1)
    item = changes.make_item(1, 0)
    assert spell(item, data) == TURNED
    assert (item["label"], item["site_id"]) == (1, 1)
    # The tokens on both sides of the junction are those that lie around base 8.
    first, second = item["junction"]
    assert item["spans"][first][1] >= 8 > item["spans"][first][0]
    assert item["spans"][second][0] <= 8 < item["spans"][second][1]


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_the_site_moves_with_its_window(tokenizer) -> None:
    data = make_dataset(tokenizer)
    changes = WindowChanges(data, reverse_complement=0.0, shift=3, seed=1)
    seen = set()
    for epoch in range(40):
        item = changes.make_item(1, epoch)
        text = spell(item, data)
        first = WINDOW.index(text)
        assert len(text) == len(WINDOW) - 3
        # Of single bases: the last exonic one and the first intronic one.
        if tokenizer != TOKENIZERS[2]:
            around = data.tokenizer.tokens(item["input_ids"][list(item["junction"])])
            assert "".join(around) == "GG"
            assert item["spans"][item["junction"][1]][0] == 6 - first
        seen.add(first)
    assert seen == {0, 1, 2, 3}


def test_a_junction_keeps_both_sides() -> None:
    rng = np.random.default_rng(0)
    assert cut_ends("ACGT", 2, 9, rng)[0] in ("ACG", "CGT")
    assert cut_ends("ACGT", 1, 9, rng) == ("ACGT", 1)
    assert cut_ends("ACGT", 0, 9, rng) == ("ACGT", 0)
    assert cut_ends("ACGT", 4, 9, rng) == ("ACGT", 4)


def test_nothing_asked_for_changes_nothing() -> None:
    data = make_dataset(SpliceBertTokenizer())
    plain = WindowChanges(data, reverse_complement=0.0, shift=0, seed=1).make_item(1, 3)
    expected = data[1]
    assert plain.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(plain[name], value)


def test_changes_are_those_of_seed_epoch_and_item() -> None:
    data = make_dataset()

    def read(seed: int) -> list[str]:
        changes = WindowChanges(data, reverse_complement=0.5, shift=4, seed=seed)
        items = (changes.make_item(k, epoch) for epoch in range(20) for k in (0, 1))
        return [spell(item, data) for item in items]

    assert read(1) == read(1) != read(2)
    assert len(set(read(1))) > 8


def test_long_windows_keep_what_is_around_the_junction() -> None:
    data = make_dataset(max_length=6)
    changes = WindowChanges(data, reverse_complement=1.0, shift=0, seed=1)
    item = changes.make_item(1, 0)
    assert spell(item, data) == TURNED[5:11]
    assert item["junction"] == (2, 3)
