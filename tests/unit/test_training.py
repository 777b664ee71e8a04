from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from error_sequence_model import (
    load_model,
    prepare_datasets_for_training,
    train_error_sequence_model,
    training,
)
from error_sequence_model.checkpoints import CheckpointFolder
from error_sequence_model.classifier import ErrorClassifier
from error_sequence_model.errors import InputError
from error_sequence_model.settings import TrainingSettings
from error_sequence_model.training import Training
from tiny_models import (
    EXACT,
    OPTIONS,
    make_tiny_classifier,
    make_tiny_datasets,
)

NO_CHECKPOINTS = CheckpointFolder(None, "")


class KilledError(Exception):
    """Stands for a job that the cluster stopped."""


def make_training(
    checkpoints: CheckpointFolder = NO_CHECKPOINTS,
    *,
    model: ErrorClassifier | None = None,
    **settings: object,
) -> Training:
    train, held = make_tiny_datasets(60, shortest=20, longest=60)
    # A third as many errors as correct sites: class weights matter.
    place = np.arange(60)
    train = train.select(np.flatnonzero((place % 2 == 0) | (place % 6 == 5)))
    settings = {"epochs": 3, "batch_size": 8, "precision": "fp32", **settings}
    return Training(
        model or make_tiny_classifier(),
        train,
        held,
        TrainingSettings(**settings),
        checkpoints,
    )


def get_gradients(run: Training, indices: np.ndarray) -> dict[str, torch.Tensor]:
    run.optimizer.zero_grad()
    run._accumulate(indices, float(run.sample_weights[indices].sum()))
    return {name: p.grad.clone() for name, p in run.classifier.named_parameters()}


@pytest.mark.parametrize("budget", [16, 64, 200])
def test_micro_batches_give_the_gradient_of_one_batch(budget) -> None:
    indices = np.arange(1, 34)
    whole = make_training(
        model=make_tiny_classifier(**EXACT), tokens_per_batch=1_000_000
    )
    parts = make_training(model=make_tiny_classifier(**EXACT), tokens_per_batch=budget)
    found = get_gradients(parts, indices)
    for name, gradient in get_gradients(whole, indices).items():
        mine = found[name]
        scale = gradient.abs().max().clamp(min=1e-3)
        assert ((mine - gradient).abs().max() / scale) < 1e-5, name
        assert torch.allclose(mine, gradient, atol=1e-6), name


def test_the_loss_is_the_weighted_mean_over_the_step() -> None:
    run = make_training(model=make_tiny_classifier(**EXACT), tokens_per_batch=64)
    indices = np.arange(0, 30)
    share = run._accumulate(indices, float(run.sample_weights[indices].sum()))
    items = [run.train_dataset[int(i)] for i in indices]
    logits = torch.cat(
        [
            run.classifier(
                input_ids=torch.tensor(item["input_ids"])[None].long(),
                junction=torch.tensor([item["junction"]]),
            ).logits
            for item in items
        ]
    )
    expected = torch.nn.functional.cross_entropy(
        logits, torch.tensor([i["label"] for i in items]), weight=run.class_weights
    )
    assert share == pytest.approx(expected.item(), abs=1e-5)


def drop_clocks(history: list[dict]) -> pd.DataFrame:
    clocks = ["seconds", "tokens_per_second", "peak_memory_mb"]
    return pd.DataFrame(history).drop(columns=clocks)


