from __future__ import annotations

import errno
import os
import re
import resource
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from accelerate import Accelerator

from error_sequence_model import (
    load_model,
    prepare_datasets_for_training,
    train_error_sequence_model,
)
from error_sequence_model.classifier import ErrorClassifier
from error_sequence_model.core import InputError
from error_sequence_model.settings import TrainingSettings
from error_sequence_model.training import (
    CheckpointFolder,
    FineTuning,
    Training,
    checkpoints,
    finetuning,
)
from error_sequence_model.training import state as history
from error_sequence_model.training.gradients import GradientSteps, Share
from error_sequence_model.training.token_budget import CPU_TOKENS
from tiny_models import EXACT, OPTIONS, make_tiny_classifier, make_tiny_datasets

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
    task = FineTuning(
        model or make_tiny_classifier(), train, held, TrainingSettings(**settings)
    )
    return Training(task, checkpoints)


def accumulate(run: Training, indices: np.ndarray) -> float:
    share = run.gradients.make_share(Share(indices, epoch=0, seed=1))
    weights = run.task.sum_weights(indices, share.examples, run.accelerator)
    return float(run.gradients.accumulate(share, weights).loss)


def get_gradients(run: Training, indices: np.ndarray) -> dict[str, torch.Tensor]:
    accumulate(run, indices)
    return {name: p.grad.clone() for name, p in run.task.model.named_parameters()}


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
    share = accumulate(run, indices)
    items = [run.task.train_dataset[int(i)] for i in indices]
    logits = torch.cat(
        [
            run.task.model(
                input_ids=torch.tensor(item["input_ids"])[None].long(),
                junction=torch.tensor([item["junction"]]),
            ).logits
            for item in items
        ]
    )
    expected = torch.nn.functional.cross_entropy(
        logits,
        torch.tensor([i["label"] for i in items]),
        weight=run.task.class_weights,
    )
    assert share == pytest.approx(expected.item(), abs=1e-5)


def test_a_frozen_backbone_runs_once(monkeypatch) -> None:
    """And the head learns what it learns from a backbone that runs in every step."""

    def train() -> tuple[Training, int]:
        model = make_tiny_classifier(**EXACT)
        model.backbone.requires_grad_(False)
        seen = []

        def count(module: torch.nn.Module, _: tuple, given: dict) -> None:
            seen.append(len(given.get("lengths", given["input_ids"])))

        model.backbone.register_forward_pre_hook(count, with_kwargs=True)
        run = make_training(model=model, sampling="balanced", tokens_per_batch=200)
        run.run()
        return run, sum(seen)

    cached, once = train()
    assert once == len(cached.task.train_dataset) + len(cached.task.val_dataset)
    monkeypatch.setattr(finetuning, "MOST_VECTORS", 0)
    plain, often = train()
    # Every epoch, and before the first one to calibrate the norms.
    assert often == 3 * once + len(cached.task.train_dataset)
    found = cached.task.model.state_dict()
    for name, weights in plain.task.model.state_dict().items():
        assert torch.allclose(found[name], weights, atol=1e-5), name
    columns = ["step", "train_loss", "validation_loss", "validation_auprc"]
    mine, theirs = (pd.DataFrame(run.state.history)[columns] for run in (cached, plain))
    pd.testing.assert_frame_equal(mine, theirs, atol=1e-5)


def drop_clocks(history: list[dict]) -> pd.DataFrame:
    clocks = ["seconds", "tokens_per_second", "peak_memory_mb"]
    return pd.DataFrame(history).drop(columns=clocks)


