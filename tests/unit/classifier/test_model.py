from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from error_sequence_model import load_model
from error_sequence_model.backbones import create_backbone
from error_sequence_model.classifier import create_classifier, save_model
from error_sequence_model.classifier.pooling import POOLINGS, parse_pooling
from error_sequence_model.core import InputError
from error_sequence_model.datasets import collate
from error_sequence_model.settings import TrainingSettings
from error_sequence_model.training import (
    get_rate_factor,
    make_optimizer,
)
from tiny_models import EXACT, OPTIONS, make_tiny_classifier, make_tiny_datasets

SMALL = {
    "nucleotide_encoder": OPTIONS,
    "hyenadna": {"layers": 2, "hidden_size": 16, "max_seq_len": 128},
    "splicebert": {"layers": 1, "hidden_size": 16, "heads": 2},
    "nucleotide_transformer": {"layers": 1, "hidden_size": 16, "heads": 2},
}


@pytest.mark.parametrize("architecture", SMALL)
def test_padding_does_not_change_logits(architecture) -> None:
    model = create_classifier(
        architecture, options=SMALL[architecture], seed=3, pooling="+".join(POOLINGS)
    ).eval()
    texts = ["ACGTTGCAAC", "GATTACAGATTACAGATTACAGGTAAGT", "ACGTACGTACGTACGTNN"]
    encodings = [model.tokenizer.encode(text) for text in texts]
    items = [
        {
            "input_ids": e.input_ids,
            "junction": (len(e.input_ids) // 2 - 1, len(e.input_ids) // 2),
            "label": 0,
            "site_id": 0,
        }
        for e in encodings
    ]
    keys = ("input_ids", "attention_mask", "junction")

    def run(chosen: list[dict]) -> torch.Tensor:
        batch = collate(chosen, pad_token_id=model.tokenizer.pad_token_id)
        return model(**{key: batch[key] for key in keys}).logits.detach()

    together = run(items)
    alone = torch.cat([run([item]) for item in items])
    assert torch.allclose(together, alone, atol=1e-5)


def pool(name: str, junction: torch.Tensor | None = None) -> list[float]:
    model = make_tiny_classifier()
    model.poolings = parse_pooling(name)
    hidden = torch.tensor([[[1.0], [5.0], [3.0], [99.0]]])
    mask = torch.tensor([[1, 1, 1, 0]])
    return model.pool(hidden, mask, junction)[0].tolist()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("first", [1.0]),
        ("last", [3.0]),
        ("mean", [3.0]),
        ("max", [5.0]),
        ("peak", [pytest.approx(4.995, abs=1e-3)]),
        ("junction", [1.0, 5.0]),
        ("junction+mean+last", [1.0, 5.0, 3.0, 3.0]),
    ],
)
def test_poolings_by_hand(name, expected) -> None:
    assert pool(name) == expected


def test_pooling_at_a_given_junction_and_unknown_names() -> None:
    assert pool("junction", torch.tensor([[1, 2]])) == [5.0, 3.0]
    with pytest.raises(InputError, match="unknown junktion; allowed: junction, mean"):
        create_classifier("custom", pooling="junktion+mean", options=OPTIONS)


@pytest.mark.parametrize("architecture", SMALL)
def test_saved_models_load_bit_identical(architecture, tmp_path) -> None:
    model = create_classifier(
        architecture, classes=("TP", "FP"), options=SMALL[architecture], seed=2
    ).eval()
    model.config.decision_threshold = 0.37
    save_model(model, tmp_path / "model")
    again = load_model(tmp_path / "model")
    other, tokenizer = load_model(tmp_path)
    ids = torch.from_numpy(
        np.stack([model.tokenizer.encode("ACGTTGCAACGT").input_ids] * 2)
    ).long()
    expected = model(input_ids=ids).logits
    assert torch.equal(again(input_ids=ids).logits, expected)
    assert torch.equal(other(input_ids=ids).logits, expected)
    assert not again.training
    assert again.config.decision_threshold == 0.37
    assert list(again.config.classes) == ["TP", "FP"]
    assert type(tokenizer) is type(model.tokenizer)
    assert {p.dtype for p in again.parameters()} == {torch.float32}


def test_folders_written_by_way_of_transformers_load(tmp_path) -> None:
    """Runs of earlier versions: settings of that library stand among the options."""
    model = make_tiny_classifier(seed=3)
    save_model(model, tmp_path)
    file = tmp_path / "config.json"
    content = json.loads(file.read_text())
    content |= {"dtype": "float32", "transformers_version": "5.23.0"}
    content["backbone"] |= {
        **{"_name_or_path": "", "architectures": None, "return_dict": True},
        **{"id2label": {"0": "LABEL_0"}, "output_attentions": False},
    }
    file.write_text(json.dumps(content))
    found = load_model(tmp_path)
    assert found.backbone.config == model.backbone.config
    state = model.state_dict()
    assert all(torch.equal(t, state[n]) for n, t in found.state_dict().items())


