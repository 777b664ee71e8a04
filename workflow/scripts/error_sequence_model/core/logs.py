"""Logging and progress: a bar on a terminal, lines with count and rate in a file."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
logger = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 10.0


def configure_logging() -> None:
    """Send the package's log to standard error, one line per message with its time."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s", "%H:%M:%S")
    )
    root = logging.getLogger("error_sequence_model")
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    root.propagate = False


def get_progress(
    items: Iterable[Item], *, what: str, unit: str = "it"
) -> Iterator[Item]:
    """Pass the items through and tell how far the work is.

    On a terminal this is a bar. Elsewhere (a rule's log file) a line with count, total
    and rate is logged every ten seconds and at the end.

    Args:
        items: What to iterate over; its length, if it has one, is the total.
        what: The work, for the line: "training epoch 1/5".
        unit: What is counted: "sites", "batches".

    Yields:
        The items, unchanged.
    """
    total = len(items) if hasattr(items, "__len__") else None
    if sys.stderr.isatty():
        yield from tqdm(items, total=total, desc=what, unit=unit)
        return
    start = last = time.monotonic()
    count = 0
    for count, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - last >= SECONDS_BETWEEN_LINES:
            last = now
            _log_progress(what, count, total, now - start, unit)
    _log_progress(what, count, total, time.monotonic() - start, unit)


def _log_progress(
    what: str, count: int, total: int | None, seconds: float, unit: str
) -> None:
    of_total = f"/{total}" if total is not None else ""
    rate = count / seconds if seconds > 0 else 0.0
    logger.info("%s: %d%s %s, %.3g %s/s", what, count, of_total, unit, rate, unit)