def kill_after(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    take_step, done = Training._take_step, []

    def take_or_die(self: Training, step: np.ndarray) -> tuple[float, float]:
        if len(done) == steps:
            raise KilledError
        done.append(step)
        return take_step(self, step)

    monkeypatch.setattr(Training, "_take_step", take_or_die)


@pytest.mark.parametrize("minutes", [1e-9, 1e9], ids=["each step", "each epoch"])
@pytest.mark.parametrize("steps", [4, 6, 11])
def test_a_killed_run_goes_on_to_the_same_weights(
    tmp_path, monkeypatch, minutes, steps
) -> None:
    # Dropout, batch norm and masking on: all of it must be the same again.
    options = {"mask_share": 0.1, "checkpoint_minutes": minutes}
    whole = make_training(**options)
    expected = whole.run()
    folder = CheckpointFolder(tmp_path, "abc")
    with monkeypatch.context() as patch:
        kill_after(steps, patch)
        with pytest.raises(KilledError):
            make_training(folder, **options).run()
    is_kept = minutes < 1 or steps >= 6
    assert (tmp_path / "abc" / "state.pt").is_file() == is_kept
    resumed = make_training(folder, model=make_tiny_classifier(seed=9), **options)
    if not is_kept:
        resumed = make_training(folder, **options)
    history = resumed.run()
    assert drop_clocks(history).equals(drop_clocks(expected))
    mine, theirs = resumed.classifier.state_dict(), whole.classifier.state_dict()
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


def test_a_checkpoint_of_another_run_is_ignored(tmp_path) -> None:
    make_training(CheckpointFolder(tmp_path, "first")).run()
    assert (tmp_path / "first" / "state.pt").is_file()
    other = CheckpointFolder(tmp_path, "second")
    assert other.load() is None
    other.folder.mkdir()
    (tmp_path / "first" / "state.pt").rename(other.folder / "state.pt")
    assert other.load() is None


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("damage", ["empty", "text", "cut", "flipped", "pickle"])
def test_a_corrupt_checkpoint_is_ignored_with_a_warning(
    tmp_path, caplog, monkeypatch, damage
) -> None:
    monkeypatch.setattr(
        "error_sequence_model.checkpoints.logger.parent.propagate", True
    )
    folder = CheckpointFolder(tmp_path, "abc")
    make_training(folder, epochs=1).run()
    path = folder.folder / "state.pt"
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(
        {
            "empty": b"",
            "text": b"not a checkpoint",
            "cut": content[:middle],
            "flipped": content[:200] + bytes(400) + content[600:],
            "pickle": b"\x80\x04cos\nsystem\n.",
        }[damage]
    )
    assert folder.load() is None
    assert "training starts anew" in caplog.text
    history = make_training(folder, epochs=1).run()
    assert len(history) == 1


def test_the_best_epoch_is_kept(monkeypatch) -> None:
    scores = iter([0.4, 0.9, 0.5, 0.9])
    weights = []
    run = make_training(epochs=4)

    def score(*_: object) -> float:
        weights.append(run.classifier.head[-1].weight.detach().clone())
        return next(scores)

    monkeypatch.setattr(training, "compute_macro_auprc", score)
    history = run.run()
    assert [row["is_best"] for row in history] == [False, True, False, False]
    assert torch.equal(run.classifier.head[-1].weight, weights[1])
    assert not torch.equal(run.classifier.head[-1].weight, weights[3])


def test_patience_stops_the_run(monkeypatch) -> None:
    scores = iter([0.4, 0.9, 0.5, 0.6, 0.7])
    monkeypatch.setattr(training, "compute_macro_auprc", lambda *_: next(scores))
    assert len(make_training(epochs=5, patience=2).run()) == 4


@pytest.mark.parametrize(
    ("train_labels", "held_labels", "words"),
    [
        ([0, 0], [0, 1], "training part has 2 sites and none of class 'error'"),
        ([0, 1], [1, 1], "validation part has 2 sites and none of class 'correct'"),
        (["TP", "TP"], ["TP", "TP"], "one class TP"),
    ],
)
def test_a_missing_class_is_refused_before_any_work(
    train_labels, held_labels, words, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(Training, "_take_step", lambda *_: pytest.fail("trained"))
    train, held = prepare_datasets_for_training(
        pd.DataFrame({"sequence": ["ACGT" * 5, "GGGT" * 5], "label": train_labels}),
        pd.DataFrame({"sequence": ["TTTT" * 5, "AACC" * 5], "label": held_labels}),
    )
    with pytest.raises(InputError, match=words):
        train_error_sequence_model(
            train, held, output_dir=tmp_path / "out", backbone_options=OPTIONS
        )
    assert not (tmp_path / "out").exists()


def test_an_empty_validation_part_is_refused() -> None:
    train, held = make_tiny_datasets()
    with pytest.raises(InputError, match="validation part has 0 sites"):
        Training(
            make_tiny_classifier(),
            train,
            held.select(np.zeros(0, dtype=int)),
            TrainingSettings(),
            NO_CHECKPOINTS,
        )


def test_a_loss_that_is_not_finite_stops_and_names_the_sites() -> None:
    run = make_training(epochs=1, batch_size=4)
    torch.nn.init.constant_(run.classifier.head[-1].bias, float("nan"))
    with pytest.raises(InputError) as caught:
        run.run()
    sites = run.train_dataset.site_ids[run._plan(0)[0]].tolist()
    assert f"site_ids of the step: {sites}" in str(caught.value)
    assert "training.learning_rate" in str(caught.value)


def test_a_gradient_that_is_not_finite_never_reaches_the_weights() -> None:
    run = make_training(epochs=1)
    weight = run.classifier.head[-1].weight
    weight.register_hook(lambda gradient: gradient * float("inf"))
    before = weight.detach().clone()
    with pytest.raises(InputError, match="gradient is not finite"):
        run.run()
    assert torch.equal(weight, before)


def test_weights_lost_at_the_last_step_stop_the_run_too(monkeypatch) -> None:
    run = make_training(epochs=1)
    step = run.optimizer.step

    def step_and_spoil() -> None:
        step()
        torch.nn.init.constant_(run.classifier.head[-1].bias, float("nan"))

    monkeypatch.setattr(run, "steps_per_epoch", 1)
    monkeypatch.setattr(run, "_plan", lambda _: [np.arange(8)])
    monkeypatch.setattr(run.optimizer, "step", step_and_spoil)
    with pytest.raises(InputError, match="validation loss is not finite"):
        run.run()


def test_learns_and_saves_a_run_that_loads_again(tmp_path) -> None:
    train, held = make_tiny_datasets(160)
    model, settings = train_error_sequence_model(
        train_dataset=train,
        val_dataset=held,
        output_dir=tmp_path,
        learning_rate=3e-3,
        num_epochs=6,
        batch_size=16,
        warmup_steps=5,
        use_fp16=True,
        backbone_options=EXACT,
    )
    assert isinstance(settings, TrainingSettings)
    assert not model.training
    history = pd.read_csv(tmp_path / "history.tsv", sep="\t")
    assert history["validation_auroc"].max() > 0.9
    assert history["is_best"].sum() == 1
    assert np.isfinite(history.select_dtypes("number")).all(axis=None)
    assert history["train_loss"].min() < history["train_loss"].iloc[0]
    again, _ = load_model(tmp_path)
    ids = torch.randint(0, 4, (3, 40))
    # Also after mixed precision: the model in memory computes in float32 again.
    assert torch.equal(model(input_ids=ids).logits, again(input_ids=ids).logits)
    assert again.config.decision_threshold == model.config.decision_threshold != 0.5


def test_a_notebook_may_train_with_another_precision() -> None:
    for precision in ("fp32", "bf16", "fp32"):
        assert len(make_training(precision=precision, epochs=1).run()) == 1


def test_equal_seeds_give_equal_runs_and_others_do_not() -> None:
    first, second, other = (
        make_training(seed=seed, epochs=2).run() for seed in (1, 1, 2)
    )
    assert drop_clocks(first).equals(drop_clocks(second))
    assert not drop_clocks(first).equals(drop_clocks(other))


def test_gradient_checkpointing_changes_nothing() -> None:
    indices = np.arange(20)
    plain = get_gradients(make_training(model=make_tiny_classifier(**EXACT)), indices)
    cheap = get_gradients(
        make_training(model=make_tiny_classifier(**EXACT), gradient_checkpointing=True),
        indices,
    )
    assert all(torch.allclose(plain[n], cheap[n], atol=1e-6) for n in plain)


def test_several_classes_are_scored_by_their_mean() -> None:
    train, held = make_tiny_datasets(48, classes=4)
    run = Training(
        make_tiny_classifier(classes=train.classes),
        train,
        held,
        TrainingSettings(epochs=1, precision="fp32"),
        NO_CHECKPOINTS,
    )
    (row,) = run.run()
    assert 0 < row["validation_auprc"] < 1
    assert 0 < row["validation_auroc"] < 1


RANKS = """
import json, sys
import torch
from error_sequence_model.checkpoints import CheckpointFolder
from error_sequence_model.settings import TrainingSettings
from error_sequence_model.training import Training
from tiny_models import EXACT, make_tiny_classifier, make_tiny_datasets

train, held = make_tiny_datasets(50, shortest=20, longest=60)
run = Training(
    make_tiny_classifier(**EXACT), train, held,
    TrainingSettings(epochs=2, batch_size=8, precision="fp32", tokens_per_batch=128),
    CheckpointFolder(None, ""),
)
seen = []
collate = run._accumulate
def watch(indices, weight):
    seen.extend(indices.tolist())
    return collate(indices, weight)
run._accumulate = watch
history = run.run()
folder, rank = sys.argv[1], run.accelerator.process_index
torch.save(run.classifier.state_dict(), f"{folder}/weights{rank}.pt")
with open(f"{folder}/seen{rank}.json", "w") as file:
    json.dump({"seen": seen, "ranks": run.accelerator.num_processes,
               "loss": [row["train_loss"] for row in history],
               "auprc": [row["validation_auprc"] for row in history]}, file)
"""


def launch(folder: Path, ranks: int) -> list[dict]:
    folder.mkdir()
    script = folder / "ranks.py"
    script.write_text(RANKS)
    root = Path(__file__).parents[2]
    hidden = {"CUDA_VISIBLE_DEVICES": ""}
    paths = os.pathsep.join([str(root / "workflow" / "scripts"), str(root / "tests")])
    subprocess.run(
        [
            # `accelerate launch --cpu` starts one process only; this is what it calls
            # for several GPUs, and accelerate takes gloo where there are none.
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *("--nproc_per_node", str(ranks), str(script), str(folder)),
        ],
        check=True,
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", **hidden},
        timeout=180,
    )
    return [json.loads((folder / f"seen{r}.json").read_text()) for r in range(ranks)]


@pytest.mark.workflow
def test_two_ranks_give_the_weights_of_one(tmp_path) -> None:
    (alone,) = launch(tmp_path / "one", 1)
    first, second = launch(tmp_path / "two", 2)
    assert (alone["ranks"], first["ranks"]) == (1, 2)
    together = first["seen"] + second["seen"]
    assert sorted(together) == sorted(alone["seen"]) == sorted([*range(50)] * 2)
    assert first["loss"] == pytest.approx(alone["loss"], abs=1e-5)
    assert first["auprc"] == second["auprc"] == pytest.approx(alone["auprc"], abs=1e-4)
    expected = torch.load(tmp_path / "one" / "weights0.pt")
    for rank in range(2):
        found = torch.load(tmp_path / "two" / f"weights{rank}.pt")
        for name, tensor in expected.items():
            assert torch.allclose(found[name], tensor, atol=1e-6), name
