"""Checkpoints in the published layouts load; what does not fit exactly is refused."""

import json
import re
import shutil

import pytest
import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertForMaskedLM, EsmConfig, EsmModel

from error_sequence_model.backbones import load_backbone, load_checkpoint
from error_sequence_model.core import InputError
from error_sequence_model.tokenizers import KmerTokenizer, SpliceBertTokenizer
from published_checkpoints import (
    FILE,
    edit_config,
    edit_weights,
    write_dnabert2,
    write_hyenadna,
    write_published,
)


@pytest.fixture
def dnabert2(tmp_path):
    return write_dnabert2(tmp_path / "any_name")


@pytest.fixture
def hyenadna(tmp_path):
    return write_hyenadna(tmp_path / "hyena")


def test_families_are_told_by_content(dnabert2, hyenadna):
    checkpoint = load_checkpoint(dnabert2)
    assert checkpoint.family.name == "dnabert2"
    assert checkpoint.head_kind == "masked_lm"
    words = checkpoint.backbone.get_input_embeddings().weight
    assert checkpoint.head.decoder.weight is words
    assert not checkpoint.backbone.training
    checkpoint = load_checkpoint(hyenadna)
    assert checkpoint.family.name == "hyenadna"
    assert checkpoint.head_kind == "causal_lm"


def test_weights_arrive_unchanged(dnabert2):
    backbone, _ = load_backbone(dnabert2)
    stored = load_file(dnabert2 / FILE)
    for name, tensor in backbone.state_dict().items():
        assert torch.equal(tensor, stored[f"bert.{name}"])


def test_copies_saved_by_a_bert_configuration_load(dnabert2):
    edit_config(dnabert2, model_type="bert", pad_token_id=0, architectures=["Bert"])
    _, tokenizer = load_backbone(dnabert2)
    assert tokenizer.pad_token_id == 3


@pytest.mark.parametrize("prefix", ["", "model."])
def test_other_prefixes_are_understood(dnabert2, prefix):
    def rename(tensors):
        for name in [name for name in tensors if name.startswith("bert.")]:
            tensors[prefix + name.removeprefix("bert.")] = tensors.pop(name)

    edit_weights(dnabert2, rename)
    assert load_checkpoint(dnabert2).family.name == "dnabert2"


def test_half_precision_files_are_read_as_float32(dnabert2):
    edit_weights(dnabert2, lambda t: t.update({k: v.half() for k, v in t.items()}))
    backbone, _ = load_backbone(dnabert2)
    assert {p.dtype for p in backbone.parameters()} == {torch.float32}


def test_an_untrained_pooler_is_left_out(dnabert2):
    def add(tensors):
        for name in [name for name in tensors if name.startswith("cls.")]:
            del tensors[name]
        tensors["bert.pooler.dense.weight"] = torch.zeros(24, 24)
        tensors["bert.pooler.dense.bias"] = torch.zeros(24)

    edit_weights(dnabert2, add)
    assert load_checkpoint(dnabert2).head is None


def test_a_renamed_tensor_is_refused_and_listed(dnabert2):
    name = "bert.encoder.layer.0.mlp.wo.weight"
    edit_weights(dnabert2, lambda t: t.update({f"{name}_x": t.pop(name)}))
    with pytest.raises(InputError) as caught:
        load_backbone(dnabert2)
    assert "missing: encoder.layer.0.mlp.wo.weight" in str(caught.value)
    assert f"unexpected: {name}_x" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda t: t.pop("bert.embeddings.LayerNorm.bias"),
            "missing: embeddings.Layer",
        ),
        (lambda t: t.update(extra=torch.zeros(1)), "unexpected: extra"),
        (
            lambda t: t.update(
                {"bert.embeddings.token_type_embeddings.weight": torch.zeros(3, 24)}
            ),
            r"token_type_embeddings.weight: \(3, 24\) instead of \(2, 24\)",
        ),
        (
            lambda t: t.pop("cls.predictions.transform.dense.bias"),
            "missing: dense.bias",
        ),
        (
            lambda t: t.update({"cls.predictions.decoder.weight": torch.ones(64, 24)}),
            "must be the word embedding",
        ),
        (
            lambda t: t.update(
                {
                    "classifier.weight": torch.ones(2, 24),
                    "classifier.bias": torch.ones(2),
                }
            ),
            "two heads",
        ),
    ],
    ids=["missing", "unexpected", "shape", "head", "untied", "two heads"],
)
def test_weights_that_do_not_fit_are_refused(dnabert2, change, message):
    edit_weights(dnabert2, change)
    with pytest.raises(InputError, match=message):
        load_backbone(dnabert2)


