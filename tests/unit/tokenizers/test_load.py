import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, trainers

from error_sequence_model.core import InputError
from error_sequence_model.tokenizers import (
    BPETokenizer,
    HyenaDNATokenizer,
    KmerTokenizer,
    NucleotideTokenizer,
    SpliceBertTokenizer,
    junction_tokens,
    load_tokenizer,
    project_to_bases,
)
from published_checkpoints import make_bpe


def make_all():
    return (
        NucleotideTokenizer(),
        HyenaDNATokenizer(),
        SpliceBertTokenizer(),
        KmerTokenizer(),
        make_bpe(),
    )


EACH = pytest.mark.parametrize("tokenizer", make_all(), ids=lambda t: t.family)
SEQUENCES = st.text("ACGTN", min_size=1, max_size=120)


@EACH
@given(sequence=SEQUENCES)
@settings(max_examples=40, deadline=None)
def test_spans_cover_every_base_once(tokenizer, sequence):
    encoding = tokenizer.encode(sequence)
    assert encoding.input_ids.dtype == np.int32
    assert encoding.spans.dtype == np.int32
    body = encoding.spans[encoding.spans[:, 1] > encoding.spans[:, 0]]
    covered = np.concatenate([np.arange(start, end) for start, end in body])
    assert covered.tolist() == list(range(len(sequence)))


@EACH
@given(sequence=SEQUENCES, data=st.data())
@settings(max_examples=40, deadline=None)
def test_truncation_keeps_the_junction_in_the_middle(tokenizer, sequence, data):
    junction = data.draw(st.integers(1, len(sequence)))
    n_special = len(tokenizer.prefix) + len(tokenizer.suffix)
    max_length = data.draw(st.integers(n_special + 2, 60))
    whole = tokenizer.encode(sequence)
    cut = tokenizer.encode(sequence, max_length=max_length, junction=junction)
    assert len(cut.input_ids) == min(max_length, len(whole.input_ids))
    before, after = junction_tokens(cut.spans, junction)
    assert cut.spans[before, 0] < junction <= cut.spans[before, 1]
    if junction < len(sequence):
        assert cut.spans[after, 0] <= junction < cut.spans[after, 1]
    # Ids and spans are those of the untruncated sequence, not of a shorter one.
    pairs = {(int(i), *map(int, s)) for i, s in zip(*whole, strict=True)}
    assert {(int(i), *map(int, s)) for i, s in zip(*cut, strict=True)} <= pairs


def test_truncation_is_centred_to_a_token():
    tokenizer = NucleotideTokenizer()
    cut = tokenizer.encode("A" * 100, max_length=10, junction=40)
    assert cut.spans[[0, -1]].tolist() == [[35, 36], [44, 45]]
    cut = tokenizer.encode("A" * 100, max_length=10)
    assert cut.spans[0, 0] == 45
    at_end = tokenizer.encode("A" * 100, max_length=10, junction=99)
    assert at_end.spans[-1].tolist() == [99, 100]


def test_max_length_must_leave_room_for_a_token():
    with pytest.raises(InputError, match="max_length is 2"):
        SpliceBertTokenizer().encode("ACGT", max_length=2)


@EACH
def test_case_and_rna_are_read_as_upper_case_dna(tokenizer):
    dna, rna = tokenizer.encode("GGTAAGTNACG"), tokenizer.encode("gguaagunacg")
    assert dna.input_ids.tolist() == rna.input_ids.tolist()
    assert dna.spans.tolist() == rna.spans.tolist()


@EACH
@pytest.mark.parametrize("sequence", ["ACG T", "ACG-T", "ACGé", "AC1"])
def test_what_is_no_nucleotide_is_refused(tokenizer, sequence):
    with pytest.raises(InputError, match="is no nucleotide"):
        tokenizer.encode(sequence)


