from __future__ import annotations

import multiprocessing
import os
import signal
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from error_sequence_model.attribution import MapPlan, plan_maps
from error_sequence_model.attribution.files import hash_plan, stream_maps
from error_sequence_model.results import read_maps
from tiny_models import EXACT, draw_sequences, make_tiny_classifier
from tiny_models import make_tiny_datasets as make_datasets

ATTRIBUTES = {"method": "a method", "upstream": 20}


def make_plan(method: str = "in_silico_mutagenesis", **options: object) -> MapPlan:
    model = make_tiny_classifier(**EXACT).eval()
    _, dataset = make_datasets(24, shortest=30, longest=40)
    lengths = dataset.lengths
    rng = np.random.default_rng(0)
    sequences = [draw_sequences(rng, 1, n, n)[0] for n in lengths]
    settings = {"window_length": 40, "baseline": "mask", "core": 5, "seed": 1}
    plan = plan_maps(
        model, dataset, method, sequences=sequences, **{**settings, **options}
    )
    order = np.argsort(lengths, kind="stable")
    return replace(plan, batches=np.array_split(order, 4))


def write(path: Path, plan: MapPlan) -> None:
    stream_maps(path, plan.request.dataset.site_ids, plan, ATTRIBUTES)


def read_all(path: Path) -> tuple[dict[str, bytes], dict[str, str]]:
    with h5py.File(path) as file:
        values = {name: data[()].tobytes() for name, data in file.items()}
        return values, {name: str(value) for name, value in file.attrs.items()}


class Stop:
    """A method that makes some batches, then does something else."""

    def __init__(self, plan: MapPlan, batches: int, then) -> None:
        self.method, self.left, self.then, self.made = plan.method, batches, then, 0

    def __call__(self, request, indices):
        if self.left == 0:
            self.then()
        self.left -= 1
        self.made += 1
        return self.method.explain(request, indices)


def stop_after(plan: MapPlan, batches: int, then) -> tuple[MapPlan, Stop]:
    stop = Stop(plan, batches, then)
    return replace(plan, method=replace(plan.method, explain=stop)), stop


def kill_oneself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("batches", [0, 1, 3])
def test_a_killed_process_goes_on_where_it_was(tmp_path, batches) -> None:
    plan = make_plan()
    write(tmp_path / "whole.h5", plan)
    path = tmp_path / "maps" / "stopped.h5"
    killed, _ = stop_after(plan, batches, kill_oneself)
    process = multiprocessing.get_context("fork").Process(
        target=write, args=(path, killed)
    )
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert not path.exists()
    assert [file.name for file in path.parent.iterdir()] == [".stopped.h5.partial"]
    resumed, counted = stop_after(plan, -1, None)
    write(path, resumed)
    assert counted.made == len(plan.batches) - batches
    assert read_all(path) == read_all(tmp_path / "whole.h5")
    assert [file.name for file in path.parent.iterdir()] == ["stopped.h5"]


@pytest.mark.parametrize("flushes", [1, 3, 5, 6])
def test_a_process_killed_while_it_writes_leaves_no_wrong_maps(
    tmp_path, monkeypatch, flushes
) -> None:
    plan = make_plan()
    write(tmp_path / "whole.h5", plan)
    path = tmp_path / "stopped.h5"
    count = iter(range(1, 1000))
    flush = h5py.File.flush

    def write_until(path: Path, plan: MapPlan) -> None:
        def flush_or_die(file: h5py.File) -> None:
            if next(count) == flushes:
                kill_oneself()
            flush(file)

        monkeypatch.setattr(h5py.File, "flush", flush_or_die)
        write(path, plan)

    process = multiprocessing.get_context("fork").Process(
        target=write_until, args=(path, plan)
    )
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    write(path, plan)
    assert read_all(path) == read_all(tmp_path / "whole.h5")


def test_partial_maps_of_other_settings_are_not_used(tmp_path, caplog) -> None:
    path = tmp_path / "maps.h5"

    def fail() -> None:
        raise KeyboardInterrupt

    stopped, _ = stop_after(make_plan(), 2, fail)
    with pytest.raises(KeyboardInterrupt):
        write(path, stopped)
    assert (tmp_path / ".maps.h5.partial").exists()
    plan, counted = stop_after(make_plan(seed=2), -1, None)
    write(path, plan)
    assert counted.made == len(plan.batches)
    (tmp_path / ".maps.h5.partial").write_bytes(b"half a file")
    plan, counted = stop_after(make_plan(), -1, None)
    write(path, plan)
    assert counted.made == len(plan.batches)


def test_the_hash_heeds_settings_weights_sites_and_bases() -> None:
    plan = make_plan()
    hashes = {hash_plan(plan, ATTRIBUTES)}
    assert hashes == {hash_plan(make_plan(), dict(ATTRIBUTES))}
    for other in (
        make_plan(seed=2),
        make_plan(core=6),
        make_plan("integrated_gradients"),
        make_plan("integrated_gradients", baseline="mean"),
        make_plan(window_length=41),
        replace(plan, request=replace(plan.request, sequences=["A"] * 12)),
        replace(
            plan,
            request=replace(
                plan.request, dataset=plan.request.dataset.select(np.arange(11))
            ),
        ),
    ):
        hashes.add(hash_plan(other, ATTRIBUTES))
    changed = make_plan()
    next(iter(changed.request.model.parameters())).data[0] += 1e-3
    hashes.add(hash_plan(changed, ATTRIBUTES))
    hashes.add(hash_plan(plan, {**ATTRIBUTES, "upstream": 21}))
    assert len(hashes) == 10


def test_what_the_file_holds(tmp_path) -> None:
    plan = make_plan()
    write(tmp_path / "ism.h5", plan)
    with h5py.File(tmp_path / "ism.h5") as file:
        assert set(file) == {"site_id", "attributions", "logit", "substitutions"}
        assert file["substitutions"].shape == (12, 40, 4)
        assert file["attributions"].dtype == file["substitutions"].dtype == np.float32
        mean = -file["substitutions"][:].sum(axis=2) / 3
        assert np.allclose(file["attributions"][:], mean, atol=1e-6)
        assert file.attrs["upstream"] == 20
    maps = read_maps(tmp_path / "ism.h5")
    for number, rows in enumerate(plan.batches):
        made = plan.make_maps(number).attributions
        assert np.array_equal(maps.to_numpy()[rows], made)
    write(tmp_path / "ig.h5", make_plan("integrated_gradients"))
    with h5py.File(tmp_path / "ig.h5") as file:
        names = {"site_id", "attributions", "logit"}
        assert set(file) == names | {"baseline_logit", "completeness_error"}


def test_nan_is_not_written(tmp_path) -> None:
    plan = make_plan("saliency")
    next(iter(plan.request.model.head.parameters())).data[:] = np.nan
    with pytest.raises(ValueError, match="saliency: attributions holds NaN"):
        write(tmp_path / "maps.h5", plan)
    assert not (tmp_path / "maps.h5").exists()
