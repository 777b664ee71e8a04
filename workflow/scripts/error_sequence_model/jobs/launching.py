"""Run the command of a job on leased GPUs, and pass a stop on to it."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
from types import FrameType
from typing import Any

import psutil

from error_sequence_model.errors import StoppedError
from error_sequence_model.jobs.leases import lease_cards

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_LOOKS = 1.0


def run_leased(command: list[str], *, gpus: int) -> int:
    """Run a command that starts the job, such as ``accelerate launch``.

    The launcher itself ignores SIGTERM, whoever sends it: it would end before its job
    has saved what it did. The job gets it instead, until it ends.

    Args:
        command: Words of the command line.
        gpus: GPUs that the job may use.

    Returns:
        The exit code of the command.

    Raises:
        StoppedError: SIGTERM came and the job ended of it.
        InputError: There are fewer GPUs than asked for.
    """
    is_stopped = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal is_stopped
        is_stopped = True

    with lease_cards(gpus, os.environ) as variables:
        previous: Any = signal.signal(signal.SIGTERM, note)
        # Locks are inherited, so that they last as long as any process of the job.
        child = subprocess.Popen(  # noqa: S603 - the rule's own command
            command,
            env={**os.environ, **variables},
            close_fds=False,
            preexec_fn=_ignore_stop,
        )
        try:
            while True:
                try:
                    code = child.wait(SECONDS_BETWEEN_LOOKS)
                    break
                except subprocess.TimeoutExpired:
                    if is_stopped:
                        _stop_job(child.pid)
        finally:
            signal.signal(signal.SIGTERM, previous)
    if is_stopped and code != 0:
        raise StoppedError(f"stopped by SIGTERM (exit code {code} of the job)")
    return code


def _ignore_stop() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _stop_job(launcher: int) -> None:
    """Send SIGTERM to the processes that a launcher has started."""
    try:
        for process in psutil.Process(launcher).children():
            process.terminate()
    except psutil.NoSuchProcess:
        logger.debug("the job has ended by itself")
