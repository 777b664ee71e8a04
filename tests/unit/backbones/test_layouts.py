"""Tokenisations, file formats, round trips and padding on the reference checkpoints."""

import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from error_sequence_model.backbones import load_backbone, load_checkpoint
from error_sequence_model.tokenizers import load_tokenizer
from parity_fixtures import (
    PARITY,
    get_checkpoint,
    get_expected,
    needs_parity,
    read_parity_json,
    run_group,
)

pytestmark = needs_parity
NAMES = (
    *("dnabert2-tiny", "dnabert2-tiny-seqcls"),
    *("hyenadna-tiny", "hyenadna-tiny-seqcls"),
    *("nt-v2-tiny", "nt-v2-tiny-seqcls"),
    *("splicebert-tiny", "splicebert-tiny-tokcls"),
)
WITH_TEXT = ("dnabert2-tiny", "hyenadna-tiny", "nt-v2-tiny", "splicebert-tiny")
WITH_TORCH_FILE = ("dnabert2-tiny", "dnabert2-tiny-seqcls", "splicebert-tiny")


def get_group(name: str) -> str:
    return "right_padded" if name.startswith("hyenadna") else "short"


@pytest.mark.parametrize("name", WITH_TEXT)
def test_tokenisations_with_spans_are_the_authors(name):
    tokenizer = load_tokenizer(PARITY / name)
    for case in read_parity_json(name, "tokenization.json"):
        # SpliceBERT's rules for case and U are ours; elsewhere the raw text is meant.
        is_ours = name == "splicebert-tiny"
        encoding = tokenizer.encode(case["sequence"], normalise=is_ours)
        assert encoding.input_ids.tolist() == case["input_ids"], case["sequence"]
        if "offsets" in case:
            assert encoding.spans.tolist() == case["offsets"]
        if "tokens" in case:
            assert tokenizer.tokens(encoding.input_ids) == case["tokens"]


@pytest.mark.parametrize("name", WITH_TEXT)
def test_the_text_of_every_batch_gives_its_ids(name):
    tokenizer, expected = load_tokenizer(PARITY / name), get_expected(name)
    for group, sequences in read_parity_json(name, "sequences.json").items():
        if f"{group}.input_ids" not in expected or group in ("mlm", "left_padded"):
            continue
        batch = tokenizer(sequences)
        assert torch.equal(batch["input_ids"], expected[f"{group}.input_ids"]), group
        if f"{group}.attention_mask" in expected:
            mask = expected[f"{group}.attention_mask"]
            assert torch.equal(batch["attention_mask"], mask)


@pytest.mark.parametrize("name", NAMES)
def test_both_file_formats_give_the_same_weights(name, tmp_path):
    folder = tmp_path / name
    shutil.copytree(PARITY / name, folder)
    weights = folder / "model.safetensors"
    if name not in WITH_TORCH_FILE:  # none from the authors: written as they do
        torch.save(load_file(weights), folder / "pytorch_model.bin")
    weights.unlink()
    ours, theirs = load_checkpoint(folder), get_checkpoint(name)
    for first, second in ((ours.backbone, theirs.backbone), (ours.head, theirs.head)):
        expected = second.state_dict()
        assert first.state_dict().keys() == expected.keys()
        for key, tensor in first.state_dict().items():
            assert torch.equal(tensor, expected[key]), key


@pytest.mark.parametrize("name", NAMES)
def test_saving_and_loading_is_exact(name, tmp_path):
    checkpoint, expected = get_checkpoint(name), get_expected(name)
    checkpoint.backbone.save_pretrained(tmp_path)
    checkpoint.tokenizer.save_pretrained(tmp_path)
    before = run_group(checkpoint, expected, get_group(name)).last_hidden_state
    backbone, tokenizer = load_backbone(tmp_path)
    assert type(backbone) is type(checkpoint.backbone)
    assert tokenizer.vocabulary == checkpoint.tokenizer.vocabulary
    sequence = "ACGTNACGTTGCAAGGTAAGT"
    again, first = tokenizer.encode(sequence), checkpoint.tokenizer.encode(sequence)
    assert np.array_equal(again.input_ids, first.input_ids)
    assert np.array_equal(again.spans, first.spans)
    group = get_group(name)
    with torch.no_grad():
        after = backbone(
            expected[f"{group}.input_ids"],
            attention_mask=expected[f"{group}.attention_mask"],
        ).last_hidden_state
    assert torch.equal(before, after)


@pytest.mark.parametrize("has_attention", [False, True], ids=["fused", "eager"])
@pytest.mark.parametrize("name", NAMES)
def test_padded_batches_equal_single_sequences(name, has_attention):
    checkpoint, expected, group = (
        get_checkpoint(name),
        get_expected(name),
        get_group(name),
    )
    batch = run_group(checkpoint, expected, group, output_attentions=has_attention)
    lengths = expected[f"{group}.attention_mask"].sum(dim=1).tolist()
    for row, length in enumerate(lengths):
        ids = expected[f"{group}.input_ids"][row : row + 1, :length]
        with torch.no_grad():
            alone = checkpoint.backbone(ids, output_attentions=has_attention)
        torch.testing.assert_close(
            batch.last_hidden_state[row, :length],
            alone.last_hidden_state[0],
            atol=2e-5,
            rtol=0,
        )
        for padded, single in zip(
            batch.attentions or (), alone.attentions or (), strict=True
        ):
            kept = padded[row, :, :length]
            torch.testing.assert_close(kept[..., :length], single[0], atol=2e-5, rtol=0)
            assert not kept[..., length:].any()


@pytest.mark.parametrize("name", NAMES)
def test_embeddings_instead_of_ids_give_the_same(name):
    checkpoint, expected, group = (
        get_checkpoint(name),
        get_expected(name),
        get_group(name),
    )
    by_ids = run_group(checkpoint, expected, group).last_hidden_state
    with torch.no_grad():
        embeddings = checkpoint.backbone.get_input_embeddings()
        by_embeddings = checkpoint.backbone(
            inputs_embeds=embeddings(expected[f"{group}.input_ids"]),
            attention_mask=expected[f"{group}.attention_mask"],
        ).last_hidden_state
    assert torch.equal(by_ids, by_embeddings)
