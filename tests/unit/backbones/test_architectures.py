"""What holds for every family: options, published sizes, heads, Hyena's matrices."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from error_sequence_model.backbones import (
    FAMILIES,
    create_backbone,
    create_lm_head,
    get_lm_loss,
    list_options,
    make_config,
)
from error_sequence_model.backbones.attention import attend, get_padding_bias
from error_sequence_model.backbones.dnabert2 import get_alibi_bias, get_alibi_slopes
from error_sequence_model.core import InputError
from published_checkpoints import SMALL, make_small

EACH = pytest.mark.parametrize("name", FAMILIES)


@EACH
def test_backbones_are_registered_and_describe_themselves(name):
    family = FAMILIES[name]
    backbone = make_small(name)
    assert backbone.config.model_type == name
    assert backbone.config.hidden_size == SMALL[name]["hidden_size"]
    assert backbone.config.num_hidden_layers == SMALL[name]["layers"]
    linear = [n for n, m in backbone.named_modules() if isinstance(m, torch.nn.Linear)]
    for target in family.lora_targets:
        assert any(n == target or n.endswith(f".{target}") for n in linear), target
    parameters = [n for n, _ in backbone.named_parameters()]
    for part in family.no_decay_names:
        assert any(part in n for n in parameters), part
    assert family.licence
    assert family.citation


@EACH
def test_heads_fit_and_losses_fall(name):
    backbone = make_small(name)
    head, family = create_lm_head(backbone), FAMILIES[name]
    backbone.train()
    ids = torch.randint(0, 5, (2, 30))
    parameters = {id(p): p for m in (backbone, head) for p in m.parameters()}
    optimizer = torch.optim.AdamW(parameters.values(), lr=3e-3)
    losses = []
    for _ in range(12):
        logits = head(backbone(ids).last_hidden_state)
        assert logits.shape[-1] == backbone.get_input_embeddings().num_embeddings
        loss = get_lm_loss(logits, ids, is_causal=family.is_causal)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_lm_loss_ignores_what_is_not_predicted():
    logits, labels = torch.zeros(1, 4, 8), torch.full((1, 4), -100)
    assert get_lm_loss(logits, labels, is_causal=False) == 0
    labels[0, 1] = 3
    loss = get_lm_loss(logits, labels, is_causal=False)
    torch.testing.assert_close(loss, torch.tensor(8.0).log())
    with pytest.raises(InputError, match="first two axes"):
        get_lm_loss(logits, labels[:, :3], is_causal=False)


@EACH
@torch.no_grad()
def test_every_family_runs_under_bfloat16_autocast(name):
    backbone = make_small(name)
    ids = torch.randint(0, 5, (2, 100))
    mask = torch.ones_like(ids)
    mask[1, 60:] = 0
    full = backbone(ids, attention_mask=mask).last_hidden_state
    with torch.autocast("cpu", torch.bfloat16):
        half = backbone(ids, attention_mask=mask, output_attentions=True)
    real = mask.bool()
    assert (full - half.last_hidden_state)[real].abs().mean() < 0.05


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_attention_masks_stay_finite(dtype):
    query, key, value = torch.randn(3, 2, 1, 5, 8).to(dtype)
    mask = torch.tensor([[1, 1, 1, 0, 0], [0, 0, 0, 0, 0]])
    bias = get_padding_bias(mask, torch.float32)
    context, _ = attend(query, key, value, bias)
    assert context.isfinite().all()
    alone, _ = attend(query[:1], key[:1, :, :3], value[:1, :, :3], None)
    torch.testing.assert_close(context[:1], alone)


@EACH
def test_unknown_options_are_refused_with_the_allowed_ones(name):
    with pytest.raises(InputError, match=r"option 'layer' is unknown.*'layers'"):
        make_config(name, layer=3)
    options = list_options(name)
    assert "layers" in options
    assert ("heads" in options) == (name != "hyenadna")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"heads": 3}, "hidden_size 128 divided by num_attention_heads 3"),
        ({"layers": "two"}, "expected int"),
        ({"hidden_size": 12.5}, "expected int"),
        ({"stem_kernel_size": 4}, "must be odd"),
        ({"stem_channels": 0}, "must be at least 1"),
        ({"stem_dilations": ["a"]}, "stem_dilations"),
        ({"layers": -1}, "must not be negative"),
    ],
)
def test_values_that_do_not_fit_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        create_backbone("nucleotide_encoder", **options)


def test_an_unknown_architecture_is_refused():
    with pytest.raises(InputError, match="architecture 'bert' is unknown"):
        create_backbone("bert")


def test_dnabert2_from_scratch_needs_a_vocabulary():
    with pytest.raises(InputError, match="needs a vocabulary"):
        create_backbone("dnabert2")


@pytest.mark.parametrize("name", ["hyenadna", "splicebert", "nucleotide_transformer"])
def test_fixed_vocabularies_need_no_files(name):
    backbone, tokenizer = create_backbone(name, **SMALL[name])
    batch = tokenizer(["ACGTACGTAAGT", "ACG"])
    assert backbone.eval()(**batch).last_hidden_state.isfinite().all()


@pytest.mark.parametrize("n_heads", [1, 2, 3, 5, 6, 8, 12, 16, 20])
def test_alibi_slopes_of_any_head_count(n_heads):
    slopes = get_alibi_slopes(n_heads)
    assert slopes.shape == (n_heads,)
    assert ((slopes > 0) & (slopes < 1)).all()
    assert len(slopes.unique()) == n_heads
    power = 2 ** (n_heads.bit_length() - 1)
    assert slopes[power - 1] == 2.0**-8
    bias = get_alibi_bias(n_heads, 5, torch.device("cpu"))
    assert torch.equal(bias, bias.transpose(-1, -2))
    torch.testing.assert_close(bias[0, :, 0, 4], -4 * slopes)


def test_splicebert_and_hyenadna_refuse_what_is_too_long():
    with pytest.raises(InputError, match="more than the 1026 positions"):
        make_small("splicebert")(torch.zeros(1, 1027, dtype=torch.long))
    with pytest.raises(InputError, match="131 tokens are more than the 130"):
        make_small("hyenadna")(torch.zeros(1, 131, dtype=torch.long))


def test_splicebert_is_fused_again_after_attention_was_asked_for():
    backbone = make_small("splicebert")
    ids = torch.randint(5, 10, (1, 20))
    before = backbone.config._attn_implementation
    assert backbone(ids, output_attentions=True).attentions is not None
    assert backbone.config._attn_implementation == before == "sdpa"
    assert backbone(ids).attentions is None


@pytest.mark.parametrize("chunk_size", [3, 16])
def test_mixing_matrices_are_reduced_in_chunks(chunk_size):
    backbone = make_small("hyenadna")
    ids = torch.randint(7, 11, (2, 25))
    whole = backbone.mixing_matrices(ids, reduction=None)
    for reduction, expected in (
        ("absolute", [m.abs().mean(dim=1) for m in whole]),
        ("mean", [m.mean(dim=1) for m in whole]),
    ):
        reduced = backbone.mixing_matrices(
            ids, reduction=reduction, chunk_size=chunk_size
        )
        for ours, wanted in zip(reduced, expected, strict=True):
            assert ours.shape == (2, 25, 25)
            torch.testing.assert_close(ours, wanted)
            assert not ours.triu(1).any()
    with pytest.raises(InputError, match="reduction is 'max'"):
        backbone.mixing_matrices(ids, reduction="max")


@torch.no_grad()
def test_output_norms_are_those_of_the_written_out_operator():
    backbone = make_small("hyenadna")
    ids = torch.randint(7, 11, (1, 15))
    norms = backbone.mixing_matrices(ids, reduction="output", chunk_size=4)[0]
    matrix = backbone.mixing_matrices(ids, reduction=None)[0]
    layer = backbone.backbone.layers[0]
    states = layer.norm1(backbone.get_input_embeddings()(ids))
    value = layer.mixer.get_parts(states).v
    added = matrix * value[:, :, None, :]
    outputs = torch.einsum("oc,bcts->bots", layer.mixer.out_proj.weight, added)
    torch.testing.assert_close(norms, outputs.norm(dim=1))
    total = outputs.sum(dim=-1).transpose(1, 2) + layer.mixer.out_proj.bias
    torch.testing.assert_close(total, layer.mixer(states), atol=1e-5, rtol=1e-4)


def test_left_padding_of_hyenadna_is_warned_about(caplog):
    ids, mask = torch.full((1, 5), 7), torch.tensor([[0, 1, 1, 1, 1]])
    make_small("hyenadna")(ids, attention_mask=mask)
    assert "pad on the right" in caplog.text


MEASURE = """
import resource, torch
from error_sequence_model.backbones import FAMILIES, make_config
config = make_config("hyenadna", d_model=256, layers=2, max_seq_len=1026)
model = FAMILIES["hyenadna"].model_class(config).eval()
ids = torch.randint(7, 11, (1, 1024))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
matrices = model.mixing_matrices(ids)
assert [m.shape for m in matrices] == [(1, 1024, 1024)] * 2
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(after / 2**20, (after - before) / 2**20)
"""


def test_mixing_matrices_of_a_kilobase_fit_in_four_gigabytes():
    scripts = Path(__file__).parents[3] / "workflow" / "scripts"
    done = subprocess.run(
        [sys.executable, "-c", MEASURE],
        env={**os.environ, "PYTHONPATH": str(scripts), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    peak, added = map(float, done.stdout.split())
    assert peak < 4, f"{peak:.2f} GB, {added:.2f} of them for the matrices"
    # All channels at once would be 1 GB per layer; pieces of rows are far below.
    assert added < 0.5