def kill_after(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    take_step, done = Training._take_step, []

    def take_or_die(self: Training, *steps_: np.ndarray) -> tuple[float, float]:
        if len(done) == steps:
            raise KilledError
        done.append(steps_)
        return take_step(self, *steps_)

    monkeypatch.setattr(Training, "_take_step", take_or_die)


# Three epochs of five steps; the checkpoint is of each step, or of each epoch.
RANDOM_STEPS = np.random.default_rng(5).choice(np.arange(1, 15), 5, replace=False)


@pytest.mark.parametrize(
    ("steps", "minutes"),
    [*((int(steps), 1e-9) for steps in RANDOM_STEPS), (4, 1e9), (11, 1e9)],
)
def test_a_killed_run_goes_on_to_the_same_weights(
    tmp_path, monkeypatch, minutes, steps
) -> None:
    # Dropout, masking, sampling and changes on: all of it must be the same again.
    options = {
        "mask_share": 0.1,
        **{"reverse_complement": 0.5, "shift": 5},
        "sampling": "balanced",
        "checkpoint_minutes": minutes,
    }
    whole = make_training(**options)
    expected = whole.run()
    folder = CheckpointFolder(tmp_path, "abc")
    with monkeypatch.context() as patch:
        kill_after(steps, patch)
        with pytest.raises(KilledError):
            make_training(folder, **options).run()
    is_kept = minutes < 1 or steps >= 5
    assert (tmp_path / "abc" / "state.pt").is_file() == is_kept
    resumed = make_training(folder, model=make_tiny_classifier(seed=9), **options)
    if not is_kept:
        resumed = make_training(folder, **options)
    history = resumed.run()
    assert drop_clocks(history).equals(drop_clocks(expected))
    mine, theirs = resumed.task.model.state_dict(), whole.task.model.state_dict()
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


def test_only_training_windows_are_changed(monkeypatch) -> None:
    run = make_training(epochs=1, shift=6)
    before = run.task.val_dataset[0]["input_ids"]
    seen = []
    collate = run.task.collate
    monkeypatch.setattr(
        *(run.task, "collate"),
        lambda examples, **more: seen.extend(examples) or collate(examples, **more),
    )
    run.run()
    lengths = {int(e["site_id"]): len(e["input_ids"]) for e in seen}
    data = run.task.train_dataset
    whole = zip(data.site_ids.tolist(), data.lengths.tolist(), strict=True)
    assert lengths == {site: length - 6 for site, length in whole}
    assert np.array_equal(run.task.val_dataset[0]["input_ids"], before)
    assert not run.task.is_frozen


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
        "error_sequence_model.training.checkpoints.logger.parent.propagate", True
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
        weights.append(run.task.model.head[-1].weight.detach().clone())
        return next(scores)

    monkeypatch.setattr(finetuning, "compute_macro_auprc", score)
    history = run.run()
    assert [row["is_best"] for row in history] == [False, True, False, False]
    assert torch.equal(run.task.model.head[-1].weight, weights[1])
    assert not torch.equal(run.task.model.head[-1].weight, weights[3])


def test_patience_stops_the_run(monkeypatch) -> None:
    scores = iter([0.4, 0.9, 0.5, 0.6, 0.7])
    monkeypatch.setattr(finetuning, "compute_macro_auprc", lambda *_: next(scores))
    assert len(make_training(epochs=5, patience=2).run()) == 4


def test_a_budget_that_was_found_is_recorded_and_kept(tmp_path, monkeypatch) -> None:
    folder = CheckpointFolder(tmp_path, "abc")
    run = make_training(folder, epochs=1)
    assert run.record["tokens_per_batch"] == CPU_TOKENS
    run.gradients.tokens_per_batch = 64
    assert run.run()[0]["tokens_per_batch"] == 64

    # A run that goes on does not look for another one.
    monkeypatch.setattr(GradientSteps, "find_budget", lambda _: pytest.fail("probed"))
    resumed = make_training(folder, model=make_tiny_classifier(seed=9), epochs=1)
    assert resumed.record["tokens_per_batch"] == 64
    assert make_training(tokens_per_batch=99).record["tokens_per_batch"] == 99


def test_memory_that_runs_out_halves_the_budget_and_changes_nothing_else(
    monkeypatch,
) -> None:
    whole = make_training(model=make_tiny_classifier(**EXACT), tokens_per_batch=512)
    expected = whole.run()
    short = make_training(model=make_tiny_classifier(**EXACT), tokens_per_batch=512)
    run_pass = GradientSteps._run

    def run_out(self: GradientSteps, inputs: dict, weights: list) -> torch.Tensor:
        if inputs["input_ids"].numel() > 150:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return run_pass(self, inputs, weights)

    monkeypatch.setattr(GradientSteps, "_run", run_out)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    history = short.run()
    assert [row["tokens_per_batch"] for row in history] == [128] * 3
    assert short.record["tokens_per_batch"] == 128
    for row, other in zip(history, expected, strict=True):
        assert row["train_loss"] == pytest.approx(other["train_loss"], abs=1e-5)
    mine, theirs = short.task.model.state_dict(), whole.task.model.state_dict()
    assert all(torch.allclose(mine[n], theirs[n], atol=1e-5) for n in theirs)


def test_one_sequence_that_does_not_fit_is_an_error(monkeypatch) -> None:
    run = make_training(epochs=1, tokens_per_batch=512)

    def run_out(*_: object) -> torch.Tensor:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(GradientSteps, "_run", run_out)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    with pytest.raises(InputError, match="one sequence alone does not fit"):
        run.run()


def test_what_is_collated_ahead_is_what_would_be_collated_later() -> None:
    ahead = make_training(mask_share=0.2)
    later = make_training(mask_share=0.2)
    later.gradients.prepare = lambda _: None
    assert drop_clocks(ahead.run()).equals(drop_clocks(later.run()))


def test_balanced_sampling_needs_no_weights() -> None:
    run = make_training(sampling="balanced")
    assert (run.task.sample_weights == 1).all()
    assert not (make_training().task.sample_weights == 1).all()
    seen = np.bincount(run.task.train_dataset.labels[np.concatenate(run._plan(0))])
    assert seen.tolist() == [20, 20]


def test_use_of_the_hardware_is_told_where_its_peak_is_known(monkeypatch) -> None:
    (row,) = make_training(epochs=1).run()
    assert row["mfu"] is None
    monkeypatch.setattr(history, "get_peak_flops", lambda _: 1e9)
    run = make_training(epochs=1)
    (row,) = run.run()
    flops = run.gradients.flops.count(run.task.train_dataset.lengths)
    assert row["mfu"] == pytest.approx(flops / row["seconds"] / 1e9)


def test_a_full_disk_leaves_the_old_checkpoint(tmp_path, monkeypatch) -> None:
    whole = make_training()
    whole.run()
    folder = CheckpointFolder(tmp_path, "abc")
    path, save = tmp_path / "abc" / "state.pt", torch.save

    def write_half(content: object, target: Path) -> None:
        save(content, target)
        if path.is_file():
            os.truncate(target, target.stat().st_size // 2)
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints.torch, "save", write_half)
        with pytest.raises(InputError, match=r"state\.pt: cannot.*No space.*is kept"):
            make_training(folder).run()
    assert [file.name for file in path.parent.iterdir()] == ["state.pt"]
    assert folder.load()["state"]["epoch"] == 1
    resumed = make_training(folder, model=make_tiny_classifier(seed=9))
    resumed.run()
    mine, theirs = resumed.task.model.state_dict(), whole.task.model.state_dict()
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


def test_torchs_own_writer_leaves_the_old_checkpoint_too(tmp_path) -> None:
    folder = CheckpointFolder(tmp_path, "abc")
    folder.save({"weights": torch.zeros(10)})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        # The write itself fails, in the middle of the file.
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
        with pytest.raises(InputError, match="cannot be written"):
            folder.save({"weights": torch.ones(1_000_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert folder.load()["weights"].tolist() == [0] * 10


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"learning_rate": "1e-4"},
            "learning_rate '1e-4': allowed: auto or number > 0, ≤ 1; YAML reads 1e-4",
        ),
        ({"sampling": "even"}, "sampling 'even': allowed: natural, balanced"),
        ({"tokens_per_batch": 0}, "tokens_per_batch 0"),
    ],
)
def test_settings_are_refused_before_any_work(settings, words) -> None:
    with pytest.raises(InputError, match=re.escape(words)):
        make_training(**settings)


