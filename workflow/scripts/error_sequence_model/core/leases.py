"""Leases of GPUs on one machine: no two jobs share a card, none waits for ever.

Snakemake counts GPUs but does not say which: without this all local jobs would use the
first one. A card is leased by a lock on a file of its name, which the kernel releases
when the last process that holds it ends, however it ends. Within an allocation of SLURM
cards are leased among those that it made visible: several local jobs may share one.

The job's command runs as a child on the leased cards; a stop is passed on to it.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

from error_sequence_model.core.errors import InputError, StoppedError
from error_sequence_model.core.machines import find_meeting, is_member, make_step

logger = logging.getLogger(__name__)

VISIBLE = "CUDA_VISIBLE_DEVICES"
SECONDS_BETWEEN_TRIES = 0.2
# Set by SLURM, which numbers the cards of every allocation from 0.
ALLOCATION = "SLURM_JOB_ID"


@contextmanager
def lease_cards(
    count: int, environment: Mapping[str, str], *, folder: Path | None = None
) -> Iterator[dict[str, str]]:
    """Lease cards for the duration of a block.

    Args:
        count: GPUs that the job may use; 0 hides them all from it.
        environment: Of this process. Where it has CUDA_VISIBLE_DEVICES, only cards
            named there are taken; an allocation without it keeps what it has.
        folder: Of the locks; by default one that all users of the machine share.

    Yields:
        The variables to set for the job.

    Raises:
        InputError: There are fewer cards than asked for.
    """
    if count == 0:
        yield {VISIBLE: ""}
        return
    allocation = environment.get(ALLOCATION)
    if allocation and VISIBLE not in environment:
        yield {}
        return
    cards = list_cards(environment)
    if not cards and count == 1:
        logger.warning("no GPU found: running on the CPU (`--resources gpu=0` says so)")
        yield {}
        return
    if len(cards) < count:
        raise InputError(
            f"{count} GPUs are asked for, this machine has {len(cards)} "
            f"({', '.join(cards) or 'none'}); run with --resources gpu={len(cards)}"
        )
    if count > 1 and any(card.startswith("MIG-") for card in cards):
        raise InputError(
            f"{count} GPUs are asked for; a job can use one part of a GPU (MIG: "
            f"{', '.join(cards)}), not several; set `training.gpus: 1`"
        )
    folder = folder or get_lock_folder()
    if allocation:
        # The same number is another card in another allocation.
        folder /= f"allocation-{allocation}"
    with ExitStack() as locks:
        leased = _lock_cards(cards, count, folder, locks)
        logger.info("leased GPU %s", ", ".join(leased))
        yield {VISIBLE: ",".join(leased)}


def list_cards(environment: Mapping[str, str]) -> list[str]:
    """Name the GPUs that may be used: those made visible, else all, by their UUIDs.

    A UUID means the same to every program; a number does not: CUDA and the driver count
    in different orders. Of a card in parts (MIG) the parts are named.
    """
    if VISIBLE in environment:
        named = [card.strip() for card in environment[VISIBLE].split(",")]
        # As CUDA reads it: what follows an invalid entry is not visible.
        return named[: next((i for i, c in enumerate(named) if c in ("", "-1")), None)]
    try:
        listed = subprocess.run(
            ["nvidia-smi", "-L"],  # noqa: S607
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    cards: list[str] = []
    for name in re.findall(r"\(UUID: ([^)\s]+)\)", listed):
        # The first part stands in the place of its whole card.
        if name.startswith("MIG-") and cards and cards[-1].startswith("GPU-"):
            cards.pop()
        cards.append(name)
    return cards


def get_lock_folder() -> Path:
    """The folder of the locks, which every user of the machine may use; made if new."""
    folder = Path(tempfile.gettempdir()) / "splice-error-analysis-gpus"
    try:
        folder.mkdir()
        folder.chmod(0o1777)
    except FileExistsError:
        pass
    return folder


def _lock_cards(
    cards: list[str], count: int, folder: Path, locks: ExitStack
) -> list[str]:
    """Wait for ``count`` free cards and lock them.

    Only the job at the gate takes cards, and it keeps those it has while it waits for
    more: jobs with several cards neither starve nor block each other.
    """
    folder.mkdir(parents=True, exist_ok=True)
    leased: dict[str, int] = {}
    last_word = time.monotonic()
    with ExitStack() as gate:
        _enter(_open(folder / "gate.lock"), gate, wait=True)
        while True:
            for card in cards:
                if card in leased or len(leased) == count:
                    continue
                file = _open(folder / f"{card.replace('/', '_')}.lock")
                if _enter(file, locks, wait=False):
                    leased[card] = file
            if len(leased) == count:
                return sorted(leased, key=cards.index)
            if time.monotonic() - last_word > 60:
                last_word = time.monotonic()
                logger.info("waiting for %d free GPU(s)", count - len(leased))
            time.sleep(SECONDS_BETWEEN_TRIES)


def _open(path: Path) -> int:
    """Open a lock file, of whichever user; a file descriptor."""
    try:
        # Without O_CREAT: the kernel may forbid it on another user's file.
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        file = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        os.fchmod(file, 0o644)
        return file


def _enter(file: int, stack: ExitStack, *, wait: bool) -> bool:
    """Lock an open file until the stack closes; False if it is locked by another."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(file)
        return False
    # The processes of the job hold the lock too: it lasts as long as any of them.
    os.set_inheritable(file, True)
    stack.callback(os.close, file)
    return True


SECONDS_BETWEEN_LOOKS = 1.0


def run_leased(
    command: list[str], *, gpus: int, machines: int = 1, cpus: int = 1
) -> int:
    """Run a command that starts the job, such as ``accelerate launch``.

    The launcher itself ignores SIGTERM, whoever sends it: it would end before its job
    has saved what it did. The job gets it instead, until it ends.

    Args:
        command: Words of the command line.
        gpus: GPUs that the job may use, on all machines together.
        machines: On how many it runs; each has a launcher of its own (see `machines`).
        cpus: Processors of each machine, where there are several.

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

    lease: AbstractContextManager[dict[str, str]] = nullcontext({})
    if machines == 1:
        lease = lease_cards(gpus, os.environ)
    elif is_member(os.environ, machines):
        lease = lease_cards(gpus // machines, os.environ)
        command = [*command[:2], *find_meeting(os.environ, machines), *command[2:]]
    else:
        command = make_step(
            command,
            os.environ,
            launcher=Path(sys.argv[0]).resolve(),
            machines=machines,
            gpus=gpus,
            cpus=cpus,
        )
    with lease as variables:
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
