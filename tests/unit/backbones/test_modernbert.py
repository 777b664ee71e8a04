"""ModernBERT-type models: transformers' own numbers, its layouts of every age."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import BPE
from transformers import ModernBertConfig, ModernBertForMaskedLM

from error_sequence_model.backbones import load_checkpoint
from error_sequence_model.core import InputError
from published_checkpoints import FILE, make_bpe

SIZES = {
    **{"vocab_size": 64, "hidden_size": 24, "intermediate_size": 32},
    **{"num_hidden_layers": 5, "num_attention_heads": 3, "local_attention": 8},
    "pad_token_id": 3,
}
THETAS = {"full_attention": 50_000.0, "sliding_attention": 700.0}
# As the first published configurations were written, and as today's are.
OLD = {
    **SIZES,
    **{"model_type": "modernbert", "global_attn_every_n_layers": 2},
    **{"global_rope_theta": 50_000.0, "local_rope_theta": 700.0},
    **{"layer_norm_eps": 1e-12, "norm_eps": 1e-5, "position_embedding_type": "x"},
}


def write(folder: Path, *, is_old: bool) -> ModernBertForMaskedLM:
    """A small random model, saved as its authors would."""
    torch.manual_seed(3)
    layers = ["full_attention", "sliding_attention"] * 2 + ["full_attention"]
    config = ModernBertConfig(
        **SIZES,
        layer_types=layers,
        rope_parameters={
            name: {"rope_type": "default", "rope_theta": theta}
            for name, theta in THETAS.items()
        },
    )
    model = ModernBertForMaskedLM(config).eval()
    weights = {k: v.clone() for k, v in model.state_dict().items()}
    # The decoder is the embedding, and not always stored.
    weights.pop("decoder.weight", None)
    folder.mkdir(exist_ok=True)
    save_file(weights, folder / FILE)
    known = OLD if is_old else config.to_dict()
    (folder / "config.json").write_text(json.dumps(known))
    make_bpe().save_pretrained(folder)
    return model


@pytest.mark.parametrize("is_old", [True, False])
@torch.no_grad()
def test_states_attention_and_logits_are_transformers_own(tmp_path, is_old) -> None:
    theirs = write(tmp_path / "model", is_old=is_old)
    ours = load_checkpoint(tmp_path / "model")
    ids = torch.randint(5, 14, (2, 40), generator=torch.Generator().manual_seed(1))
    mask = torch.ones_like(ids)
    mask[1, 25:] = 0
    expected = theirs(input_ids=ids, attention_mask=mask, output_hidden_states=True)
    for has_attention in (False, True):
        found = ours.backbone(
            ids,
            attention_mask=mask,
            output_hidden_states=True,
            output_attentions=has_attention,
        )
        real = mask.bool()
        logits = ours.head(found.last_hidden_state)
        assert torch.allclose(logits[real], expected.logits[real], atol=1e-5)
        assert len(found.hidden_states) == 6
        assert (found.attentions is not None) == has_attention
    first, second = found.attentions[:2]
    assert first[0, 0, 0, 30] > 0 and second[0, 0, 0, 5:].abs().max() < 1e-9
    assert not second[1, :, :25, 25:].any()


@torch.no_grad()
def test_padding_changes_no_real_token(tmp_path) -> None:
    write(tmp_path / "model", is_old=True)
    backbone = load_checkpoint(tmp_path / "model").backbone
    ids = torch.randint(5, 14, (1, 20), generator=torch.Generator().manual_seed(1))
    alone = backbone(ids).last_hidden_state
    padded = torch.cat([ids, torch.full((1, 30), 3)], dim=1)
    mask = (torch.arange(50) < 20).long()[None]
    together = backbone(padded, attention_mask=mask).last_hidden_state
    assert torch.allclose(together[:, :20], alone, atol=1e-5)
    assert together.isfinite().all()


def test_a_model_of_text_is_refused(tmp_path) -> None:
    write(tmp_path / "model", is_old=True)
    names = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]", *"ACGTbdefhijk"]
    model = BPE({n: i for i, n in enumerate(names)}, [], unk_token="[UNK]")  # noqa: S106
    Tokenizer(model).save(str(tmp_path / "model" / "tokenizer.json"))
    with pytest.raises(InputError, match="it is of a model of text"):
        load_checkpoint(tmp_path / "model")


def test_a_layout_that_lacks_what_decides_is_refused(tmp_path) -> None:
    write(tmp_path / "model", is_old=True)
    file = tmp_path / "model" / "config.json"
    settings = json.loads(file.read_text())
    del settings["local_attention"]
    file.write_text(json.dumps(settings))
    with pytest.raises(InputError, match="lacks local_attention"):
        load_checkpoint(tmp_path / "model")
