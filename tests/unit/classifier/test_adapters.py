"""What learns beside the head: everything, nothing, or adapters that are merged."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from error_sequence_model import load_model, train_error_sequence_model
from error_sequence_model.backbones import FAMILIES
from error_sequence_model.classifier import (
    ErrorClassifier,
    calibrate_model,
    count_parameters,
    create_classifier,
    merge_adapters,
    save_model,
)
from error_sequence_model.classifier.adapters import apply_tuning
from error_sequence_model.core import InputError
from error_sequence_model.settings import (
    BackboneSettings,
    LoraSettings,
    TrainingSettings,
)
from error_sequence_model.training import (
    CheckpointFolder,
    FineTuning,
    Training,
    make_optimizer,
)
from published_checkpoints import SMALL, make_bpe, write_dnabert2
from tiny_models import OPTIONS, make_tiny_datasets

EACH = pytest.mark.parametrize("name", FAMILIES)
LORA = LoraSettings(rank=2, alpha=6, dropout=0.0)
# Linear layers of one transformer or Hyena layer: all of them are adapted.
LINEAR_LAYERS = {
    "nucleotide_encoder": {
        *("attention_input", "attention_output", "mlp_input", "mlp_output"),
    },
    "dnabert2": {
        *("attention.self.Wqkv", "attention.output.dense"),
        *("mlp.gated_layers", "mlp.wo"),
    },
    "hyenadna": {"mixer.in_proj", "mixer.out_proj", "mlp.fc1", "mlp.fc2"},
    "nucleotide_transformer": {
        *("attention.self.query", "attention.self.key", "attention.self.value"),
        *("attention.output.dense", "intermediate.dense", "output.dense"),
    },
    "splicebert": {
        *("attention.self.query", "attention.self.key", "attention.self.value"),
        *("attention.output.dense", "intermediate.dense", "output.dense"),
    },
    "modernbert": {"attn.Wqkv", "attn.Wo", "mlp.Wi", "mlp.Wo"},
}


def make_model(name: str, tmp_path, tuning: str = "lora", **more) -> ErrorClassifier:
    options = dict(SMALL[name])
    if FAMILIES[name].make_tokenizer is None:
        make_bpe().save_pretrained(tmp_path / "vocabulary")
        options["tokenizer"] = str(tmp_path / "vocabulary")
    more = {"seed": 1, "lora": LORA if tuning == "lora" else None, **more}
    return create_classifier(name, options=options, tuning=tuning, **more)


def make_ids() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(5, 9, (6, 40), generator=generator).clamp(max=9)


def take_steps(model: ErrorClassifier, count: int = 3) -> None:
    optimizer = make_optimizer(model, TrainingSettings(learning_rate=0.05))
    labels = torch.tensor([0, 1, 0, 1, 0, 1])
    model.train()
    for _ in range(count):
        optimizer.zero_grad()
        model(input_ids=make_ids() % 6, labels=labels).loss.backward()
        optimizer.step()
    model.eval()


@torch.no_grad()
def get_logits(model: ErrorClassifier) -> torch.Tensor:
    return model.eval()(input_ids=make_ids() % 6).logits


@EACH
def test_every_linear_layer_of_a_family_is_adapted_and_nothing_else(
    name, tmp_path
) -> None:
    plain = make_model(name, tmp_path, "full")
    model = make_model(name, tmp_path)
    adapted = {
        parameter.split(".lora_")[0]
        for parameter, _ in model.backbone.named_parameters()
        if ".lora_" in parameter
    }
    layers = [
        module
        for module, _ in plain.backbone.named_modules()
        for ending in LINEAR_LAYERS[name]
        if module.endswith(f".{ending}")
    ]
    assert adapted == set(layers)
    assert len(adapted) == len(LINEAR_LAYERS[name]) * SMALL[name]["layers"]
    sizes = 0
    for module in adapted:
        layer = plain.backbone.get_submodule(module)
        assert isinstance(layer, torch.nn.Linear)
        sizes += LORA.rank * (layer.in_features + layer.out_features)
    head = sum(weight.numel() for weight in model.head.parameters())
    total, trained = count_parameters(plain)
    assert total == trained
    assert count_parameters(model) == (total + sizes, sizes + head)


@EACH
def test_adapters_start_as_nothing_and_merge_into_the_same_model(
    name, tmp_path
) -> None:
    plain, model = make_model(name, tmp_path, "full"), make_model(name, tmp_path)
    assert torch.equal(get_logits(model), get_logits(plain))
    take_steps(model)
    learnt = get_logits(model)
    assert (learnt - get_logits(plain)).abs().max() > 1e-3
    before = plain.backbone.state_dict()
    for key, tensor in model.backbone.state_dict().items():
        if ".lora_" not in key:
            assert torch.equal(tensor, before[key.replace(".base_layer", "")]), key
    merge_adapters(model)
    torch.testing.assert_close(get_logits(model), learnt, atol=1e-5, rtol=1e-5)
    assert model.state_dict().keys() == plain.state_dict().keys()
    assert all(weight.requires_grad for weight in model.parameters())
    changed = {
        key.removesuffix(".weight")
        for key, tensor in model.backbone.state_dict().items()
        if not torch.equal(tensor, before[key])
    }
    assert len(changed) == len(LINEAR_LAYERS[name]) * SMALL[name]["layers"]
    save_model(model, tmp_path / "model")
    assert torch.equal(get_logits(load_model(tmp_path / "model")), get_logits(model))


@EACH
def test_a_frozen_backbone_neither_learns_nor_drops_out(name, tmp_path) -> None:
    plain = make_model(name, tmp_path, "full")
    model = make_model(name, tmp_path, "frozen")
    head = sum(weight.numel() for weight in model.head.parameters())
    assert count_parameters(model) == (count_parameters(plain).total, head)
    groups = make_optimizer(model, TrainingSettings()).param_groups
    held = {id(weight) for group in groups for weight in group["params"]}
    assert held == {id(weight) for weight in model.head.parameters()}
    model.train()
    assert model.training and model.head.training
    assert not any(module.training for module in model.backbone.modules())
    take_steps(model)
    expected = plain.backbone.state_dict()
    for key, tensor in model.backbone.state_dict().items():
        assert torch.equal(tensor, expected[key]), key
    assert all(weight.grad is None for weight in model.backbone.parameters())
    assert not torch.equal(model.head[1].weight, plain.head[1].weight)
    plain.train()
    assert all(module.training for module in plain.backbone.modules())


def test_gradients_reach_the_input_of_a_frozen_backbone(tmp_path) -> None:
    model = make_model("splicebert", tmp_path, "frozen").eval()
    embeddings = model.get_input_embeddings()(make_ids()).detach().requires_grad_()
    model(inputs_embeds=embeddings).logits.sum().backward()
    assert embeddings.grad.abs().sum() > 0


@pytest.mark.parametrize("tuning", ["frozen", "lora"])
def test_norms_are_calibrated_whatever_learns(tuning) -> None:
    train, _ = make_tiny_datasets()
    states = {}
    for kind in ("full", tuning):
        model = create_classifier("custom", options=OPTIONS, tuning=kind, seed=1)
        model.train()
        calibrate_model(model, train, seed=3)
        assert model.backbone.is_calibrated
        states[kind] = {
            key: tensor
            for key, tensor in model.backbone.state_dict().items()
            if key.endswith((".mean", ".deviation"))
        }
        assert model.backbone.training == (kind != "frozen")
    assert states["full"].keys() == states[tuning].keys() != set()
    for key, tensor in states["full"].items():
        assert torch.equal(tensor, states[tuning][key])
        assert not torch.equal(tensor, torch.ones_like(tensor))


def test_adapters_learn_at_the_rate_of_their_layer() -> None:
    model = create_classifier("custom", options={**OPTIONS, "layers": 2}, tuning="lora")
    settings = TrainingSettings(learning_rate=1.0, layer_decay=0.5, weight_decay=0.1)
    rates = {
        id(weight): (group["peak"], group["weight_decay"])
        for group in make_optimizer(model, settings).param_groups
        for weight in group["params"]
    }
    names = {n: rates[id(p)] for n, p in model.named_parameters() if p.requires_grad}
    assert len(names) == len(rates)
    layer = "backbone.layers.{}.mlp_input.lora_{}.default.weight"
    assert names[layer.format(1, "A")] == names[layer.format(1, "B")] == (0.5, 0.1)
    assert names[layer.format(0, "A")] == (0.25, 0.1)
    assert names["head.1.weight"] == (1.0, 0.1)
    assert not any("embeddings" in n or "stem" in n for n in names)


class KilledError(Exception):
    """Stands for a job that the cluster stopped."""


def make_training(
    tuning: str, checkpoints: CheckpointFolder, seed: int = 1, **more
) -> Training:
    train, held = make_tiny_datasets(40, shortest=20, longest=60)
    model = create_classifier(
        "custom",
        options=OPTIONS,
        tuning=tuning,
        lora=LoraSettings(rank=2, dropout=0.2) if tuning == "lora" else None,
        seed=seed,
    )
    calibrate_model(model, train, seed=1)
    settings = {
        **{"epochs": 2, "batch_size": 8, "precision": "fp32", "mask_share": 0.1},
        **{"learning_rate": 3e-3, "checkpoint_minutes": 1e-9, **more},
    }
    task = FineTuning(model, train, held, TrainingSettings(**settings))
    return Training(task, checkpoints)


@pytest.mark.parametrize("steps", [3, 7])
@pytest.mark.parametrize("tuning", ["frozen", "lora"])
def test_a_killed_run_goes_on_to_the_same_weights(
    tmp_path, monkeypatch, tuning, steps
) -> None:
    whole = make_training(tuning, CheckpointFolder(None, ""))
    whole.run()
    folder, done, take_step = CheckpointFolder(tmp_path, "abc"), [], Training._take_step

    def take_or_die(self: Training, *steps_: np.ndarray) -> tuple[float, float]:
        if len(done) == steps:
            raise KilledError
        done.append(steps_)
        return take_step(self, *steps_)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "_take_step", take_or_die)
        with pytest.raises(KilledError):
            make_training(tuning, folder).run()
    kept = torch.load(tmp_path / "abc" / "state.pt", weights_only=True)["model"]
    assert any(".lora_" in key for key in kept) == (tuning == "lora")
    # Other weights and other adapters: all of them must come from the checkpoint.
    resumed = make_training(tuning, folder, seed=9)
    resumed.run()
    assert len(done) == steps
    for run in (whole, resumed):
        merge_adapters(run.task.model)
    mine, theirs = resumed.task.model.state_dict(), whole.task.model.state_dict()
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[key], theirs[key]) for key in theirs)


def get_gradients(is_cheap: bool) -> dict[str, torch.Tensor]:
    run = make_training(
        *("lora", CheckpointFolder(None, "")),
        **{"gradient_checkpointing": is_cheap, "mask_share": 0.0},
    )
    for module in run.task.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    indices = np.arange(16)
    run.task.model.train()
    # At the start B is zero, and no gradient reaches A.
    for name, weight in run.task.model.named_parameters():
        if ".lora_B" in name:
            torch.nn.init.constant_(weight, 0.1)
    run._take_step(indices)
    weights = run.task.model.named_parameters()
    return {name: p.grad.clone() for name, p in weights if p.requires_grad}


def test_gradient_checkpointing_changes_nothing() -> None:
    plain, cheap = get_gradients(False), get_gradients(True)
    assert any(".lora_A" in name and plain[name].any() for name in plain)
    for name, gradient in plain.items():
        assert torch.allclose(gradient, cheap[name], atol=1e-6), name


@pytest.mark.parametrize("tuning", ["full", "frozen", "lora"])
def test_a_trained_model_holds_no_trace_of_its_adapters(tuning, tmp_path) -> None:
    train, held = make_tiny_datasets(80)
    model, _ = train_error_sequence_model(
        train,
        held,
        output_dir=tmp_path,
        learning_rate=3e-3,
        num_epochs=2,
        batch_size=16,
        backbone_options=OPTIONS,
        tuning=tuning,
        lora={"rank": 2} if tuning == "lora" else None,
    )
    names = load_file(tmp_path / "model" / "model.safetensors")
    assert not any("lora" in name or "base_layer" in name for name in names)
    assert not (tmp_path / "model" / "adapter_config.json").exists()
    assert all(weight.requires_grad for weight in model.parameters())
    again = load_model(tmp_path)
    ids = torch.randint(0, 4, (3, 40))
    assert torch.equal(model(input_ids=ids).logits, again(input_ids=ids).logits)
    assert again.config.decision_threshold == model.config.decision_threshold
    start = create_classifier("custom", options=OPTIONS, seed=1)
    calibrate_model(start, train, seed=1)
    same = [
        torch.equal(tensor, model.backbone.state_dict()[key])
        for key, tensor in start.backbone.state_dict().items()
    ]
    assert all(same) == (tuning == "frozen")


def test_random_weights_keep_architecture_and_tokenizer(tmp_path) -> None:
    folder = str(write_dnabert2(tmp_path / "checkpoint"))
    loaded = create_classifier(folder, seed=1)
    model, again, other = (
        create_classifier(folder, random_init=True, seed=seed) for seed in (1, 1, 2)
    )
    assert model.config.backbone == loaded.config.backbone
    assert model.tokenizer.vocabulary == loaded.tokenizer.vocabulary
    assert type(model.backbone) is type(loaded.backbone)
    states = [m.backbone.state_dict() for m in (model, again, other, loaded)]
    key = "encoder.layer.0.attention.self.Wqkv.weight"
    assert torch.equal(states[0][key], states[1][key])
    assert not torch.equal(states[0][key], states[2][key])
    assert not torch.equal(states[0][key], states[3][key])
    assert states[0][key].std().item() == pytest.approx(0.02, rel=0.2)


@pytest.mark.parametrize("name", [n for n in FAMILIES if FAMILIES[n].make_tokenizer])
def test_random_weights_of_every_family_are_those_of_a_new_network(
    name, tmp_path
) -> None:
    save = create_classifier(name, options=SMALL[name], seed=1)
    save.backbone.save_pretrained(tmp_path / "checkpoint")
    save.tokenizer.save_pretrained(tmp_path / "checkpoint")
    model = create_classifier(str(tmp_path / "checkpoint"), random_init=True, seed=5)
    new, saved = (m.backbone.config.to_dict() for m in (model, save))
    assert {k for k in saved if new[k] != saved[k]} <= {"dtype", "architectures"}
    old = dict(save.backbone.named_parameters())
    for key, weight in model.backbone.named_parameters():
        if weight.ndim > 1 and "freq" not in key:
            assert not torch.equal(weight, old[key]), key
            assert weight.std().item() == pytest.approx(old[key].std().item(), rel=0.5)
    buffers = dict(save.backbone.named_buffers())
    for key, buffer in model.backbone.named_buffers():
        assert torch.equal(buffer, buffers[key]), key


def test_random_weights_are_warned_about_where_they_do_not_learn(caplog) -> None:
    create_classifier("custom", options=OPTIONS, tuning="frozen")
    assert "keeps its random weights" in caplog.text


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"tuning": "half"}, "tuning 'half': allowed: full, frozen, lora"),
        ({"random_init": "new"}, "random_init 'new': allowed: true or false"),
        ({"lora": {"rank": 4}}, "lora is given, but tuning is 'full'"),
        ({"tuning": "frozen", "lora": {}}, "lora is given, but tuning is 'frozen'"),
        ({"tuning": "lora", "lora": {"r": 4}}, "unknown key r; allowed: alpha"),
        (
            {"tuning": "lora", "lora": {"rank": 0}},
            r"rank 0: .*backbones\.<name>\.lora",
        ),
        (
            {"tuning": "lora", "lora": {"rank": 2.5}},
            r"rank 2.5: .*backbones\.<name>\.lora",
        ),
        ({"tuning": "lora", "lora": {"alpha": 0}}, "alpha 0"),
        ({"tuning": "lora", "lora": {"dropout": 1.0}}, "dropout 1.0"),
    ],
)
def test_settings_that_do_not_fit_are_refused(entry, words) -> None:
    with pytest.raises(InputError, match=words):
        BackboneSettings.from_mapping({"architecture": "dnabert2", **entry})


def test_settings_are_plain_values_in_the_record() -> None:
    entry = {"architecture": "dnabert2", "tuning": "lora", "lora": {"rank": 4}}
    settings = BackboneSettings.from_mapping(entry)
    assert settings.to_mapping()["lora"] == {"rank": 4, "alpha": 16.0, "dropout": 0.0}
    assert BackboneSettings("dnabert2", tuning="lora").lora == LoraSettings()
    assert BackboneSettings("dnabert2").to_mapping()["lora"] is None


def test_applying_nothing_changes_nothing(tmp_path) -> None:
    model = make_model("hyenadna", tmp_path, "full")
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    apply_tuning(model, "full")
    merge_adapters(model)
    after = model.state_dict()
    assert all(torch.equal(after[key], tensor) for key, tensor in before.items())
