"""Gradients where numbers break, and what is tried before the first of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from accelerate.optimizer import AcceleratedOptimizer

from error_sequence_model.settings import TrainingSettings
from error_sequence_model.training import (
    CheckpointFolder,
    FineTuning,
    Training,
    gradients,
)
from error_sequence_model.training.gradients import StepSums
from exact_varlen import use_exact_varlen
from tiny_models import EXACT, make_tiny_classifier, make_tiny_datasets


def make_training(shape: dict[str, int] | None = None, **settings: object) -> Training:
    train, held = make_tiny_datasets(24, **(shape or {}))
    settings = {"epochs": 1, "batch_size": 8, "precision": "fp32", **settings}
    task = FineTuning(make_tiny_classifier(), train, held, TrainingSettings(**settings))
    return Training(task, CheckpointFolder(None, ""))


def test_an_overflow_of_fp16_leaves_a_step_out_and_lowers_the_scale(monkeypatch):
    """The loss scale of a GPU, on the CPU: one gradient in three overflows."""
    run = make_training()
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    monkeypatch.setattr(run.accelerator, "scaler", scaler)
    monkeypatch.setattr(run.accelerator, "native_amp", True)
    monkeypatch.setattr(type(run.accelerator), "mixed_precision", "fp16")
    AcceleratedOptimizer.__init__(run.optimizer, run.optimizer.optimizer, scaler=scaler)
    weight = run.task.model.head[-1].weight
    seen: list[torch.Tensor] = []

    def overflow(gradient: torch.Tensor) -> torch.Tensor:
        seen.append(weight.detach().clone())
        return gradient * (float("inf") if len(seen) == 2 else 1.0)

    weight.register_hook(overflow)
    (row,) = run.run()
    assert len(seen) == 3
    assert not torch.equal(seen[0], seen[1]), "the first step is taken"
    assert torch.equal(seen[1], seen[2]), "the second is left out"
    assert not torch.equal(seen[2], weight), "the third is taken"
    assert scaler.get_scale() == 512
    assert row["skipped_steps"] == 1
    assert all(torch.isfinite(p).all() for p in run.task.model.parameters())


def test_steps_of_one_sequence_train():
    run = make_training(batch_size=1, tokens_per_batch=64)
    (row,) = run.run()
    assert np.isfinite(row["train_loss"])


def test_the_probe_sees_a_pass_with_padding(monkeypatch):
    """Its masks and biases are what a pass of equal lengths has not."""
    run = make_training(tokens_per_batch=64)
    seen = []
    monkeypatch.setattr(
        run.gradients,
        "_run",
        lambda batch, weights: seen.append(batch) or torch.zeros(()),
    )
    run.gradients.find_budget()
    mask = seen[0]["attention_mask"]
    assert mask.sum() == mask.numel() - 1


@pytest.mark.parametrize(("ranks", "copies"), [(1, 2), (2, 3)])
def test_the_probe_sees_what_is_not_there_yet(monkeypatch, ranks, copies):
    """The optimiser's averages, and the copy of all gradients that ranks add up."""
    run = make_training(tokens_per_batch=64)
    made = run.gradients
    monkeypatch.setattr(made, "_send", lambda tensor: tensor)
    monkeypatch.setattr(made, "device", torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: None)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 1000)
    monkeypatch.setattr(type(run.accelerator), "num_processes", ranks)
    monkeypatch.setattr(made, "precision", "fp32")
    numbers = sum(p.numel() for p in run.task.model.parameters())
    assert made._measure_pass(2) == 1000 + 4 * copies * numbers


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("kernel", ["auto", "efficient"])
def test_a_step_waits_for_its_gpu_once(monkeypatch, kernel):
    """When loss and norm are read, and nowhere else; with and without padding."""
    shape = {"shortest": 20, "longest": 60}
    run = make_training(shape, precision="bf16", attention=kernel)
    assert run.gradients.is_packing == (kernel == "auto")
    plan, wait = run._plan(0), run._wait_for

    def wait_for(loss, norm):
        torch.cuda.set_sync_debug_mode("default")
        found = wait(loss, norm)
        torch.cuda.set_sync_debug_mode("error")
        return found

    run.task.model.train()
    run._take_step(plan[0], plan[1])
    monkeypatch.setattr(run, "_wait_for", wait_for)
    torch.cuda.set_sync_debug_mode("error")
    try:
        run._take_step(plan[1], plan[2])
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_steps_are_taken_in_tf32_and_the_rest_is_exact(monkeypatch):
    run = make_training()
    modes = {"step": set(), "validation": set()}

    def note(when, function):
        def call(*given):
            modes[when].add(torch.backends.cudnn.conv.fp32_precision)
            return function(*given)

        return call

    monkeypatch.setattr(run.gradients, "_run", note("step", run.gradients._run))
    head = run.task.model.head

    def watch(module, _):
        if not module.training:
            note("validation", len)("")

    head.register_forward_pre_hook(watch)
    run.run()
    assert modes == {"step": {"tf32"}, "validation": {"ieee"}}
    assert run.record["float32"] == "exact"  # on a CPU