def test_saving_again_replaces_the_folder_whole(tmp_path) -> None:
    for seed in (1, 2):
        save_model(make_tiny_classifier(seed=seed), tmp_path / "model")
    expected = make_tiny_classifier(seed=2).state_dict()
    found = load_model(tmp_path / "model").state_dict()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda state: state.pop("backbone.stem.output.bias"), "stem.output.bias"),
        (
            lambda state: state.update(
                {"head.9.bias": state.pop("backbone.stem.output.bias")}
            ),
            "head.9.bias",
        ),
        (
            lambda state: state.update({"backbone.stem.output.bias": torch.zeros(3)}),
            "shape of backbone.stem.output.bias",
        ),
    ],
    ids=["missing", "renamed", "other shape"],
)
def test_weights_that_do_not_fit_are_refused(tmp_path, spoil, words) -> None:
    save_model(make_tiny_classifier(), tmp_path / "model")
    path = tmp_path / "model" / "model.safetensors"
    state = load_file(path)
    spoil(state)
    save_file(state, path)
    with pytest.raises(InputError, match=words):
        load_model(tmp_path / "model")


def test_folders_that_hold_no_classifier_are_refused(tmp_path) -> None:
    with pytest.raises(InputError, match=r"no config\.json"):
        load_model(tmp_path)
    backbone, tokenizer = create_backbone("nucleotide_encoder", **OPTIONS)
    backbone.save_pretrained(tmp_path / "bare")
    tokenizer.save_pretrained(tmp_path / "bare")
    with pytest.raises(InputError, match="load_backbone"):
        load_model(tmp_path / "bare")
    save_model(make_tiny_classifier(), tmp_path / "model")
    weights = tmp_path / "model" / "model.safetensors"
    weights.write_bytes(b"<html>not found</html>")
    with pytest.raises(InputError, match="cannot be read"):
        load_model(tmp_path / "model")
    weights.unlink()
    with pytest.raises(InputError, match="no such file"):
        load_model(tmp_path / "model")


@pytest.mark.parametrize(
    "change",
    [
        {"backbone": {"model_type": "unheard_of"}},
        {"backbone": {}},
        {"pooling": "sideways"},
    ],
)
def test_a_config_of_an_unknown_model_is_refused(tmp_path, change) -> None:
    save_model(make_tiny_classifier(), tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(InputError):
        load_model(tmp_path / "model")


def test_new_models_are_functions_of_their_seed() -> None:
    first, second = (make_tiny_classifier(seed=5).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    other = make_tiny_classifier(seed=6).state_dict()
    assert not torch.equal(first["head.1.weight"], other["head.1.weight"])


def test_options_of_a_checkpoint_are_refused(tmp_path) -> None:
    backbone, tokenizer = create_backbone("nucleotide_encoder", **OPTIONS)
    backbone.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    model = create_classifier(str(tmp_path))
    expected = backbone.state_dict()
    found = model.backbone.state_dict()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    with pytest.raises(InputError, match="a checkpoint fixes its own shape"):
        create_classifier(str(tmp_path), options={"layers": 2})


def test_loss_is_the_cross_entropy_of_the_logits() -> None:
    model = make_tiny_classifier(**EXACT).eval()
    dataset, _ = make_tiny_datasets()
    batch = collate([dataset[i] for i in range(6)], pad_token_id=5)
    batch.pop("site_ids")
    output = model(**batch)
    expected = torch.nn.functional.cross_entropy(output.logits, batch["labels"])
    assert torch.equal(output.loss, expected)


def test_layers_learn_slower_the_lower_they_are() -> None:
    model = make_tiny_classifier(layers=2)
    settings = TrainingSettings(learning_rate=1.0, layer_decay=0.5, weight_decay=0.1)
    optimizer = make_optimizer(model, settings)
    groups = {
        id(p): (group["peak"], group["weight_decay"])
        for group in optimizer.param_groups
        for p in group["params"]
    }
    found = {name: groups[id(p)] for name, p in model.named_parameters()}
    assert found["head.1.weight"] == (1.0, 0.1)
    assert found["head.0.weight"] == found["head.1.bias"] == (1.0, 0.0)
    assert found["backbone.layers.1.attention_input.weight"] == (0.5, 0.1)
    assert found["backbone.layers.0.mlp_norm.weight"] == (0.25, 0.0)
    assert found["backbone.embeddings.weight"] == (0.125, 0.0)
    assert found["backbone.stem.output.weight"] == (0.125, 0.1)


def test_norm_after_the_last_layer_learns_like_the_head() -> None:
    model = create_classifier("hyenadna", options=SMALL["hyenadna"])
    settings = TrainingSettings(learning_rate=3e-4, layer_decay=0.5)
    optimizer = make_optimizer(model, settings)
    norm = model.backbone.backbone.ln_f.weight
    (group,) = (
        g for g in optimizer.param_groups if any(p is norm for p in g["params"])
    )
    assert group["peak"] == 3e-4


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
def test_rate_rises_to_its_peak_then_follows_the_schedule(schedule) -> None:
    settings = TrainingSettings(schedule=schedule, warmup_steps=10)
    rates = [get_rate_factor(step, 100, settings) for step in range(100)]
    assert rates[10] == 1.0
    assert (np.diff(rates[:11]) > 0).all()
    assert (np.diff(rates[10:]) <= 0).all()
    assert rates[0] > 0
    assert rates[-1] == 1.0 if schedule == "constant" else rates[-1] < 0.02


def test_a_warm_up_longer_than_the_run_still_reaches_the_peak() -> None:
    settings = TrainingSettings(warmup_steps=500)
    assert max(get_rate_factor(step, 20, settings) for step in range(20)) == 1.0
