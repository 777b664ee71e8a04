import pytest
import torch

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
