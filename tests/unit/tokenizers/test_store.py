from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.core import InputError
from error_sequence_model.datasets import (
    SequenceDataset,
    collate,
    load_split_datasets,
    mask_tokens,
    truncate,
)
from error_sequence_model.tokenizers import (
    HyenaDNATokenizer,
    KmerTokenizer,
    NucleotideTokenizer,
    SpliceBertTokenizer,
    TokenStore,
    write_tokens,
)
from error_sequence_model.tokenizers import store as token_store
from tiny_models import draw_sequences, write_windows

TOKENIZERS = [
    NucleotideTokenizer,
    HyenaDNATokenizer,
    SpliceBertTokenizer,
    KmerTokenizer,
]


@pytest.fixture
def windows(tmp_path) -> tuple[Path, list[int], list[str]]:
    rng = np.random.default_rng(0)
    sequences = draw_sequences(rng, 25, 61, 61)
    site_ids = (rng.permutation(100)[:25] * 3).tolist()
    return write_windows(tmp_path / "w.arrow", site_ids, sequences), site_ids, sequences


@pytest.mark.parametrize("make_tokenizer", TOKENIZERS)
def test_round_trip_over_several_batches(
    windows, tmp_path, monkeypatch, make_tokenizer
) -> None:
    monkeypatch.setattr(token_store, "ROWS_PER_BATCH", 3)
    path, site_ids, sequences = windows
    tokenizer = make_tokenizer()
    assert write_tokens(path, tokenizer, tmp_path / "t.arrow") == 25
    store = TokenStore.open(tmp_path / "t.arrow")
    assert len(store) == 25
    assert store.metadata == {
        "upstream": "30",
        "downstream": "31",
        "tokenizer": tokenizer.family,
    }
    order = np.random.default_rng(1).permutation(25)
    rows = store.find_rows(np.array(site_ids)[order])
    assert rows.tolist() == order.tolist()
    for row, sequence in enumerate(sequences):
        expected = tokenizer.encode(sequence)
        found = store.get_row(row)
        assert np.array_equal(found.input_ids, expected.input_ids)
        assert np.array_equal(found.spans, expected.spans)
        assert store.lengths[row] == len(expected.input_ids)


def test_missing_sites_are_named(windows, tmp_path) -> None:
    write_tokens(windows[0], NucleotideTokenizer(), tmp_path / "t.arrow")
    store = TokenStore.open(tmp_path / "t.arrow")
    with pytest.raises(InputError, match="first site_id 1000"):
        store.find_rows(np.array([windows[1][0], 1000, 2000]))
    empty = TokenStore.from_encodings([])
    assert len(empty) == 0
    with pytest.raises(InputError, match="1 sites have no tokens"):
        empty.find_rows(np.array([3]))


def test_failed_tokenizing_leaves_no_file(tmp_path) -> None:
    path = write_windows(tmp_path / "w.arrow", [0, 1], ["ACGT", "AC*T"])
    with pytest.raises(InputError, match="no nucleotide"):
        write_tokens(path, NucleotideTokenizer(), tmp_path / "t.arrow")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["w.arrow"]


@pytest.mark.parametrize("make_tokenizer", TOKENIZERS)
@pytest.mark.parametrize("junction", [0, 7, 30, 61])
def test_truncation_is_centred_on_the_junction(make_tokenizer, junction) -> None:
    tokenizer = make_tokenizer()
    sequence = draw_sequences(np.random.default_rng(2), 1, 61, 61)[0]
    whole = tokenizer.encode(sequence)
    for size in range(4, len(whole.input_ids)):
        kept = truncate(whole, junction, size)
        expected = tokenizer.encode(sequence, max_length=size, junction=junction)
        assert np.array_equal(kept.input_ids, expected.input_ids)
        assert np.array_equal(kept.spans, expected.spans)
        body = kept.spans[kept.spans[:, 1] > kept.spans[:, 0]]
        assert body[0, 0] <= junction <= body[-1, 1]


