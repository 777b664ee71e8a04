"""Odd folders, no network, two workflows at once, a full disk, a read-only genome."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from error_sequence_model.simulation import simulate
from workflow_runs import ROOT, make_config, run_snakemake, start_snakemake

pytestmark = pytest.mark.workflow

SITES, WINDOWS = "results/sim/sites.parquet", "results/sim/windows.arrow"
SCORES = "results/sim/fn_vs_tp/donor/encoder/seed1/fold0/metrics.json"
ODD = 'it\'s a "$(touch hacked)" é; ü & co'


def can(*command: str) -> bool:
    """Whether a command works here at all."""
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, capture_output=True).returncode == 0


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")


def test_folders_of_any_name(small_input, tmp_path):
    folder = tmp_path / ODD
    shutil.copytree(small_input, folder / "input")
    config = make_config(folder / "input" / ".." / "input")
    done = run_snakemake(config, folder, WINDOWS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / WINDOWS).stat().st_size
    assert not list(tmp_path.rglob("hacked")) and not Path("hacked").exists()


@pytest.mark.skipif(
    not can("unshare", "--net", "true"), reason="no network namespace can be made here"
)
def test_no_network_is_needed(small_input, tmp_path):
    config = make_config(small_input)
    done = run_snakemake(config, tmp_path, SCORES, before=("unshare", "--net"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / SCORES).is_file()


def test_a_second_workflow_in_the_folder_is_refused(small_input, tmp_path):
    config = make_config(small_input)
    first = start_snakemake(config, tmp_path, SCORES)
    try:
        locks = tmp_path / ".snakemake" / "locks"
        until = time.monotonic() + 60
        while not (locks.is_dir() and list(locks.iterdir())):
            assert time.monotonic() < until and first.poll() is None
            time.sleep(0.1)
        second = run_snakemake(config, tmp_path, WINDOWS)
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.communicate()
    assert second.returncode != 0
    assert "cannot be locked" in second.stdout + second.stderr


@pytest.fixture
def sites(small_input, tmp_path) -> Path:
    """A genome without index and its sites, in a folder of their own."""
    shutil.copy(small_input / "genome.fa", tmp_path)
    done = run_script(
        *("sites.py", "--errors", small_input / "errors.tsv"),
        *("--genome", tmp_path / "genome.fa"),
        *("--sites", tmp_path / "sites.parquet", "--audit", tmp_path / "audit.json"),
    )
    assert done.returncode == 0, done.stderr
    return tmp_path


def run_script(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "workflow" / "scripts" / name, *arguments]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True)


def cut(folder: Path, windows: Path, size: int = 60) -> tuple[object, ...]:
    return (
        *("windows.py", "--sites", folder / "sites.parquet"),
        *("--genome", folder / "genome.fa", "--windows", windows),
        *("--upstream", size, "--downstream", size),
    )


def test_eight_jobs_on_a_genome_without_index(sites):
    scripts = ROOT / "workflow" / "scripts"
    jobs = []
    for number in range(8):
        name, *arguments = cut(sites, sites / f"{number}.arrow")
        command = [sys.executable, scripts / name, *arguments]
        jobs.append(subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE))
    for job in jobs:
        _, errors = job.communicate(timeout=200)
        assert job.returncode == 0, errors.decode()
    assert len({(sites / f"{n}.arrow").read_bytes() for n in range(8)}) == 1


def unmount(place: Path) -> None:
    """Takes a disk away as soon as the last process has let go of it."""
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A disk of 200 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = ("mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(place))
    if not can(*mounted):
        pytest.skip("no tmpfs can be mounted here")
    yield place
    unmount(place)


@needs_root
def test_a_full_disk_leaves_the_earlier_file(sites, small_disk):
    windows = small_disk / "windows.arrow"
    assert run_script(*cut(sites, windows, size=8)).returncode == 0
    before = windows.read_bytes()
    done = run_script(*cut(sites, windows, size=4000))
    assert done.returncode == 1
    assert "No space left on device; make room there" in done.stderr
    assert "Traceback" not in done.stderr
    assert windows.read_bytes() == before
    assert [path.name for path in small_disk.iterdir()] == ["windows.arrow"]
    # Read into memory: a file that is still mapped keeps its disk busy.
    assert pa.ipc.open_file(windows.read_bytes()).num_record_batches


@needs_root
def test_a_genome_that_cannot_be_written_beside(tmp_path):
    simulate(tmp_path / "input", seed=3, chromosomes=3, genes_per_chromosome=12)
    (tmp_path / "input" / "genome.fa.fai").unlink()
    folder = tmp_path / "fixed"
    folder.mkdir()
    if not can("mount", "--bind", "-o", "ro", str(tmp_path / "input"), str(folder)):
        pytest.skip("nothing can be mounted read-only here")
    try:
        with pytest.raises(OSError):
            (folder / "file").touch()
        done = run_snakemake(make_config(folder), tmp_path, WINDOWS)
    finally:
        unmount(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / WINDOWS).is_file() and (tmp_path / SITES).is_file()