def test_norms_are_calibrated_before_the_first_step_and_never_again(
    tmp_path, monkeypatch
):
    calls = []
    calibrate = FineTuning.calibrate
    monkeypatch.setattr(
        FineTuning, "calibrate", lambda self: calls.append(1) or calibrate(self)
    )
    train, held = make_tiny_datasets(24)
    settings = TrainingSettings(epochs=1, batch_size=8, precision="fp32")
    for _ in range(2):
        task = FineTuning(make_tiny_classifier(), train, held, settings)
        Training(task, CheckpointFolder(tmp_path, "abc")).run()
        assert len(calls) == 1
    assert task.model.backbone.is_calibrated


def test_a_model_that_cannot_be_compiled_runs_as_it_is(monkeypatch, caplog):
    monkeypatch.setattr(
        "error_sequence_model.training.gradients.logger.parent.propagate", True
    )

    def fail(model, **options):
        def call(**inputs):
            raise RuntimeError("no C++ compiler\nmore lines")

        return call

    expected = make_training().run()
    monkeypatch.setattr(torch, "compile", fail)
    run = make_training(compile=True)
    (row,) = run.run()
    assert row["train_loss"] == pytest.approx(expected[0]["train_loss"], abs=1e-5)
    warnings = [r for r in caplog.records if "cannot be compiled" in r.message]
    assert len(warnings) == 1 and "(no C++ compiler)" in warnings[0].message


@pytest.mark.parametrize(
    ("device", "epochs", "is_worth"),
    [("cuda", 1000, True), ("cuda", 3, False), ("cpu", 1000, False)],
)
def test_auto_compiles_long_runs_on_gpus(device, epochs, is_worth):
    run = make_training(epochs=epochs)
    assert run.gradients.forward is run.task.model
    run.gradients.device = torch.device(device)
    assert run.gradients.is_worth_compiling() == is_worth


@pytest.mark.parametrize("is_varlen", [False, True])
def test_passes_without_padding_have_the_gradients_of_padded_ones(
    monkeypatch, is_varlen
):
    """And nothing but real tokens; fixed to 1e-5 in float32, dropout left out."""

    def take_gradients() -> tuple[dict[str, torch.Tensor], StepSums]:
        train, held = make_tiny_datasets(24, shortest=20, longest=60)
        settings = TrainingSettings(batch_size=24, precision="fp32")
        task = FineTuning(make_tiny_classifier(**EXACT), train, held, settings)
        run = Training(task, CheckpointFolder(None, ""))
        assert (run.record["padding"] == "none") == task.can_pack
        step = np.arange(24)
        share = run.gradients.make_share(run._share(step, 0))
        sums = run.gradients.accumulate(share, task.sum_weights(step, [], None))
        named = task.model.named_parameters()
        return {name: p.grad for name, p in named if p.grad is not None}, sums

    seen = []
    if is_varlen:
        seen = use_exact_varlen(monkeypatch)
        monkeypatch.setattr(gradients, "find_padding_reason", lambda *_, **__: None)
    packed, without = take_gradients()
    assert bool(seen) == is_varlen
    monkeypatch.setattr(FineTuning, "can_pack", False)
    padded, with_padding = take_gradients()
    assert without.padded == without.real == with_padding.real < with_padding.padded
    assert without.loss == pytest.approx(with_padding.loss.item(), abs=1e-5)
    assert packed.keys() == padded.keys()
    for name, gradient in padded.items():
        torch.testing.assert_close(packed[name], gradient, atol=1e-5, rtol=1e-5)


def test_why_batches_are_padded_is_recorded_and_warned_of_where_it_was_asked_for(
    monkeypatch, caplog
):
    monkeypatch.setattr(gradients.logger.parent, "propagate", True)
    use_exact_varlen(monkeypatch)
    for kernel in ("auto", "varlen"):
        run = make_training(attention=kernel)
        assert run.record["padding"] == "float32, where bf16 or fp16 is needed"
    (warning,) = [r for r in caplog.records if "pads here" in r.message]
    assert "`training.attention: varlen` pads here: float32" in warning.message


def test_a_compiled_model_pads_on_a_cpu_and_not_on_a_gpu(monkeypatch):
    """There its attention goes by lengths that would be compiled one by one."""
    monkeypatch.setattr(torch, "compile", lambda model, **_: model)
    run = make_training(compile=True)
    assert run.record["padding"] == "the model is compiled"
    monkeypatch.setattr(gradients, "find_padding_reason", lambda *_, **__: None)
    run.gradients.device = torch.device("cuda")
    assert run.gradients._find_padding_reason() is None
