from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
import torch

from error_sequence_model.attention import extract_attention
from error_sequence_model.attention import views as attention
from error_sequence_model.attention.flow import (
    compute_entropy,
    drop_specials,
    find_sinks,
    roll_gradients,
    roll_out,
)
from error_sequence_model.attention.layers import Layers, get_layers
from error_sequence_model.attention.run import write_attention
from error_sequence_model.backbones import nucleotide_encoder
from error_sequence_model.classifier import create_classifier
from error_sequence_model.core import InputError
from error_sequence_model.datasets import SequenceDataset, collate
from error_sequence_model.tokenizers import TokenStore
from tiny_models import make_frame, make_tiny_classifier

STEP = 0.002
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
        layers = get_layers(model, batch, torch.device("cpu"))
    for layer in layers.weights:
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


def test_gradient_weighted_attention_by_hand() -> None:
    first = torch.tensor([[[1.0, 0.0], [0.5, 0.5]], [[0.0, 1.0], [0.5, 0.5]]])
    second = torch.tensor([[[0.2, 0.8], [0.4, 0.6]]] * 2)
    slopes = torch.tensor(
        [
            [[[2.0, 9.0], [-4.0, 4.0]], [[1.0, 1.0], [0.0, -1.0]]],
            [[[5.0, 0.0], [0.0, 0.0]], [[-1.0, 1.0], [0.0, 0.0]]],
        ]
    )
    # Heads' mean of relu(slope * attention): [[1, 1/2], [0, 1]], [[1/2, 2/5], [0, 0]].
    # R1 = I + A1; R2 = R1 + A2 R1 = [[3, 1.55], [0, 2]].
    found = roll_gradients(torch.stack([first, second]), slopes)
    assert torch.allclose(found, torch.tensor([[2.0, 1.55], [0.0, 1.0]]))
    flipped = roll_gradients(torch.stack([second, first]), slopes.flip(0))
    assert not torch.allclose(flipped, found), "the later layer stands on the left"


def test_slopes_are_those_of_the_log_odds(monkeypatch) -> None:
    model, dataset = make_case("nucleotide_encoder", 12, 12)
    batch = collate([dataset[0], dataset[1]], pad_token_id=5)
    device = torch.device("cpu")
    found = get_layers(model, batch, device, with_gradients=True)
    places = [(0, 0, 1, 5, 7), (1, 1, 0, 3, 0), (0, 1, 1, 11, 11)]
    original = nucleotide_encoder.attend
    state = {}

    def nudge(query, key, value, bias, **options):
        context, weights = original(query, key, value, bias, **options)
        layer, row, head, row_of, column = state["place"]
        if state["calls"] == layer:
            context = context.clone()
            context[row, head, row_of] += state["step"] * value[row, head, column]
        state["calls"] += 1
        return context, weights

    inputs = {key: batch[key] for key in ("input_ids", "attention_mask", "junction")}
    for place in places:
        layer, row, head, query, key = place
        logits = []
        for step in (-STEP, STEP):
            state.update(place=place, calls=0, step=step)
            with torch.no_grad(), monkeypatch.context() as patch:
                patch.setattr(nucleotide_encoder, "attend", nudge)
                logits.append(model(**inputs).logits[row])
        odds = (logits[1] - logits[0]) @ torch.tensor([-1.0, 1.0])
        change = float(odds) / (2 * STEP)
        slope = float(found.gradients[layer][row, head, query, key])
        assert slope == pytest.approx(change, rel=0.05, abs=1e-4), place


@pytest.mark.parametrize("architecture", [a for a in SMALL if a != "hyenadna"])
def test_gradient_weighted_view_is_evidence_not_attention(architecture) -> None:
    model, dataset = make_case(architecture)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    views = extract_attention(model, dataset, window_length=50)
    assert (views.gradient_weighted >= 0).all()
    assert (views.gradient_weighted.max(axis=1) > 0).all()
    # Twice the log-odds is twice the slope by the last hidden state's attention, and
    # what is carried scales with it; attention itself does not change.
    with torch.no_grad():
        model.head[-1].weight.zero_()
    flat = extract_attention(model, dataset, window_length=50)
    assert not flat.gradient_weighted.any()
    assert np.allclose(flat.mean, views.mean, atol=1e-6)
    assert not torch.is_grad_enabled() or model.head[-1].weight.grad is None


