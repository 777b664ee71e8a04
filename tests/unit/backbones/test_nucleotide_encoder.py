import pytest
import torch

from error_sequence_model.backbones import (
    CalibratedNorm,
    create_backbone,
    load_backbone,
)

SIZES = {"layers": 2, "hidden_size": 32, "heads": 4, "stem_channels": 16}


def make_encoder(**options):
    torch.manual_seed(0)
    backbone, tokenizer = create_backbone("nucleotide_encoder", **{**SIZES, **options})
    return backbone.eval(), tokenizer


def make_sequences(*lengths: int) -> list[str]:
    generator = torch.Generator().manual_seed(1)
    return [
        "".join("ACGT"[i] for i in torch.randint(4, (n,), generator=generator))
        for n in lengths
    ]


def test_a_token_is_a_base():
    backbone, tokenizer = make_encoder()
    batch = tokenizer(make_sequences(50))
    output = backbone(**batch, output_hidden_states=True, output_attentions=True)
    assert output.last_hidden_state.shape == (1, 50, 32)
    assert [state.shape for state in output.hidden_states] == [(1, 50, 32)] * 3
    assert torch.equal(output.hidden_states[-1], output.last_hidden_state)
    assert [weights.shape for weights in output.attentions] == [(1, 4, 50, 50)] * 2
    sums = output.attentions[0].sum(dim=-1)
    torch.testing.assert_close(sums, torch.ones_like(sums))


@torch.no_grad()
@pytest.mark.parametrize(
    "options",
    [{}, {"stem_dilations": ()}],
    ids=str,
)
def test_padding_never_reaches_a_base(options):
    backbone, tokenizer = make_encoder(**options)
    sequences = make_sequences(120, 77, 5, 1)
    batch = backbone(**tokenizer(sequences)).last_hidden_state
    for row, sequence in enumerate(sequences):
        alone = backbone(**tokenizer(sequence)).last_hidden_state[0]
        ours = batch[row, : len(sequence)]
        torch.testing.assert_close(ours, alone, atol=1e-5, rtol=0)


@torch.no_grad()
def test_eager_attention_equals_fused():
    backbone, tokenizer = make_encoder()
    batch = tokenizer(make_sequences(120, 77))
    fused = backbone(**batch).last_hidden_state
    eager = backbone(**batch, output_attentions=True)
    real = batch["attention_mask"].bool()
    torch.testing.assert_close(
        fused[real], eager.last_hidden_state[real], atol=1e-5, rtol=0
    )
    assert not eager.attentions[0][1, :, :77, 77:].any()


@torch.no_grad()
def test_positions_are_relative():
    backbone, _ = make_encoder(stem_dilations=())
    ids = torch.randint(4, (1, 40))
    padded = torch.cat([torch.full((1, 7), 4), ids], dim=1)
    mask = torch.ones_like(padded)
    mask[:, :7] = 0
    shifted = backbone(padded, attention_mask=mask).last_hidden_state[:, 7:]
    torch.testing.assert_close(
        shifted, backbone(ids).last_hidden_state, atol=1e-5, rtol=0
    )


@torch.no_grad()
def test_the_final_norm_is_optional():
    backbone, tokenizer = make_encoder(final_norm=True)
    states = backbone(**tokenizer(make_sequences(30))).last_hidden_state
    torch.testing.assert_close(states.mean(dim=-1), torch.zeros(1, 30))
    assert isinstance(make_encoder()[0].norm, torch.nn.Identity)


@torch.no_grad()
def test_any_length_works():
    backbone, tokenizer = make_encoder(max_length=64)
    assert (
        backbone(**tokenizer(make_sequences(3000))).last_hidden_state.isfinite().all()
    )


def test_embeddings_instead_of_ids_and_their_gradient():
    backbone, tokenizer = make_encoder()
    batch = tokenizer(make_sequences(40, 30))
    ids = batch.pop("input_ids")
    embeddings = backbone.get_input_embeddings()(ids).detach().requires_grad_()
    output = backbone(inputs_embeds=embeddings, **batch).last_hidden_state
    assert torch.equal(output, backbone(ids, **batch).last_hidden_state)
    # One channel: the sum over all of them is constant after a norm.
    output[0, 20, 0].backward()
    assert embeddings.grad[0].abs().sum(dim=-1).min() > 0
    assert not embeddings.grad[1].any()


