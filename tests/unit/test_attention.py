from __future__ import annotations

import numpy as np
import pytest
import torch

from error_sequence_model.attention import (
    compute_entropy,
    extract_attention,
    get_layers,
    roll_out,
)
from error_sequence_model.classifier import create_classifier
from error_sequence_model.datasets import SequenceDataset, collate
from error_sequence_model.errors import InputError
from error_sequence_model.token_store import TokenStore
from tiny_models import make_frame, make_tiny_classifier

SMALL = {
    "nucleotide_encoder": {
        **{"layers": 2, "hidden_size": 16, "heads": 2},
        **{"stem_channels": 8, "stem_dilations": [1]},
    },
    "hyenadna": {"layers": 2, "hidden_size": 16, "max_seq_len": 128},
    "splicebert": {"layers": 2, "hidden_size": 16, "heads": 2},
    "nucleotide_transformer": {"layers": 2, "hidden_size": 16, "heads": 2},
}


def make_case(architecture: str, shortest: int = 30, longest: int = 50):
    model = create_classifier(architecture, options=SMALL[architecture], seed=1).eval()
    sequences = make_frame(6, seed=1, shortest=shortest, longest=longest)["sequence"]
    return model, SequenceDataset(
        TokenStore.from_encodings([model.tokenizer.encode(s) for s in sequences]),
        np.arange(6),
        np.arange(6) % 2,
        junctions=sequences.str.len().to_numpy() // 2,
        classes=("correct", "error"),
        tokenizer=model.tokenizer,
    )


def test_rollout_of_two_layers_by_hand() -> None:
    first = torch.tensor([[1.0, 0.0], [0.5, 0.5]])
    second = torch.tensor([[0.0, 1.0], [0.25, 0.75]])
    # With the skip connection: [[1, 0], [1/4, 3/4]] and [[1/2, 1/2], [1/8, 7/8]].
    expected = torch.tensor([[0.625, 0.375], [0.34375, 0.65625]])
    found = roll_out(torch.stack([first, second]))
    assert torch.allclose(found, expected)
    other = roll_out(torch.stack([second, first]))
    assert not torch.allclose(other, expected), "the later layer stands on the left"


def test_rollout_rows_sum_to_one() -> None:
    layers = torch.rand(5, 9, 9).softmax(dim=-1)
    assert torch.allclose(roll_out(layers).sum(dim=-1), torch.ones(9))


def test_entropy_is_zero_for_one_base_and_one_for_all() -> None:
    sharp = torch.eye(8).expand(2, 3, 8, 8)
    flat = torch.full((2, 3, 8, 8), 1 / 8)
    assert torch.allclose(compute_entropy(sharp), torch.zeros(2, 3), atol=1e-5)
    assert torch.allclose(compute_entropy(flat), torch.ones(2, 3), atol=1e-5)


@pytest.mark.parametrize("architecture", SMALL)
def test_views_lie_on_the_base_axis_and_sum_to_one(architecture) -> None:
    model, dataset = make_case(architecture)
    views = extract_attention(model, dataset, window_length=50)
    heads = 1 if architecture == "hyenadna" else 2
    assert views.mean.shape == views.junction.shape == views.rollout.shape == (6, 50)
    assert views.head_mean.shape == (2, heads, 50)
    assert views.entropy.shape == (2, heads)
    assert np.allclose(views.mean.sum(axis=1) + views.special_share, 1, atol=1e-5)
    is_special = architecture != "nucleotide_encoder"
    assert (views.special_share > 0).all() == is_special
    for maps in (views.mean, views.junction, views.rollout, views.head_mean):
        assert (maps >= 0).all()
    assert (views.junction.sum(axis=1) <= 1 + 1e-5).all()
    assert (views.rollout.sum(axis=1) <= 1 + 1e-5).all()
    assert np.allclose(
        views.head_mean.mean(axis=(0, 1)), views.mean.mean(axis=0), atol=1e-6
    )
    expected = "mixing matrix" if architecture == "hyenadna" else "attention"
    assert views.view == expected
    for row, size in enumerate(dataset.junctions * 2):
        assert not views.mean[row, size + 1 :].any(), "nothing beyond the sequence"


@pytest.mark.parametrize("architecture", SMALL)
def test_rows_of_every_layer_sum_to_one(architecture) -> None:
    model, dataset = make_case(architecture)
    batch = collate(
        [dataset[i] for i in range(6)], pad_token_id=model.tokenizer.pad_token_id
    )
    with torch.no_grad():
        layers, _ = get_layers(model, batch, torch.device("cpu"))
    for layer in layers:
        for row, mask in enumerate(batch["attention_mask"]):
            size = int(mask.sum())
            sums = layer[row, :, :size, :size].sum(dim=-1)
            assert torch.allclose(sums, torch.ones_like(sums), atol=1e-5)


@pytest.mark.parametrize("architecture", SMALL)
def test_padding_does_not_change_the_views(architecture) -> None:
    model, dataset = make_case(architecture)
    together = extract_attention(model, dataset, window_length=50)
    for index in range(6):
        alone = extract_attention(model, dataset.select([index]), window_length=50)
        for name in ("mean", "junction", "rollout"):
            mine, theirs = getattr(alone, name)[0], getattr(together, name)[index]
            assert np.allclose(mine, theirs, atol=1e-5), name


def test_hyena_looks_only_towards_the_five_prime_end() -> None:
    model, dataset = make_case("hyenadna", 40, 40)
    views = extract_attention(model, dataset, window_length=40)
    assert not views.junction[:, 21:].any()
    assert views.junction[:, :21].any()


def test_junction_rows_by_hand(monkeypatch) -> None:
    model, dataset = make_case("nucleotide_encoder", 4, 4)
    cube = torch.rand(6, 2, 4, 4).softmax(dim=-1)
    monkeypatch.setattr(
        "error_sequence_model.attention.get_layers",
        lambda *_: ([cube, cube], "attention"),
    )
    views = extract_attention(model, dataset, window_length=4)
    assert np.allclose(views.junction, cube[:, :, 1:3].mean(dim=(1, 2)), atol=1e-6)
    assert np.allclose(views.mean, cube.mean(dim=(1, 2)), atol=1e-6)


def test_a_backbone_without_attention_is_refused() -> None:
    model = make_tiny_classifier(layers=0)
    _, dataset = make_case("nucleotide_encoder")
    with pytest.raises(InputError, match="no attention to show"):
        extract_attention(model, dataset, window_length=50)


def test_the_mode_is_restored() -> None:
    model, dataset = make_case("nucleotide_encoder")
    model.train()
    extract_attention(model, dataset, window_length=50)
    assert model.training
