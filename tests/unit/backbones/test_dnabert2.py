import pytest
import torch

from error_sequence_model.backbones import attention, dnabert2, get_lm_loss
from error_sequence_model.backbones.dnabert2 import (
    DNABert2Config,
    DNABert2Model,
    get_alibi_bias,
    get_alibi_slopes,
)
from parity_fixtures import (
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
@pytest.mark.parametrize("group", ["short", "long", "single_nomask", "left_padded"])
def test_states_and_attentions_are_the_authors(group, has_attention):
    expected = get_expected("dnabert2-tiny")
    output = run_group(
        get_checkpoint("dnabert2-tiny"),
        expected,
        group,
        output_hidden_states=True,
        output_attentions=has_attention,
    )
    assert (output.attentions is not None) == has_attention
    assert_states(output, expected, group, atol=STATES)


def test_token_types_are_used():
    expected = get_expected("dnabert2-tiny")
    output = run_group(
        get_checkpoint("dnabert2-tiny"),
        expected,
        "token_types",
        token_type_ids=expected["token_types.token_type_ids"],
    )
    assert_states(output, expected, "token_types", atol=STATES)


def test_attention_beyond_the_published_length_is_the_authors():
    expected = get_expected("dnabert2-tiny")
    output = run_group(
        get_checkpoint("dnabert2-tiny"), expected, "long", output_attentions=True
    )
    rows, real = expected["long.attention_rows"], get_real(expected, "long")
    for layer, weights in enumerate(output.attentions):
        wanted = expected[f"long.attentions_at_rows.{layer}"]
        for batch in range(len(rows)):
            is_real = real[batch, rows[batch]]
            torch.testing.assert_close(
                weights[batch][:, rows[batch][is_real]],
                wanted[batch][:, is_real],
                atol=STATES,
                rtol=0,
            )


@pytest.mark.parametrize("group", ["short", "long"])
def test_masked_lm_logits_are_the_authors(group):
    expected, checkpoint = (
        get_expected("dnabert2-tiny"),
        get_checkpoint("dnabert2-tiny"),
    )
    output = run_group(checkpoint, expected, group)
    with torch.no_grad():
        logits = checkpoint.head(output.last_hidden_state)
    rows, positions = expected[f"{group}.logits_positions"].T
    wanted = expected[f"{group}.logits_at_positions"]
    torch.testing.assert_close(logits[rows, positions], wanted, atol=LOGITS, rtol=0)


def test_logits_without_a_mask_are_the_authors():
    expected, checkpoint = (
        get_expected("dnabert2-tiny"),
        get_checkpoint("dnabert2-tiny"),
    )
    output = run_group(checkpoint, expected, "single_nomask")
    with torch.no_grad():
        logits = checkpoint.head(output.last_hidden_state[:, :8])
    wanted = expected["single_nomask.logits"]
    torch.testing.assert_close(logits, wanted, atol=LOGITS, rtol=0)


def test_masked_lm_loss_is_the_authors():
    expected, checkpoint = (
        get_expected("dnabert2-tiny"),
        get_checkpoint("dnabert2-tiny"),
    )
    output = run_group(checkpoint, expected, "mlm")
    with torch.no_grad():
        logits = checkpoint.head(output.last_hidden_state)
    # The authors' class leaves out every label of 0 ([UNK]) and below.
    labels = expected["mlm.labels"]
    labels = labels.masked_fill(labels <= 0, -100)
    loss = get_lm_loss(logits, labels, is_causal=False)
    torch.testing.assert_close(loss[None], expected["mlm.loss"], atol=2e-5, rtol=0)
    rows, positions = expected["mlm.masked_positions"].T
    torch.testing.assert_close(
        logits[rows, positions], expected["mlm.logits_at_masked"], atol=LOGITS, rtol=0
    )


def test_alibi_is_the_authors():
    expected = get_expected("dnabert2-tiny")
    assert torch.equal(get_alibi_slopes(12), expected["alibi_slopes"])
    bias = get_alibi_bias(12, 16, torch.device("cpu"))
    torch.testing.assert_close(bias[0], expected["alibi_bias_16"], atol=1e-6, rtol=0)


@pytest.mark.parametrize("group", ["short", "long"])
def test_classifier_is_the_authors(group):
    name = "dnabert2-tiny-seqcls"
    expected, checkpoint = get_expected(name), get_checkpoint(name)
    output = run_group(checkpoint, expected, group)
    assert_states(output, expected, group, atol=STATES)
    with torch.no_grad():
        pooled = checkpoint.head.pool(output.last_hidden_state)
        logits = checkpoint.head(output.last_hidden_state)
    wanted = expected[f"{group}.pooled_output"]
    torch.testing.assert_close(pooled, wanted, atol=STATES, rtol=0)
    torch.testing.assert_close(logits, expected[f"{group}.logits"], atol=LOGITS, rtol=0)
    loss = torch.nn.functional.cross_entropy(logits, expected[f"{group}.labels"])
    torch.testing.assert_close(
        loss[None], expected[f"{group}.loss"], atol=STATES, rtol=0
    )


def test_gradients_are_the_authors():
    name = "dnabert2-tiny-seqcls"
    expected, checkpoint = get_expected(name), get_checkpoint(name)
    output = checkpoint.backbone(
        expected["short.input_ids"], attention_mask=expected["short.attention_mask"]
    )
    logits = checkpoint.head(output.last_hidden_state)
    loss = torch.nn.functional.cross_entropy(logits, expected["short.labels"])
    parameters = dict(checkpoint.backbone.named_parameters())
    names = [key for key in expected if key.startswith("short.grad.")]
    assert len(names) == 4
    ours = [
        checkpoint.head.output.weight
        if key.endswith("classifier.weight")
        else parameters[key.removeprefix("short.grad.bert.")]
        for key in names
    ]
    for key, gradient in zip(names, torch.autograd.grad(loss, ours), strict=True):
        scale = expected[key].abs().max().item()
        torch.testing.assert_close(
            gradient, expected[key], atol=1e-4 * scale, rtol=1e-4, msg=key
        )


@pytest.mark.parametrize("given", ["whole", "padded", "packed"])
def test_long_sequences_need_no_bias_in_whole(given, monkeypatch):
    torch.manual_seed(0)
    options = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = DNABert2Config(vocab_size=20, intermediate_size=48, **options)
    model = DNABert2Model(config).eval()
    ids = torch.randint(0, 20, (1 if given == "packed" else 3, 23))
    more = {}
    if given == "padded":
        more["attention_mask"] = torch.arange(23) < torch.tensor([[23], [9], [17]])
    if given == "packed":
        more = {"lengths": torch.tensor([9, 9, 5]), "longest": 9}

    def run() -> tuple[torch.Tensor, torch.Tensor]:
        states = model(ids, **more).last_hidden_state
        if given == "padded":
            states = states[more["attention_mask"]]
        model.zero_grad()
        states.square().sum().backward()
        return states, model.encoder.layer[0].attention.self.Wqkv.weight.grad.clone()

    expected = run()
    monkeypatch.setattr(dnabert2, "LONGEST_BIAS", 8)
    monkeypatch.setattr(attention, "QUERIES", 4)
    monkeypatch.delattr(dnabert2, "get_alibi_bias")
    for found, value in zip(run(), expected, strict=True):
        torch.testing.assert_close(found, value, rtol=1e-5, atol=1e-5)