def make_dataset(sequences: list[str], **options: object) -> SequenceDataset:
    tokenizer = HyenaDNATokenizer()
    return SequenceDataset(
        TokenStore.from_encodings([tokenizer.encode(s) for s in sequences]),
        np.arange(len(sequences)),
        np.arange(len(sequences)) % 2,
        junctions=np.array([len(s) // 2 for s in sequences]),
        classes=("correct", "error"),
        tokenizer=tokenizer,
        **options,
    )


def test_items_batches_and_selection() -> None:
    dataset = make_dataset(["ACGTACGT", "ACG", "ACGTACGTACGTAC"], max_length=9)
    assert dataset.lengths.tolist() == [9, 4, 9]
    batch = collate([dataset[i] for i in range(3)], pad_token_id=4)
    assert batch["input_ids"].shape == (3, 16)
    assert batch["attention_mask"].sum(dim=1).tolist() == [9, 4, 9]
    assert (batch["input_ids"][1, 4:] == 4).all()
    assert batch["junction"].tolist() == [[3, 4], [0, 1], [3, 4]]
    assert batch["site_ids"].tolist() == [0, 1, 2]
    part = dataset.select(np.array([2, 0]))
    assert part.site_ids.tolist() == [2, 0]
    assert part.labels.tolist() == [0, 0]
    assert np.array_equal(part[0]["input_ids"], dataset[2]["input_ids"])
    same = collate([dataset[0], dataset[2]], pad_token_id=4)
    assert same["input_ids"].shape == (2, 9), "equal lengths need no padding"


def test_masking_spares_special_tokens() -> None:
    dataset = make_dataset(["ACGTACGT"] * 50)
    ids = collate([dataset[i] for i in range(50)], pad_token_id=4)["input_ids"]
    masked = mask_tokens(ids, dataset, 0.5)
    changed = masked != ids
    assert (masked[changed] == dataset.tokenizer.mask_token_id).all()
    assert not changed[:, -1].any(), "[SEP] stays"
    assert 0.4 < changed[:, :-1].float().mean() < 0.6


def write_split(site_ids: list[int]) -> tuple[pd.DataFrame, pd.DataFrame]:
    parts = ["train", "validation", "test", "excluded", "train"] * 5
    split = pd.DataFrame({"site_id": site_ids, "part": parts, "fold": 0})
    split["label"] = np.arange(25) % 2
    sites = pd.DataFrame({"site_id": site_ids})
    sites["gene_id"] = [f"g{i}" if i % 3 else None for i in range(25)]
    return split, sites


def test_split_datasets_join_tokens_labels_and_genes(windows, tmp_path) -> None:
    path, site_ids, sequences = windows
    tokenizer = NucleotideTokenizer()
    write_tokens(path, tokenizer, tmp_path / "t.arrow")
    split, sites = write_split(site_ids)
    other = split.assign(fold=1, part="test")
    found = load_split_datasets(
        tmp_path / "t.arrow",
        pd.concat([split, other]),
        sites,
        fold=0,
        classes=("correct", "error"),
        tokenizer=tokenizer,
    )
    assert {part: len(dataset) for part, dataset in found.items()} == {
        "train": 10,
        "validation": 5,
        "test": 5,
    }
    for part, dataset in found.items():
        assert (np.diff(dataset.site_ids) > 0).all()
        for index, site_id in enumerate(dataset.site_ids):
            place = site_ids.index(site_id)
            assert split["part"][place] == part
            assert dataset.labels[index] == place % 2
            expected = tokenizer.encode(sequences[place]).input_ids
            assert np.array_equal(dataset[index]["input_ids"], expected)
            assert dataset[index]["junction"] == (29, 30)
            gene = dataset.groups[index]
            assert pd.isna(gene) if place % 3 == 0 else gene == f"g{place}"


def test_tokens_of_another_tokenizer_are_refused(windows, tmp_path) -> None:
    path, site_ids, _ = windows
    write_tokens(path, HyenaDNATokenizer(), tmp_path / "t.arrow")
    split, sites = write_split(site_ids)
    with pytest.raises(InputError, match="made with the hyenadna tokenizer"):
        load_split_datasets(
            tmp_path / "t.arrow",
            split,
            sites,
            fold=0,
            classes=("correct", "error"),
            tokenizer=NucleotideTokenizer(),
        )
