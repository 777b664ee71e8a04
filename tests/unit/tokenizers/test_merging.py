from __future__ import annotations

import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.models import BPE

from error_sequence_model.tokenizers import BPETokenizer, subwords
from error_sequence_model.tokenizers.merging import (
    DnaMerges,
    encode_letters,
    select_merges,
)
from planted_models import train_bpe
from tiny_models import draw_sequences

SPECIALS = ("[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]")


def spell(merges: DnaMerges, sequences: list[str]) -> list[str]:
    """Tokens of each sequence, with spaces between them."""
    tokens, counts = merges.encode(sequences)
    parts = np.split([merges.words[token] for token in tokens], np.cumsum(counts)[:-1])
    return [" ".join(part) for part in parts]


def make_tokenizer(merges: list[tuple[str, str]], *, letters: str = "ACGTN"):
    words = [*SPECIALS, *letters, *dict.fromkeys(a + b for a, b in merges)]
    vocabulary = {word: index for index, word in enumerate(words)}
    return BPETokenizer(Tokenizer(BPE(vocabulary, merges, unk_token="[UNK]")))  # noqa: S106 - a word


def test_letters_have_codes():
    assert encode_letters("ACGTNa").tolist() == [0, 1, 2, 3, 4, 4]


def test_the_first_merge_is_made_first_and_runs_from_the_left():
    merges = DnaMerges([("C", "G"), ("A", "C"), ("A", "A"), ("AA", "A"), ("AC", "CG")])
    assert spell(merges, ["ACG", "ACCG", "AAAA", "", "AAA", "T"]) == [
        *("A CG", "ACCG", "AA AA", "", "AAA", "T")
    ]


def test_a_word_that_is_split_up_is_never_chosen():
    """A and CG make ACG, but AC is made before."""
    pairs = [("A", "C"), ("C", "G"), ("A", "CG"), ("ACG", "T")]
    merges = DnaMerges(pairs, unreachable={"ACG", "ACGT"})
    assert spell(merges, ["ACG", "ACGT", "TCG"]) == ["AC G", "AC G T", "T CG"]


@pytest.mark.parametrize("entries", [12, 60, 500, 2000])
def test_many_as_the_library_splits_each(entries, monkeypatch):
    monkeypatch.setattr(subwords, "FEWEST_SEQUENCES", 1)
    rng = np.random.default_rng(entries)
    # Runs and repeats: where it matters that merges go from left to right.
    sequences = draw_sequences(rng, 200, 0, 300)
    sequences += ["A" * count for count in range(1, 40)]
    sequences += ["GT" * count + "A" * count for count in range(1, 40)]
    tokenizer = train_bpe(sequences, entries=entries)
    assert tokenizer._merges is not None
    assert len(tokenizer._merges.words) > entries // 2
    many = tokenizer.encode_many(sequences)
    for row, sequence in enumerate(sequences):
        one = tokenizer.encode(sequence).input_ids
        part = slice(many.offsets[row], many.offsets[row + 1])
        np.testing.assert_array_equal(many.input_ids[part], one)


def test_vocabularies_drawn_at_random(monkeypatch):
    """Most of their words are never made of their own letters."""
    monkeypatch.setattr(subwords, "FEWEST_SEQUENCES", 1)
    rng = np.random.default_rng(0)
    split_up = 0
    for _ in range(30):
        words = list("ACGT")
        pairs: list[tuple[str, str]] = []
        for _ in range(60):
            left, right = rng.choice(words, 2)
            if left + right not in words and len(left + right) < 12:
                words.append(left + right)
                pairs.append((str(left), str(right)))
        tokenizer = make_tokenizer(pairs)
        sequences = draw_sequences(rng, 50, 1, 60)
        ids, counts = tokenizer._encode_all(sequences)
        expected = tokenizer._encode_by_library(sequences)
        np.testing.assert_array_equal(counts, expected[1])
        np.testing.assert_array_equal(ids, expected[0])
        split_up += (tokenizer._encode_by_library(words)[1] > 1).sum()
    assert split_up > 50


def test_other_letters_are_left_to_the_library(monkeypatch):
    monkeypatch.setattr(subwords, "FEWEST_SEQUENCES", 3)
    monkeypatch.setattr(subwords, "LONGEST_SEQUENCE", 10)
    tokenizer = make_tokenizer([("A", "C"), ("G", "T"), ("N", "N"), ("AC", "GT")])
    sequences = ["ACGT", "ACNNGT", "", "ACACACACACACACA", "GTR", "TACGTN"]
    ids, counts = tokenizer._encode_all(sequences)
    one_by_one = [tokenizer._split(sequence).input_ids for sequence in sequences]
    assert counts.tolist() == [len(one) for one in one_by_one]
    np.testing.assert_array_equal(ids, np.concatenate(one_by_one))


@pytest.mark.parametrize(
    ("pairs", "kept"),
    [
        ([("A", "N"), ("A", "C")], [("A", "C")]),
        # Used before it is made: what comes first in rank is not first in time.
        ([("AC", "G"), ("A", "C")], None),
        # Made twice.
        ([("A", "A"), ("AA", "A"), ("A", "AA")], None),
    ],
)
def test_vocabularies_of_the_plain_kind(pairs, kept):
    assert select_merges(pairs) == kept


def test_an_odd_vocabulary_is_left_to_the_library(monkeypatch):
    monkeypatch.setattr(subwords, "FEWEST_SEQUENCES", 1)
    tokenizer = make_tokenizer([("A", "A"), ("AA", "A"), ("A", "AA")])
    assert tokenizer._merges is None
    assert tokenizer._encode_all(["AAAAA", "C"])[1].tolist() == [2, 1]