def test_ambiguity_codes():
    assert NucleotideTokenizer().encode("ARYN").input_ids.tolist() == [0, 4, 4, 4]
    assert HyenaDNATokenizer().encode("ARN").input_ids.tolist() == [7, 6, 11, 1]
    assert SpliceBertTokenizer().encode("ARN").input_ids.tolist() == [2, 6, 1, 5, 3]
    bpe = make_bpe().encode("ARYN")
    assert bpe.input_ids.tolist() == [1, 5, 0, 0, 0, 2]
    kmer = KmerTokenizer().encode("ACGTACRYSACN")
    tokens = KmerTokenizer().tokens(kmer.input_ids)
    assert tokens == ["<cls>", "ACGTAC", "<unk>", "A", "C", "N"]
    assert kmer.spans[2].tolist() == [6, 9]


def test_kmer_vocabulary_is_the_published_order():
    tokenizer = KmerTokenizer()
    assert tokenizer.vocab_size == 4107
    names = ["<unk>", "<pad>", "<mask>", "<cls>", "AAAAAA", "AAAAAT", "CCC" * 2, "N"]
    ids = [tokenizer.vocabulary.get(name) for name in names]
    assert ids[:4] == [0, 1, 2, 3]
    assert ids[4:6] == [6, 7]
    assert ids[-1] == 4106


@EACH
def test_batches_are_padded_on_the_right(tokenizer):
    batch = tokenizer(["ACGTACGTAAGT", "AC"])
    single = tokenizer("AC")
    width = single["input_ids"].shape[1]
    assert batch["input_ids"].shape == batch["attention_mask"].shape
    assert batch["input_ids"][1, :width].tolist() == single["input_ids"][0].tolist()
    assert (batch["input_ids"][1, width:] == tokenizer.pad_token_id).all()
    assert batch["attention_mask"].sum(dim=1)[1] == width
    assert tokenizer(["AC"], return_tensors="np")["input_ids"].dtype == np.int64


def test_calls_written_for_transformers_tokenizers_work() -> None:
    tokenizer = NucleotideTokenizer()
    rows = ["ACGTACGTAAGT", "AC"]
    batch = tokenizer(rows, return_tensors="pt", padding=True, truncation=True)
    assert batch["input_ids"].equal(tokenizer(rows)["input_ids"])
    assert tokenizer(rows, padding="longest", max_length=4)["input_ids"].shape[1] == 4
    for wrong in ({"padding": "max_length"}, {"padding": False}, {"truncation": False}):
        with pytest.raises(InputError, match=f"{next(iter(wrong))} is"):
            tokenizer(rows, **wrong)