def test_more_ranks_than_sequences_in_a_step_are_refused(monkeypatch) -> None:
    monkeypatch.setattr(Accelerator, "num_processes", 9)
    with pytest.raises(InputError, match=r"steps of 8 .* for 9 processes"):
        make_training()


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
        FineTuning(
            make_tiny_classifier(),
            train,
            held.select(np.zeros(0, dtype=int)),
            TrainingSettings(),
        )


def test_a_loss_that_is_not_finite_stops_and_names_the_sites() -> None:
    run = make_training(epochs=1, batch_size=4)
    torch.nn.init.constant_(run.task.model.head[-1].bias, float("nan"))
    with pytest.raises(InputError) as caught:
        run.run()
    sites = run.task.train_dataset.site_ids[run._plan(0)[0]].tolist()
    assert f"site_ids of the step: {sites}" in str(caught.value)
    assert "training.learning_rate" in str(caught.value)


def test_the_sites_of_a_failed_step_are_saved(tmp_path, monkeypatch) -> None:
    train, held = make_tiny_datasets()
    take = Training._take_step

    def spoil(self: Training, step: np.ndarray, following: np.ndarray) -> tuple:
        if self.state.step == 2:
            torch.nn.init.constant_(self.task.model.head[-1].bias, float("inf"))
            spoil.step = step
        return take(self, step, following)

    def train_model() -> None:
        train_error_sequence_model(
            *(train, held, "custom", tmp_path),
            **{"num_epochs": 1, "batch_size": 8, "backbone_options": OPTIONS},
        )

    with monkeypatch.context() as patch:
        patch.setattr(Training, "_take_step", spoil)
        with pytest.raises(InputError, match=r"step 3; .*failed_batch\.tsv") as caught:
            train_model()
    path = tmp_path / "failed_batch.tsv"
    assert f"sites of the step are in {path}" in str(caught.value)
    table = pd.read_csv(path, sep="\t")
    assert table["site_id"].tolist() == train.site_ids[spoil.step].tolist()
    assert set(table["class"]) <= {"correct", "error"}
    assert (table["tokens"] == 40).all()
    train_model()
    assert not path.exists(), "a run that succeeds takes the old list away"