def test_the_readout_is_what_the_head_reads() -> None:
    model, dataset = make_case("splicebert")
    batch = collate([dataset[0], dataset[1]], pad_token_id=0)
    vectors = model.head[1].in_features // model.backbone.config.hidden_size
    model.poolings = ["first"] * vectors
    layers = get_layers(model, batch, torch.device("cpu"), with_gradients=True)
    assert torch.allclose(layers.readout[:, 0], torch.ones(2))
    assert not layers.readout[:, 1:].any()


def test_with_and_without_special_tokens() -> None:
    model, dataset = make_case("splicebert")
    views = extract_attention(model, dataset, window_length=50)
    assert views.has_class_token
    assert np.allclose(views.mean_without_special.sum(axis=1), 1, atol=1e-5)
    heads = views.head_special_share.mean()
    assert heads == pytest.approx(views.special_share.mean(), abs=1e-6)
    cube = torch.rand(2, 2, 5, 5).softmax(dim=-1)
    special = np.array([True, False, False, False, True])
    inner = drop_specials(cube, special)
    expected = cube[..., 1:4, 1:4] / cube[..., 1:4, 1:4].sum(dim=-1, keepdim=True)
    assert torch.allclose(inner, expected)


def test_a_sink_is_the_token_that_gets_most() -> None:
    columns = torch.tensor([[[0.7, 0.1, 0.2], [0.3, 0.4, 0.3]]])
    assert torch.allclose(find_sinks(columns), torch.tensor([[0.7, 0.4]]))


@pytest.mark.parametrize("architecture", SMALL)
def test_what_a_model_does_not_define_is_absent_by_name(tmp_path, architecture) -> None:
    model, dataset = make_case(architecture)
    views = extract_attention(model, dataset, window_length=50)
    write_attention(tmp_path / "a.h5", np.arange(6), views, {"upstream": 25})
    with h5py.File(tmp_path / "a.h5") as file:
        names, undefined = set(file), json.loads(file.attrs["undefined"])
        assert file.attrs["first_token"] == (
            "special"
            if architecture in ("splicebert", "nucleotide_transformer")
            else "base"
        )
    optional = {"first_token", "gradient_weighted", "mean_without_special"}
    expected = {
        "nucleotide_encoder": {"mean_without_special"},
        "hyenadna": {"first_token", "gradient_weighted"},
    }.get(architecture, set())
    assert set(undefined) == expected
    assert names & optional == optional - expected
    assert {"mean", "junction", "rollout", "head_mean", "sink_share"} <= names


def test_few_sequences_at_once_give_the_same_views(monkeypatch) -> None:
    model, dataset = make_case("splicebert")
    whole = extract_attention(model, dataset, window_length=50)
    sizes = []

    def count(model, inputs, device, **options):
        sizes.append(len(inputs["input_ids"]))
        return get_layers(model, inputs, device, **options)

    monkeypatch.setattr(attention, "get_layers", count)
    monkeypatch.setattr(attention, "CELLS_WITH_GRADIENT", 30_000)
    pieces = extract_attention(model, dataset, window_length=50)
    assert max(sizes) < 4
    for name, maps in whole.maps.items():
        assert np.allclose(pieces.maps[name], maps, atol=1e-5), name
    monkeypatch.setattr(attention, "MOST_CELLS", 30_000)
    views = extract_attention(model, dataset, window_length=50)
    assert "too long" in views.undefined["gradient_weighted"]
    monkeypatch.setattr(attention, "MOST_CELLS", 10_000)
    with pytest.raises(InputError, match="GB"):
        extract_attention(model, dataset, window_length=50)


def test_hyena_looks_only_towards_the_five_prime_end() -> None:
    model, dataset = make_case("hyenadna", 40, 40)
    views = extract_attention(model, dataset, window_length=40)
    assert not views.junction[:, 21:].any()
    assert views.junction[:, :21].any()


def test_junction_rows_by_hand(monkeypatch) -> None:
    model, dataset = make_case("nucleotide_encoder", 4, 4)
    cube = torch.rand(6, 2, 4, 4).softmax(dim=-1)
    monkeypatch.setattr(
        attention,
        "get_layers",
        lambda *_, **__: Layers([cube, cube], None, None, "attention"),
    )
    views = extract_attention(model, dataset, window_length=4)
    assert np.allclose(views.first_token, cube[:, :, 0].mean(dim=1), atol=1e-6)
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
