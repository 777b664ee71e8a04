"""Masks of dropout: as many zeros as asked for, in no pattern, and the same sum."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from error_sequence_model.backbones.small_layers import Dropout

DTYPES = pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])


@DTYPES
@pytest.mark.parametrize("rate", [0.05, 0.1, 0.5, 0.9])
def test_every_place_is_dropped_at_the_rate(dtype, rate) -> None:
    torch.manual_seed(1)
    ones = torch.ones(1001, 403, dtype=dtype)
    result = Dropout(rate)(ones)
    kept = result != 0
    assert result[kept].unique().tolist() == [torch.tensor(1 / (1 - rate), dtype=dtype)]
    error = (rate * (1 - rate) / ones.numel()) ** 0.5
    assert abs(kept.float().mean() - (1 - rate)) < 5 * error
    # Several elements share a draw: none of them may be special, or follow another.
    flat = kept.flatten().float()
    for place in range(4):
        assert abs(flat[place::4].mean() - (1 - rate)) < 5 * 2 * error
    for step in range(1, 9):
        both = (flat[step:] * flat[:-step]).mean()
        assert abs(both - (1 - rate) ** 2) < 10 * error


@DTYPES
def test_the_gradient_goes_where_the_states_went(dtype) -> None:
    states = torch.randn(7, 13, dtype=dtype, requires_grad=True)
    result = Dropout(0.4)(states)
    result.sum().backward()
    assert torch.equal(result, states * states.grad)
    assert 0 < (states.grad == 0).sum() < states.numel()


def test_the_seed_of_torch_is_what_masks_come_from() -> None:
    states, drop = torch.ones(50, 50), Dropout(0.5)
    torch.manual_seed(3)
    first, second = drop(states), drop(states)
    torch.manual_seed(3)
    assert torch.equal(first, drop(states))
    assert not torch.equal(first, second)


def test_otherwise_it_is_what_torch_does() -> None:
    states = torch.randn(4, 6)
    assert torch.equal(Dropout(0.0)(states), states)
    assert torch.equal(Dropout(1.0)(states), torch.zeros(4, 6))
    assert torch.equal(Dropout(0.5).eval()(states), states)
    torch.manual_seed(2)
    found = Dropout(0.5)(states.double())
    torch.manual_seed(2)
    assert torch.equal(found, nn.Dropout(0.5)(states.double()))