def test_a_gradient_that_is_not_finite_never_reaches_the_weights() -> None:
    run = make_training(epochs=1)
    weight = run.task.model.head[-1].weight
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
        torch.nn.init.constant_(run.task.model.head[-1].bias, float("nan"))

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
    known = history.drop(columns="mfu").select_dtypes("number")
    assert np.isfinite(known).all(axis=None)
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


def test_a_compiled_model_has_the_same_gradients_and_names(monkeypatch) -> None:
    # All of the compiler but its last stage, which writes C++ for minutes: graphs,
    # changing lengths and the backward pass are those of the real thing.
    compile_fully = torch.compile
    calls = []

    def compile_to_graphs(model: torch.nn.Module, **options: object) -> object:
        calls.append(options)
        return compile_fully(model, backend="aot_eager", **options)

    monkeypatch.setattr(torch, "compile", compile_to_graphs)
    indices = np.arange(33)
    plain = make_training(model=make_tiny_classifier(**EXACT), epochs=1)
    fast = make_training(model=make_tiny_classifier(**EXACT), epochs=1, compile=True)
    expected, found = get_gradients(plain, indices), get_gradients(fast, indices)
    assert all(torch.allclose(found[n], expected[n], atol=1e-6) for n in expected)
    # Lengths of 20 to 60 became multiples of 16: few shapes, and one more plan.
    share = fast.gradients.make_share(Share(indices, epoch=0, seed=1))
    fast.gradients._cut_and_collate(share)
    shapes = {batch["input_ids"].shape[1] for batch in share.passes}
    assert all(length % 16 == 0 for length in shapes)
    fast.run()
    assert fast.task.model.state_dict().keys() == plain.task.model.state_dict().keys()
    assert calls == [{"dynamic": True}]


def test_several_classes_are_scored_by_their_mean() -> None:
    train, held = make_tiny_datasets(48, classes=4)
    task = FineTuning(
        make_tiny_classifier(classes=train.classes),
        train,
        held,
        TrainingSettings(epochs=1, precision="fp32"),
    )
    (row,) = Training(task, NO_CHECKPOINTS).run()
    assert 0 < row["validation_auprc"] < 1
    assert 0 < row["validation_auroc"] < 1
