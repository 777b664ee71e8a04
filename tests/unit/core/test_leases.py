from __future__ import annotations

import itertools
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from error_sequence_model.core import InputError, leases
from error_sequence_model.core.leases import lease_cards, list_cards

ROOT = Path(__file__).parents[3]
SCRIPTS = ROOT / "workflow" / "scripts"

# Says that it is there, takes cards, says which, holds them for a while, says so again.
JOB = """
import json, sys, time
from pathlib import Path
from error_sequence_model.core.leases import lease_cards
folder, count, cards, seconds = json.loads(sys.argv[1])
print("{}", flush=True)
with lease_cards(count, {"CUDA_VISIBLE_DEVICES": cards}, folder=Path(folder)) as given:
    start = time.monotonic()
    print(json.dumps({**given, "start": start}), flush=True)
    time.sleep(seconds)
    print(json.dumps({"end": time.monotonic()}), flush=True)
"""


def start_job(
    folder: Path, count: int, *, cards: str = "a,b", seconds: float = 0.3
) -> subprocess.Popen[str]:
    arguments = json.dumps([str(folder), count, cards, seconds])
    return subprocess.Popen(
        [sys.executable, "-c", JOB, arguments],
        env={**os.environ, "PYTHONPATH": str(SCRIPTS)},
        stdout=subprocess.PIPE,
        text=True,
    )


def finish(job: subprocess.Popen[str]) -> tuple[list[str], float, float]:
    lines = [json.loads(line) for line in job.communicate(timeout=120)[0].splitlines()]
    assert job.returncode == 0
    return (
        lines[-2]["CUDA_VISIBLE_DEVICES"].split(","),
        lines[-2]["start"],
        lines[-1]["end"],
    )


def test_racing_jobs_never_share_a_card(tmp_path) -> None:
    jobs = [start_job(tmp_path, 1) for _ in range(8)]
    spans: dict[str, list[tuple[float, float]]] = {}
    for job in jobs:
        (card,), start, end = finish(job)
        spans.setdefault(card, []).append((start, end))
    assert set(spans) <= {"a", "b"}
    assert sum(map(len, spans.values())) == 8
    for times in spans.values():
        times.sort()
        assert all(end <= start for (_, end), (start, _) in itertools.pairwise(times))


def test_jobs_with_several_cards_do_not_block_each_other(tmp_path) -> None:
    jobs = [start_job(tmp_path, count, seconds=0.1) for count in (2, 1, 2, 1, 2)]
    for job, count in zip(jobs, (2, 1, 2, 1, 2), strict=True):
        assert len(set(finish(job)[0])) == count


def test_the_kernel_takes_the_lock_of_a_dead_job_back(tmp_path) -> None:
    killed = start_job(tmp_path, 2, seconds=600)
    killed.stdout.readline()
    killed.stdout.readline()
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    with lease_cards(2, {"CUDA_VISIBLE_DEVICES": "a,b"}, folder=tmp_path) as given:
        assert given == {"CUDA_VISIBLE_DEVICES": "a,b"}


