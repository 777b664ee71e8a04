"""Several machines for one training: a launcher on each, which find one another.

SLURM starts the launchers: the job's first machine runs its own command once more, once
on every machine (a step over all of them), and there each launcher reads from its
environment which one it is and where the first one is. Whoever starts launchers by hand
sets the same variables.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from error_sequence_model.core.errors import InputError

STEP_SIZE = "SLURM_STEP_NUM_NODES"  # machines of the step that a process is in
GIVEN = "SLURM_JOB_NUM_NODES"
RANK = "SLURM_NODEID"
JOB = "SLURM_JOB_ID"
HOSTS = "SLURM_STEP_NODELIST"
FIRST_PORT, PORTS = 20_000, 20_000


def is_member(environment: Mapping[str, str], machines: int) -> bool:
    """Whether this launcher is one of those that were started on every machine."""
    return environment.get(STEP_SIZE) == str(machines)


def make_step(
    command: list[str],
    environment: Mapping[str, str],
    *,
    launcher: Path,
    machines: int,
    gpus: int,
    cpus: int,
) -> list[str]:
    """Words of the command that starts the launcher on every machine.

    Args:
        command: What the launchers are to run.
        environment: Of this process, in the job.
        launcher: The script that each machine runs.
        machines: Their number.
        gpus: Of the whole job.
        cpus: Of each machine.

    Raises:
        InputError: The job has fewer machines, or they cannot share the GPUs evenly.
    """
    # Snakemake's executor hides what it knows of the job; srun itself refuses then.
    is_hidden = GIVEN not in environment and JOB in environment
    given = machines if is_hidden else int(environment.get(GIVEN) or 1)
    if machines > given:
        raise InputError(
            f"training.nodes is {machines}, this job has {given} "
            f"({GIVEN}); several machines come from SLURM: use its profile, or set "
            "`training.nodes: 1`"
        )
    if gpus % machines:
        raise InputError(
            f"{machines} machines cannot share {gpus} GPUs evenly; set `training.gpus` "
            f"(and --resources gpu) to a multiple of `training.nodes`"
        )
    each = gpus // machines
    return [
        *("srun", "--overlap", "--kill-on-bad-exit=1", "--ntasks-per-node=1"),
        *(f"--nodes={machines}", f"--ntasks={machines}", f"--gpus-per-node={each}"),
        *(f"--cpus-per-task={cpus}", sys.executable, str(launcher)),
        *("--gpus", str(gpus), "--machines", str(machines), "--", *command),
    ]


def find_meeting(environment: Mapping[str, str], machines: int) -> list[str]:
    """Options of `accelerate launch` that say which machine this is, and who is first.

    Raises:
        InputError: A variable is missing.
    """
    missing = [name for name in (RANK, HOSTS) if not environment.get(name)]
    if missing:
        raise InputError(f"{', '.join(missing)} must tell this machine from the others")
    # "gpu[03-06,12]": the first one is gpu03, and SLURM counts from it.
    first = re.match(r"[^\[,]+(?:\[(\d+))?", environment[HOSTS])
    host = first.group().replace("[", "") if first else environment[HOSTS]
    job = int(environment.get(JOB) or 0)
    return [
        *("--num_machines", str(machines), "--machine_rank", environment[RANK]),
        *("--main_process_ip", host),
        *("--main_process_port", str(FIRST_PORT + job % PORTS)),
    ]
