"""A training on several machines: who starts whom, and what is refused before work."""

from __future__ import annotations

from pathlib import Path

import pytest

from error_sequence_model.core import InputError
from error_sequence_model.core.machines import find_meeting, make_step

IN_JOB = {"SLURM_JOB_NUM_NODES": "2", "SLURM_JOB_ID": "7"}
# All that Snakemake's executor leaves of it for a job of several machines.
HIDDEN = {"SLURM_JOB_ID": "7"}
LAUNCHER = {"launcher": Path("launch.py"), "cpus": 8}
COMMAND = ["accelerate", "launch", "train.py"]


@pytest.mark.parametrize("environment", [IN_JOB, HIDDEN])
def test_the_first_machine_starts_a_launcher_on_each(environment) -> None:
    step = make_step(COMMAND, environment, machines=2, gpus=8, **LAUNCHER)
    assert step[0] == "srun" and step[-3:] == COMMAND
    told = {"--nodes=2", "--ntasks=2", "--gpus-per-node=4", "--cpus-per-task=8"}
    assert told <= set(step)
    words = " ".join(step)
    assert "launch.py --gpus 8 --machines 2 -- accelerate launch train.py" in words


@pytest.mark.parametrize(
    ("machines", "gpus", "environment", "words"),
    [
        (3, 6, IN_JOB, "training.nodes is 3, this job has 2"),
        (2, 2, {}, "training.nodes is 2, this job has 1"),
        (2, 3, IN_JOB, "2 machines cannot share 3 GPUs evenly"),
    ],
)
def test_machines_that_are_not_there_are_told_before_work(
    machines: int, gpus: int, environment: dict[str, str], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        make_step(COMMAND, environment, machines=machines, gpus=gpus, **LAUNCHER)


@pytest.mark.parametrize(
    ("hosts", "first"),
    [
        ("gpu[03-06,12]", "gpu03"),
        ("gpu7", "gpu7"),
        ("a1,b2", "a1"),
        ("10.0.0.5", "10.0.0.5"),
    ],
)
def test_machines_meet_at_the_first(hosts: str, first: str) -> None:
    environment = {
        "SLURM_NODEID": "1",
        "SLURM_STEP_NODELIST": hosts,
        "SLURM_JOB_ID": "20005",
    }
    words = " ".join(find_meeting(environment, 2))
    assert words == (
        f"--num_machines 2 --machine_rank 1 --main_process_ip {first} "
        "--main_process_port 20005"
    )
    with pytest.raises(InputError, match="SLURM_NODEID"):
        find_meeting({"SLURM_STEP_NODELIST": hosts}, 2)
