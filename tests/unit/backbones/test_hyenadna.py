import pytest
import torch

from error_sequence_model.backbones import get_lm_loss
from error_sequence_model.backbones.hyena_mixing import build_mixing
from parity_fixtures import (
    assert_states,
    get_checkpoint,
    get_expected,
    needs_parity,
    run_group,
)

pytestmark = needs_parity
ATOL = 3e-5


@pytest.mark.parametrize("length", [1, 2, 7, 100, 201, 1026])
def test_states_and_logits_are_the_authors(length):
    expected, checkpoint = (
        get_expected("hyenadna-tiny"),
        get_checkpoint("hyenadna-tiny"),
    )
    group = f"len{length}"
    output = run_group(checkpoint, expected, group, output_hidden_states=True)
    assert len(output.hidden_states) == checkpoint.backbone.config.n_layer + 2
    assert_states(output, expected, group, atol=ATOL)
    with torch.no_grad():
        logits = checkpoint.head(output.last_hidden_state)
    torch.testing.assert_close(logits, expected[f"{group}.logits"], atol=ATOL, rtol=0)


@pytest.mark.parametrize("group", ["right_padded", "left_padded"])
def test_padded_batches_are_the_authors(group):
    expected, checkpoint = (
        get_expected("hyenadna-tiny"),
        get_checkpoint("hyenadna-tiny"),
    )
    output = run_group(checkpoint, expected, group)
    assert_states(output, expected, group, atol=ATOL)
    with torch.no_grad():
        logits = checkpoint.head(output.last_hidden_state)
    wanted = expected[f"{group}.logits"]
    torch.testing.assert_close(logits, wanted, atol=ATOL, rtol=0)


def test_causal_lm_losses_are_the_authors():
    expected, checkpoint = (
        get_expected("hyenadna-tiny"),
        get_checkpoint("hyenadna-tiny"),
    )
    output = run_group(checkpoint, expected, "right_padded")
    with torch.no_grad():
        logits = checkpoint.head(output.last_hidden_state)
    for labels, name in (
        (expected["right_padded.labels"], "right_padded.loss"),
        (expected["right_padded.input_ids"], "right_padded.loss_all_tokens"),
    ):
        loss = get_lm_loss(logits, labels, is_causal=True)
        torch.testing.assert_close(loss[None], expected[name], atol=ATOL, rtol=0)


def test_right_padding_changes_nothing():
    expected, checkpoint = (
        get_expected("hyenadna-tiny"),
        get_checkpoint("hyenadna-tiny"),
    )
    batch = run_group(checkpoint, expected, "right_padded").last_hidden_state
    lengths = expected["right_padded.attention_mask"].sum(dim=1)
    for row, length in enumerate(lengths.tolist()):
        with torch.no_grad():
            alone = checkpoint.backbone(
                expected["right_padded.input_ids"][row : row + 1, :length]
            ).last_hidden_state[0]
        torch.testing.assert_close(batch[row, :length], alone, atol=1e-5, rtol=0)


def test_the_operator_is_the_authors():
    expected, checkpoint = (
        get_expected("hyenadna-tiny"),
        get_checkpoint("hyenadna-tiny"),
    )
    backbone = checkpoint.backbone
    input_ids = expected["operator.input_ids"]
    matrices = backbone.mixing_matrices(input_ids, reduction=None)
    with torch.no_grad():
        states = backbone.get_input_embeddings()(input_ids)
        for index, layer in enumerate(backbone.backbone.layers):
            parts = layer.mixer.get_parts(layer.norm1(states))
            for ours, theirs in (
                (parts.filter, "filter"),
                (parts.x0[0], "x0"),
                (parts.x1[0], "x1"),
                (parts.v[0], "v"),
            ):
                wanted = expected[f"operator.{theirs}.{index}"]
                torch.testing.assert_close(ours, wanted, atol=ATOL, rtol=0)
            matrix = build_mixing(parts, slice(None))
            assert torch.equal(matrix, matrices[index])
            mixed = (matrix @ parts.v[..., None])[0, ..., 0]
            for ours, theirs in ((matrix[0], "matrix"), (mixed, "y")):
                wanted = expected[f"operator.{theirs}.{index}"]
                torch.testing.assert_close(ours, wanted, atol=ATOL, rtol=1e-5)
            states, _ = layer(states)


@pytest.mark.parametrize("group", ["right_padded", "left_padded"])
def test_classifier_is_the_authors(group):
    name = "hyenadna-tiny-seqcls"
    expected, checkpoint = get_expected(name), get_checkpoint(name)
    output = run_group(checkpoint, expected, group)
    assert_states(output, expected, group, atol=ATOL)
    with torch.no_grad():
        logits = checkpoint.head(
            output.last_hidden_state, expected[f"{group}.attention_mask"]
        )
    torch.testing.assert_close(logits, expected[f"{group}.logits"], atol=ATOL, rtol=0)
    loss = torch.nn.functional.cross_entropy(logits, expected[f"{group}.labels"])
    torch.testing.assert_close(loss[None], expected[f"{group}.loss"], atol=ATOL, rtol=0)


def test_one_by_one_equals_the_batch():
    name = "hyenadna-tiny-seqcls"
    expected, checkpoint = get_expected(name), get_checkpoint(name)
    lengths = expected["right_padded.attention_mask"].sum(dim=1).tolist()
    rows = []
    with torch.no_grad():
        for row, length in zip(
            expected["right_padded.input_ids"], lengths, strict=True
        ):
            output = checkpoint.backbone(row[None, :length])
            rows.append(checkpoint.head(output.last_hidden_state))
    wanted = expected["one_by_one.logits"]
    torch.testing.assert_close(torch.cat(rows), wanted, atol=ATOL, rtol=0)


def test_gradients_are_the_authors():
    name = "hyenadna-tiny-seqcls"
    expected, checkpoint = get_expected(name), get_checkpoint(name)
    mask = expected["right_padded.attention_mask"]
    output = checkpoint.backbone(expected["right_padded.input_ids"])
    logits = checkpoint.head(output.last_hidden_state, mask)
    loss = torch.nn.functional.cross_entropy(logits, expected["right_padded.labels"])
    parameters = dict(checkpoint.backbone.named_parameters())
    start = "right_padded.grad."
    names = [key for key in expected if key.startswith(start)]
    assert len(names) == 4
    ours = [
        checkpoint.head.output.weight
        if key.endswith("score.weight")
        else parameters[key.removeprefix(f"{start}hyena.")]
        for key in names
    ]
    for key, gradient in zip(names, torch.autograd.grad(loss, ours), strict=True):
        scale = expected[key].abs().max().item()
        torch.testing.assert_close(
            gradient, expected[key], atol=1e-4 * scale, rtol=1e-4, msg=key
        )