@torch.no_grad()
def test_saved_encoders_come_back_bit_for_bit(tmp_path):
    backbone, tokenizer = make_encoder(stem_dilations=[1, 2, 4], dropout=0.3)
    backbone.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    batch = tokenizer(make_sequences(60))
    expected = backbone(**batch).last_hidden_state
    assert torch.equal(load_backbone(tmp_path)[0](**batch).last_hidden_state, expected)
    assert load_backbone(tmp_path)[0].config.stem_dilations == [1, 2, 4]


def test_calibration_takes_statistics_of_real_positions_only():
    torch.manual_seed(0)
    norm, states = CalibratedNorm(3), 2 * torch.randn(2, 6, 3) + 5
    mask = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 0, 0, 0, 0]])
    real = mask.bool()
    states[~real] = 100.0
    norm.is_calibrating = True
    normed = norm(states, mask)[real]
    torch.testing.assert_close(normed.mean(dim=0), torch.zeros(3), atol=1e-5, rtol=0)
    spread = normed.std(dim=0, correction=0)
    torch.testing.assert_close(spread, torch.ones(3), atol=1e-5, rtol=0)


def test_calibration_happens_once_and_is_saved(tmp_path):
    backbone, tokenizer = make_encoder()
    assert not backbone.is_calibrated
    backbone.calibrate(**tokenizer(make_sequences(80, 60, 40)))
    assert backbone.is_calibrated
    # After it, a sequence's states depend on nothing but the sequence, in training too.
    batch = tokenizer(make_sequences(50))
    backbone.stem.train()
    alone = backbone.stem.blocks[0].norm1(torch.ones(1, 5, 16), None)
    torch.testing.assert_close(
        alone, backbone.stem.blocks[0].norm1(torch.ones(4, 5, 16), None)[:1]
    )
    backbone.eval().save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    loaded = load_backbone(tmp_path)[0]
    assert loaded.is_calibrated
    assert torch.equal(
        loaded(**batch).last_hidden_state, backbone(**batch).last_hidden_state
    )


def test_states_start_with_a_moderate_spread():
    backbone, tokenizer = make_encoder(layers=4, hidden_size=64, stem_channels=32)
    batch = tokenizer(make_sequences(200, 200))
    states = backbone(**batch, output_hidden_states=True).hidden_states
    assert all(0.03 < state.std() < 3 for state in states)


def test_activation_checkpointing_gives_the_same_gradients():
    backbone, tokenizer = make_encoder(dropout=0.0)
    batch = tokenizer(make_sequences(40))
    backbone.train()
    gradients = []
    for is_checkpointed in (False, True):
        if is_checkpointed:
            backbone.activation_checkpointing_enable()
        backbone.zero_grad()
        backbone(**batch).last_hidden_state.square().mean().backward()
        gradients.append([p.grad.clone() for p in backbone.parameters()])
    for first, second in zip(*gradients, strict=True):
        torch.testing.assert_close(first, second)


def test_bfloat16_autocast_stays_close():
    backbone, tokenizer = make_encoder()
    batch = tokenizer(make_sequences(100, 60))
    full = backbone(**batch).last_hidden_state
    with torch.autocast("cpu", torch.bfloat16):
        half = backbone(**batch).last_hidden_state
    real = batch["attention_mask"].bool()
    assert (full - half)[real].abs().mean() < 0.05


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@torch.no_grad()
def test_cuda_equals_cpu():
    backbone, tokenizer = make_encoder()
    batch = tokenizer(make_sequences(120, 77))
    expected = backbone(**batch).last_hidden_state
    backbone.cuda()
    batch = {name: tensor.cuda() for name, tensor in batch.items()}
    actual = backbone(**batch).last_hidden_state.cpu()
    real = batch["attention_mask"].bool().cpu()
    torch.testing.assert_close(actual[real], expected[real], atol=1e-3, rtol=0)