def test_a_job_holds_its_card_after_its_launcher_was_killed(tmp_path) -> None:
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("SLURM")},
        "CUDA_VISIBLE_DEVICES": "a",
        "TMPDIR": str(tmp_path),
    }
    launcher = subprocess.Popen(
        [
            *(sys.executable, str(SCRIPTS / "launch.py"), "--gpus", "1", "--"),
            *("bash", "-c", "echo $$ $CUDA_VISIBLE_DEVICES; exec sleep 600"),
        ],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    job, card = launcher.stdout.readline().split()
    assert card == "a"
    launcher.kill()
    launcher.wait()
    folder = tmp_path / "splice-error-analysis-gpus"
    waiting = start_job(folder, 1, cards="a", seconds=0)
    waiting.stdout.readline()
    time.sleep(1)
    assert waiting.poll() is None, "the card was given away under a running job"
    os.kill(int(job), signal.SIGKILL)
    assert finish(waiting)[0] == ["a"]


@pytest.mark.parametrize(
    ("count", "environment", "expected"),
    [
        (0, {}, {"CUDA_VISIBLE_DEVICES": ""}),
        # An allocation that names no cards keeps what SLURM gave it.
        (1, {"SLURM_JOB_ID": "7"}, {}),
        (
            1,
            {"SLURM_JOB_ID": "7", "CUDA_VISIBLE_DEVICES": "0,1"},
            {"CUDA_VISIBLE_DEVICES": "0"},
        ),
        (0, {"SLURM_JOB_ID": "7"}, {"CUDA_VISIBLE_DEVICES": ""}),
        (2, {"CUDA_VISIBLE_DEVICES": "5,7"}, {"CUDA_VISIBLE_DEVICES": "5,7"}),
        (1, {"CUDA_VISIBLE_DEVICES": "5,7"}, {"CUDA_VISIBLE_DEVICES": "5"}),
        (1, {"CUDA_VISIBLE_DEVICES": "GPU-1a"}, {"CUDA_VISIBLE_DEVICES": "GPU-1a"}),
        (1, {"CUDA_VISIBLE_DEVICES": ""}, {}),
    ],
)
def test_what_a_job_is_told(
    tmp_path, count: int, environment: Mapping[str, str], expected: dict[str, str]
) -> None:
    with lease_cards(count, environment, folder=tmp_path) as given:
        assert given == expected


def test_more_cards_than_there_are_is_an_error_and_not_a_long_wait(tmp_path) -> None:
    with (
        pytest.raises(InputError, match=r"2 GPUs are asked for.*has 1 \(3\).*gpu=1"),
        lease_cards(2, {"CUDA_VISIBLE_DEVICES": "3"}, folder=tmp_path),
    ):
        pytest.fail("leased")


def test_local_jobs_of_one_allocation_share_no_card(tmp_path) -> None:
    """`salloc` and a local snakemake: each job takes one of the visible cards."""
    inside = {"SLURM_JOB_ID": "7", "CUDA_VISIBLE_DEVICES": "MIG-a,MIG-b"}
    # Another allocation has a card 0 as well, which is another card.
    numbered = [{"SLURM_JOB_ID": n, "CUDA_VISIBLE_DEVICES": "0"} for n in ("8", "9")]
    with ExitStack() as stack:
        given = [
            stack.enter_context(lease_cards(1, environment, folder=tmp_path))
            for environment in (inside, inside, *numbered)
        ]
    cards = [one["CUDA_VISIBLE_DEVICES"] for one in given]
    assert cards == ["MIG-a", "MIG-b", "0", "0"]


def test_parts_of_a_card_do_not_add_up(tmp_path) -> None:
    parts = {"CUDA_VISIBLE_DEVICES": "MIG-a,MIG-b"}
    with (
        pytest.raises(InputError, match="one part of a GPU"),
        lease_cards(2, parts, folder=tmp_path),
    ):
        pytest.fail("leased")


def test_cards_are_named_by_uuid(tmp_path, monkeypatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(
        """#!/bin/sh
echo 'GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-1a)'
echo 'GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-2b)'
echo '  MIG 3g.20gb     Device  0: (UUID: MIG-3c)'
echo '  MIG 3g.20gb     Device  1: (UUID: MIG-4d)'
"""
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert list_cards({}) == ["GPU-1a", "MIG-3c", "MIG-4d"]
    assert list_cards({"CUDA_VISIBLE_DEVICES": "1, 0,-1,3"}) == ["1", "0"]
    program.write_text("#!/bin/sh\nexit 9\n")
    assert list_cards({}) == []


def test_locks_are_open_to_all_users(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(leases.tempfile, "gettempdir", lambda: str(tmp_path))
    with lease_cards(1, {"CUDA_VISIBLE_DEVICES": "a"}):
        folder = tmp_path / "splice-error-analysis-gpus"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o1777
        assert stat.S_IMODE((folder / "a.lock").stat().st_mode) == 0o644


def test_the_exit_code_of_the_command_is_kept() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / "launch.py"), "--gpus", "0", "--", "false"]
    )
    assert done.returncode == 1