def test_a_configuration_of_another_size_is_refused(dnabert2):
    edit_config(dnabert2, num_hidden_layers=3)
    with pytest.raises(InputError, match=r"missing: encoder\.layer\.2"):
        load_backbone(dnabert2)


def test_a_configuration_without_the_number_of_heads_is_refused(dnabert2):
    file = dnabert2 / "config.json"
    settings = json.loads(file.read_text())
    del settings["num_attention_heads"]
    file.write_text(json.dumps(settings))
    with pytest.raises(InputError, match="lacks num_attention_heads"):
        load_backbone(dnabert2)


def test_a_tensor_that_is_there_twice_is_refused(dnabert2):
    name = "embeddings.LayerNorm.bias"
    edit_weights(dnabert2, lambda t: t.update({name: torch.ones(24)}))
    with pytest.raises(InputError, match=r"unexpected: .*LayerNorm\.bias"):
        load_backbone(dnabert2)


def test_plain_bert_is_refused(tmp_path, dnabert2):
    sizes = {"hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 3}
    bert = BertForMaskedLM(BertConfig(vocab_size=64, intermediate_size=32, **sizes))
    bert.save_pretrained(tmp_path / "plain")
    with pytest.raises(InputError, match=r"a plain BERT.*is DNABERT-2-117M \(zhihan"):
        load_backbone(tmp_path / "plain")
    # What saving DNABERT-2 through a plain BERT class leaves behind.
    shutil.copy(tmp_path / "plain" / FILE, dnabert2 / FILE)
    with pytest.raises(InputError, match="has lost its attention weights"):
        load_backbone(dnabert2)


def test_esm_without_gated_mlp_is_refused(tmp_path):
    sizes = {"hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 3}
    config = EsmConfig(
        **{"vocab_size": 4107, "intermediate_size": 32, "pad_token_id": 1},
        position_embedding_type="rotary",
        **sizes,
    )
    EsmModel(config, add_pooling_layer=False).save_pretrained(tmp_path)
    words = r"only version 2 is supported: .*NT-v2-500m \(InstaDeepAI/.*@06615c1660"
    with pytest.raises(InputError, match=words):
        load_backbone(tmp_path)


@pytest.mark.parametrize(
    ("kind", "nearest"),
    [
        ("caduceus", "HyenaDNA-medium-160k (LongSafari/hyenadna-medium-160k-seqlen-hf"),
        ("stripedhyena2", "HyenaDNA-large-1m"),
        ("something_new", "DNABERT-2-117M (zhihan1996/DNABERT-2-117M@7bce263b1537"),
    ],
)
def test_the_nearest_model_is_named_where_a_family_is_unknown(dnabert2, kind, nearest):
    edit_weights(dnabert2, lambda t: (t.clear(), t.update({"a.b": torch.ones(2)})))
    edit_config(dnabert2, model_type=kind)
    with pytest.raises(InputError, match=re.escape(nearest)):
        load_backbone(dnabert2)


def test_settings_that_are_not_implemented_are_refused(tmp_path):
    write_published(tmp_path, "nucleotide_transformer", {"model_type": "esm"}, {})
    KmerTokenizer().save_pretrained(tmp_path)
    assert load_checkpoint(tmp_path).family.name == "nucleotide_transformer"
    edit_config(tmp_path, token_dropout=True)
    with pytest.raises(InputError, match="token_dropout is True"):
        load_backbone(tmp_path)


def test_a_tokenizer_of_another_model_is_refused(dnabert2):
    (dnabert2 / "tokenizer.json").unlink()
    SpliceBertTokenizer().save_pretrained(dnabert2)
    with pytest.raises(InputError, match="the files do not belong together"):
        load_backbone(dnabert2)


def test_nothing_of_the_checkpoint_is_run_and_nothing_is_asked(dnabert2, monkeypatch):
    (dnabert2 / "code.py").write_text("raise SystemExit('code was run')")
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked on stdin"))
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("went online"))
    assert load_checkpoint(dnabert2).family.name == "dnabert2"


def test_aliases_of_the_sine_frequency(hyenadna):
    stem = "hyena.backbone.layers.0.mixer.filter_fn.implicit_filter"

    def add(tensors):
        tensors[f"{stem}.1.freq"] = torch.full((1, 64), 3.0)
        for index in (3, 5):
            tensors[f"{stem}.{index}.freq"] = tensors[f"{stem}.1.freq"].clone()

    edit_weights(hyenadna, add)
    backbone, _ = load_backbone(hyenadna)
    filter_network = backbone.backbone.layers[0].mixer.filter_fn.implicit_filter
    assert (filter_network.get_submodule("1").freq == 3).all()
    edit_weights(hyenadna, lambda t: t[f"{stem}.3.freq"].fill_(10.0))
    with pytest.raises(InputError, match="differs from"):
        load_backbone(hyenadna)