@EACH
def test_saved_tokenizers_come_back(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    again = load_tokenizer(tmp_path)
    assert type(again) is type(tokenizer)
    assert again.vocabulary == tokenizer.vocabulary
    assert again.pad_token_id == tokenizer.pad_token_id
    assert again.mask_token_id == tokenizer.mask_token_id
    first, second = tokenizer.encode("GGTAAGTN"), again.encode("GGTAAGTN")
    assert first.input_ids.tolist() == second.input_ids.tolist()
    assert first.spans.tolist() == second.spans.tolist()


def test_unknown_tokenizer_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="no tokenizer of a known kind"):
        load_tokenizer(tmp_path)
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\nhello\n")
    with pytest.raises(InputError, match="no tokenizer of a known kind"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("content", ["{", '{"model": {"type": "BPE"}}'])
def test_damaged_tokenizer_files_are_refused(tmp_path, content):
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(InputError, match="tokenizer"):
        load_tokenizer(tmp_path)


def test_special_tokens_can_be_left_out(tmp_path):
    tokenizer = HyenaDNATokenizer(add_special_tokens=False)
    assert tokenizer.encode("AC").input_ids.tolist() == [7, 8]
    tokenizer.save_pretrained(tmp_path)
    assert load_tokenizer(tmp_path).encode("AC").input_ids.tolist() == [7, 8]


@pytest.mark.parametrize(
    ("junction", "expected"),
    [(0, (1, 1)), (2, (1, 1)), (4, (1, 2)), (5, (2, 2)), (6, (2, 3)), (7, (3, 3))],
)
def test_junction_tokens(junction, expected):
    spans = np.array([[0, 0], [0, 4], [4, 6], [6, 7], [0, 0]])
    assert junction_tokens(spans, junction) == expected


@pytest.mark.parametrize("junction", [-1, 8])
def test_a_junction_outside_the_tokens_is_refused(junction):
    spans = np.array([[0, 0], [0, 4], [4, 7], [0, 0]])
    with pytest.raises(InputError, match=f"junction {junction} is not covered"):
        junction_tokens(spans, junction)


@EACH
@given(sequence=SEQUENCES, data=st.data())
@settings(max_examples=30, deadline=None)
def test_spreading_conserves_the_total(tokenizer, sequence, data):
    encoding = tokenizer.encode(sequence)
    seed = data.draw(st.integers(0, 1000))
    scores = np.random.default_rng(seed).normal(size=(2, len(encoding.input_ids)))
    bases = project_to_bases(scores, encoding.spans, len(sequence))
    assert bases.shape == (2, len(sequence))
    assert bases.dtype == np.float32
    is_body = encoding.spans[:, 1] > encoding.spans[:, 0]
    np.testing.assert_allclose(
        bases.sum(axis=1), scores[:, is_body].sum(axis=1), rtol=1e-4, atol=1e-4
    )


def test_projection_values():
    spans = np.array([[0, 0], [0, 4], [5, 7], [0, 0]])
    scores = np.array([9.0, 8.0, -1.0, 9.0])
    spread = project_to_bases(scores, spans, 8)
    assert spread.tolist() == [2, 2, 2, 2, 0, -0.5, -0.5, 0]
    repeated = project_to_bases(scores, spans, 8, how="repeat")
    assert repeated.tolist() == [8, 8, 8, 8, 0, -1, -1, 0]


def test_projection_of_what_does_not_fit_is_refused():
    spans = np.array([[0, 4], [4, 6]])
    with pytest.raises(InputError, match="last axis"):
        project_to_bases(np.zeros(3), spans, 6)
    with pytest.raises(InputError, match="outside the sequence"):
        project_to_bases(np.zeros(2), spans, 5)
    with pytest.raises(InputError, match="how is"):
        project_to_bases(np.zeros(2), spans, 6, how="sum")


@pytest.mark.parametrize("what", ["truncation", "padding", "dropout"])
def test_what_was_saved_with_a_tokenizer_neither_cuts_nor_pads(tmp_path, what) -> None:
    generator = np.random.default_rng(0)
    texts = ["".join(generator.choice(list("ACGT"), 300)) for _ in range(30)]
    specials = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
    saved = Tokenizer(models.BPE(unk_token=specials[0]))
    trainer = trainers.BpeTrainer(vocab_size=100, special_tokens=specials)
    saved.train_from_iterator(texts, trainer)
    saved.save(str(tmp_path / "tokenizer.json"))
    expected = load_tokenizer(tmp_path).encode(texts[0])
    if what == "truncation":
        saved.enable_truncation(20)
    elif what == "padding":
        saved.enable_padding(length=500, pad_id=3, pad_token=specials[3])
    else:
        saved.model.dropout = 0.5
    saved.save(str(tmp_path / "tokenizer.json"))
    for tokenizer in (load_tokenizer(tmp_path), BPETokenizer(saved)):
        found = tokenizer.encode(texts[0])
        assert found.input_ids.tolist() == expected.input_ids.tolist()
        assert found.spans.tolist() == expected.spans.tolist()
        assert found.spans[-2, 1] == 300
    # What was given stays as it is.
    assert (saved.truncation or saved.padding or saved.model.dropout) is not None
