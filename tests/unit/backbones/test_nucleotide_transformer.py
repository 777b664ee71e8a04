import pytest
import torch

from parity_fixtures import (
    assert_states,
    get_checkpoint,
    get_expected,
    needs_parity,
    run_group,
)

pytestmark = needs_parity
STATES, LOGITS = 2e-5, 1e-4


@pytest.mark.parametrize("has_attention", [False, True], ids=["fused", "eager"])
@pytest.mark.parametrize("group", ["short", "long"])
def test_states_attentions_and_logits_are_the_references(group, has_attention):
    expected, checkpoint = get_expected("nt-v2-tiny"), get_checkpoint("nt-v2-tiny")
    output = run_group(
        checkpoint,
        expected,
        group,
        output_hidden_states=True,
        output_attentions=has_attention,
    )
    assert_states(output, expected, group, atol=STATES)
    with torch.no_grad():
        logits = checkpoint.head(output.last_hidden_state)
    rows, positions = expected[f"{group}.logits_positions"].T
    wanted = expected[f"{group}.logits_at_positions"]
    torch.testing.assert_close(logits[rows, positions], wanted, atol=LOGITS, rtol=0)


@pytest.mark.parametrize("group", ["short", "long"])
def test_classifier_is_the_reference(group):
    name = "nt-v2-tiny-seqcls"
    expected, checkpoint = get_expected(name), get_checkpoint(name)
    output = run_group(checkpoint, expected, group)
    assert_states(output, expected, group, atol=STATES)
    with torch.no_grad():
        logits = checkpoint.head(output.last_hidden_state)
    torch.testing.assert_close(logits, expected[f"{group}.logits"], atol=LOGITS, rtol=0)
    loss = torch.nn.functional.cross_entropy(logits, expected[f"{group}.labels"])
    torch.testing.assert_close(
        loss[None], expected[f"{group}.loss"], atol=STATES, rtol=0
    )
