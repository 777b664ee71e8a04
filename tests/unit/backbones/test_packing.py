"""Sequences in one row say what each says alone."""

from __future__ import annotations

import pytest
import torch

from error_sequence_model.backbones import FAMILIES
from error_sequence_model.backbones.packing import (
    find_runs,
    join_sequences,
    part_sequences,
)
from published_checkpoints import make_small

LENGTHS = [5, 9, 9, 9, 24, 40]
PACKING = [
    name
    for name, family in FAMILIES.items()
    if getattr(family.model_class, "can_pack", False)
]


def test_the_families_that_can_pack_are_known() -> None:
    assert sorted(PACKING) == [
        "dnabert2",
        "nucleotide_encoder",
        "nucleotide_transformer",
    ]


@pytest.mark.parametrize("name", PACKING)
def test_a_packed_sequence_sees_no_other(name) -> None:
    """States and gradients are those of the sequences one by one."""
    backbone = make_small(name).eval()
    generator = torch.Generator().manual_seed(1)
    rows = [torch.randint(0, 4, (1, n), generator=generator) for n in LENGTHS]
    pulls = [torch.randn(1, n, 1, generator=generator) for n in LENGTHS]

    def differentiate(states: torch.Tensor, pull: torch.Tensor) -> list[torch.Tensor]:
        weights = [w for w in backbone.parameters() if w.requires_grad]
        given = torch.autograd.grad((states * pull).sum(), weights, allow_unused=True)
        pairs = zip(given, weights, strict=True)
        return [torch.zeros_like(w) if g is None else g for g, w in pairs]

    alone = [backbone(input_ids=row).last_hidden_state for row in rows]
    expected = differentiate(torch.cat(alone, dim=1), torch.cat(pulls, dim=1))
    packed = backbone(
        input_ids=torch.cat(rows, dim=1), lengths=torch.tensor(LENGTHS)
    ).last_hidden_state
    torch.testing.assert_close(packed, torch.cat(alone, dim=1), atol=1e-5, rtol=1e-5)
    found = differentiate(packed, torch.cat(pulls, dim=1))
    for wanted, given in zip(expected, found, strict=True):
        torch.testing.assert_close(given, wanted, atol=1e-4, rtol=1e-4)


def test_neighbours_of_one_length_are_a_run() -> None:
    assert find_runs(torch.tensor(LENGTHS)) == [(1, 5), (3, 9), (1, 24), (1, 40)]


def test_sequences_are_parted_and_joined_again() -> None:
    states, lengths = torch.randn(1, 6, 2), torch.tensor([1, 3, 2])
    parted, mask = part_sequences(states, lengths, 2)
    assert mask.tolist() == [[1, 0, 0, 1, 1, 1, 0, 0, 1, 1]]
    assert torch.equal(parted[mask == 1], states[0])
    assert not parted[mask == 0].any()
    assert torch.equal(join_sequences(parted, lengths, 2), states)
