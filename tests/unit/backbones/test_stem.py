"""What a convolution must not see of its neighbours in one row."""

from __future__ import annotations

import torch

from error_sequence_model.backbones.stem import part_sequences


def test_sequences_are_parted_and_found_again() -> None:
    states, lengths = torch.randn(1, 6, 2), torch.tensor([1, 3, 2])
    parted, mask, places = part_sequences(states, lengths, 2)
    assert mask.tolist() == [[1, 0, 0, 1, 1, 1, 0, 0, 1, 1, 0, 0]]
    assert torch.equal(parted[mask == 1], states[0])
    assert not parted[mask == 0].any()
    assert torch.equal(parted.index_select(1, places), states)
