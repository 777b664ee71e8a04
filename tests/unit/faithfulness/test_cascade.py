"""Weights drawn anew, from the head down."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from error_sequence_model.classifier import create_classifier
from error_sequence_model.datasets import SequenceDataset
from error_sequence_model.faithfulness import find_stages, iterate_stages, randomise
from error_sequence_model.notebook import prepare_datasets_for_training
from tiny_models import draw_sequences, make_tiny_classifier

LENGTH = 41


def make_dataset(count: int = 12) -> tuple[SequenceDataset, list[str]]:
    sequences = draw_sequences(np.random.default_rng(0), count + 1, LENGTH, LENGTH)
    frame = pd.DataFrame({"sequence": sequences, "label": np.arange(count + 1) % 2})
    dataset, _ = prepare_datasets_for_training(frame[:count], frame[count:])
    return dataset, sequences[:count]


def test_random_weights_are_everywhere_and_the_model_stays() -> None:
    model = make_tiny_classifier(layers=2)
    before = {name: t.clone() for name, t in model.state_dict().items()}
    state = torch.get_rng_state()
    fresh = randomise(model, seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    for name, parameter in fresh.named_parameters():
        if parameter.ndim > 1:
            assert not torch.equal(parameter, before[name]), name
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())
    assert fresh.tokenizer is model.tokenizer
    again = randomise(model, seed=1).state_dict()
    assert all(torch.equal(t, again[name]) for name, t in fresh.state_dict().items())


def test_weights_are_drawn_anew_from_the_head_down() -> None:
    dataset, _ = make_dataset(8)
    model = make_tiny_classifier(layers=3).eval()
    before = {name: t.clone() for name, t in model.state_dict().items()}
    changed, drawn = {}, []
    for stage, network in iterate_stages(model, dataset, seed=1):
        drawn += [network] if stage == "all weights" else []
        assert not network.training
        changed[stage] = {
            name.removeprefix("backbone.").split(".weight")[0]
            for name, tensor in network.named_parameters()
            if tensor.ndim > 1 and not torch.equal(tensor, before[name])
        }
    assert list(changed) == ["head", "upper layers", "all layers", "all weights"]
    firsts = [next(network.backbone.parameters()).flatten() for network in drawn]
    assert len({tuple(weights.tolist()) for weights in firsts}) == len(drawn) == 5
    parts = {
        stage: {
            ".".join(n.split(".")[:2]) if "layers" in n else n.split(".")[0]
            for n in names
        }
        for stage, names in changed.items()
    }
    layers = {f"layers.{index}" for index in range(3)}
    assert parts["head"] == {"head"}
    assert parts["upper layers"] == {"head", "layers.1", "layers.2"}
    assert parts["all layers"] == {"head", *layers}
    assert parts["all weights"] == {"head", *layers, "embeddings", "stem"}
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())


@pytest.mark.parametrize(
    ("architecture", "options"),
    [
        ("hyenadna", {"layers": 2, "hidden_size": 16, "max_seq_len": 64}),
        ("splicebert", {"layers": 2, "hidden_size": 16, "heads": 2}),
        ("nucleotide_transformer", {"layers": 2, "hidden_size": 16, "heads": 2}),
        ("nucleotide_encoder", {"layers": 1, "hidden_size": 16, "heads": 2}),
        ("nucleotide_encoder", {"layers": 0, "hidden_size": 16, "heads": 2}),
    ],
)
def test_stages_of_every_family_hold_its_layers(architecture, options) -> None:
    model = create_classifier(architecture, options=options, seed=1)
    names = list(model.state_dict())
    stages = find_stages(model)
    expected = ["head", "upper layers", "all layers"]
    count = options["layers"]
    assert (
        list(stages)
        == (expected if count > 1 else expected[:1] + expected[2:])[: 1 + count]
    )
    for prefixes in stages.values():
        assert all(any(name.startswith(p) for name in names) for p in prefixes)
    assert not any(
        n.startswith("backbone.stem")
        for n in names
        if n.startswith(tuple(stages["head"]))
    )
