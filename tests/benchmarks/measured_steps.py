"""Steps of the workflow, each run in a process of its own and measured."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

SCRIPTS = Path(__file__).resolve().parents[2] / "workflow" / "scripts"


class Cost(NamedTuple):
    """What a step took.

    Attributes:
        seconds: On the clock.
        cpu_seconds: Of all processors together.
        megabytes: Its greatest memory, MiB. What this program held when it started the
            step counts as the least.
    """

    seconds: float
    cpu_seconds: float
    megabytes: float


def measure_step(name: str, *words: str | Path, cores: int | None = None) -> Cost:
    """Run a script of the workflow and measure it.

    Args:
        name: Of the script, without ``.py``.
        words: Of its command line.
        cores: Threads that it may use; None: as it likes.
    """
    threads = {} if cores is None else {"OMP_NUM_THREADS": str(cores)}
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, SCRIPTS / f"{name}.py", *words], env={**os.environ, **threads}
    )
    # Of this process alone: RUSAGE_CHILDREN has the greatest memory of all so far.
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{name} failed")
    return Cost(
        time.perf_counter() - start,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss / 1024,
    )
