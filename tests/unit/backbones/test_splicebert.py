"""SpliceBERT says what its authors' own code says, in either layout of its files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from error_sequence_model.backbones import load_checkpoint
from error_sequence_model.backbones.weights import read_weights
from error_sequence_model.core import InputError
from error_sequence_model.tokenizers import load_tokenizer
from parity_fixtures import (
    PARITY,
    assert_states,
    get_checkpoint,
    get_expected,
    get_real,
    needs_parity,
    run_group,
)

pytestmark = needs_parity
STATES, LOGITS = 2e-5, 5e-5


@pytest.mark.parametrize("has_attention", [False, True], ids=["fused", "eager"])
@pytest.mark.parametrize("group", ["short", "max"])
def test_states_attentions_and_logits_are_the_references(group, has_attention):
    expected = get_expected("splicebert-tiny")
    checkpoint = get_checkpoint("splicebert-tiny")
    output = run_group(
        checkpoint,
        expected,
        group,
        output_hidden_states=True,
        output_attentions=has_attention,
    )
    assert (output.attentions is not None) == has_attention
    assert_states(output, expected, group, atol=STATES)
    with torch.no_grad():
        logits = checkpoint.head(output.last_hidden_state)
    real = get_real(expected, group)
    wanted = expected[f"{group}.logits"][real]
    torch.testing.assert_close(logits[real], wanted, atol=LOGITS, rtol=0)


def test_token_classifier_is_the_reference():
    name = "splicebert-tiny-tokcls"
    expected, checkpoint = get_expected(name), get_checkpoint(name)
    output = run_group(checkpoint, expected, "short")
    with torch.no_grad():
        logits = checkpoint.head(output.last_hidden_state)
    real = get_real(expected, "short")
    wanted = expected["short.logits"][real]
    torch.testing.assert_close(logits[real], wanted, atol=LOGITS, rtol=0)


ORIGINAL = PARITY / "splicebert-tiny"
# As in the hub repository multimolecule/splicebert at 16d96fd.
VOCABULARY = (
    "<pad> <cls> <eos> <unk> <mask> <null> A C G U N R Y S W K M B D H V . X * - I"
)
PLACES = [0, 3, 1, 2, 4, 10, 6, 7, 8, 9]  # of SpliceBERT's ten words among these


def write_checkpoint(folder: Path, words: int = 26) -> Path:
    """Write the tiny SpliceBERT as MultiMolecule converts it."""
    weights, _ = read_weights(ORIGINAL)
    generator = torch.Generator().manual_seed(1)
    converted = {}
    for name, tensor in weights.items():
        if "position_ids" in name:
            continue
        theirs = name.replace("LayerNorm", "layer_norm")
        theirs = theirs.replace("cls.predictions.", "lm_head.")
        if name.startswith("bert."):
            theirs = f"splice{theirs}"
        if theirs.endswith(("word_embeddings.weight", "decoder.weight")):
            grown = torch.randn(words, tensor.shape[1], generator=generator)
            grown[PLACES] = tensor
            tensor = grown
        elif theirs in ("lm_head.bias", "lm_head.decoder.bias"):
            grown = torch.zeros(words)
            grown[PLACES] = tensor
            tensor = grown
        converted[theirs] = tensor.clone()
    # The decoder is the embedding, and a file holds it once.
    converted.pop("lm_head.decoder.weight", None)
    folder.mkdir(exist_ok=True)
    save_file(converted, folder / "model.safetensors", {"format": "pt"})
    settings = json.loads((ORIGINAL / "config.json").read_text())
    settings |= {
        "model_type": "splicebert",
        "architectures": ["SpliceBertForPreTraining"],
        "vocab_size": words,
        "hidden_dropout": settings.pop("hidden_dropout_prob"),
        "attention_dropout": settings.pop("attention_probs_dropout_prob"),
        "lm_head": {"transform": "nonlinear", "transform_act": "gelu"},
    }
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY.split()) + "\n")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "RnaTokenizer"}')
    return folder


def test_multimolecules_states_and_logits_are_the_same(tmp_path) -> None:
    theirs = load_checkpoint(write_checkpoint(tmp_path))
    ours = get_checkpoint("splicebert-tiny")
    assert theirs.family is ours.family and theirs.head_kind == "masked_lm"
    assert theirs.backbone.config.hidden_dropout_prob == 0.1
    sequences = ["ACGUNNACGTTTAG", "GGTAAGT"]
    batch = theirs.tokenizer(sequences)
    for name, tensor in ours.tokenizer(sequences).items():
        assert torch.equal(batch[name], tensor)
    with torch.no_grad():
        mine, other = (
            c.backbone(**batch, output_hidden_states=True) for c in (ours, theirs)
        )
        for first, second in zip(mine.hidden_states, other.hidden_states, strict=True):
            assert torch.equal(first, second)
        logits = [c.head(mine.last_hidden_state) for c in (ours, theirs)]
    assert torch.equal(*logits)


def test_another_vocabulary_is_refused(tmp_path) -> None:
    folder = write_checkpoint(tmp_path, words=30)
    with pytest.raises(InputError, match="30 words, MultiMolecule's RNA vocabulary 26"):
        load_checkpoint(folder)


def test_its_tokenizer_is_found_without_its_weights(tmp_path) -> None:
    (tmp_path / "vocab.txt").write_text("\n".join(VOCABULARY.split()) + "\n")
    assert load_tokenizer(tmp_path).encode("ACGTN").input_ids.tolist() == [
        *(2, 6, 7, 8, 9, 5, 3)
    ]
