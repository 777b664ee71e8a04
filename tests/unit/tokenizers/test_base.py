from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from error_sequence_model.core import InputError
from error_sequence_model.tokenizers import (
    HyenaDNATokenizer,
    KmerTokenizer,
    NucleotideTokenizer,
    SequenceTokenizer,
    SpliceBertTokenizer,
)
from published_checkpoints import make_bpe
from tiny_models import draw_sequences

MAKERS = (
    *(NucleotideTokenizer, HyenaDNATokenizer, SpliceBertTokenizer),
    *(KmerTokenizer, make_bpe),
)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("odd", ["", "N", "acgu", "ACRYNNNT", "A"])
def test_many_are_each_by_itself(
    make: Callable[[], SequenceTokenizer], odd: str
) -> None:
    tokenizer = make()
    sequences = draw_sequences(np.random.default_rng(1), 20, 40, 90)
    sequences[7] = sequences[7][:11] + odd + sequences[7][13:]
    sequences[9] = odd
    many = tokenizer.encode_many(sequences)
    assert len(many.offsets) == len(sequences) + 1
    for row, sequence in enumerate(sequences):
        part = slice(many.offsets[row], many.offsets[row + 1])
        one = tokenizer.encode(sequence)
        np.testing.assert_array_equal(many.input_ids[part], one.input_ids)
        np.testing.assert_array_equal(many.starts[part], one.spans[:, 0])
        np.testing.assert_array_equal(many.ends[part], one.spans[:, 1])
    assert all(array.dtype == np.int32 for array in many)


@pytest.mark.parametrize("make", MAKERS)
def test_many_may_be_none(make: Callable[[], SequenceTokenizer]) -> None:
    many = make().encode_many([])
    assert [len(array) for array in many] == [0, 0, 0, 1]


@pytest.mark.parametrize("odd", ["ACG T", "AC\nGT", "AC-GT", "ÄCGT"])
@pytest.mark.parametrize("make", MAKERS)
def test_many_with_one_that_is_no_sequence(
    make: Callable[[], SequenceTokenizer], odd: str
) -> None:
    with pytest.raises(InputError, match="is no nucleotide"):
        make().encode_many(["ACGT", odd, "ACGT"])
