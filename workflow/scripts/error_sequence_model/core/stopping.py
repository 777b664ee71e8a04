"""A stop from outside: a cluster that takes its machine back sends SIGTERM.

Training then finishes its step, saves a checkpoint and ends with `StoppedError`; the
next run of the same command goes on from there.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self

from error_sequence_model.core.errors import StoppedError


class StopRequest:
    """Notes SIGTERM while it is entered; the handler before is put back at the end.

    Only the main thread of a process can do so; in others nothing is noted.

    Attributes:
        is_made: Whether a stop was asked for.
    """

    def __init__(self) -> None:
        self.is_made = False
        self._raises = False
        self._previous: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGTERM, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGTERM, self._previous)
            self._previous = None

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.is_made = True
        if self._raises:
            raise StoppedError("stopped by SIGTERM")

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """In this block, which must change nothing that is saved, a stop raises.

        Raises:
            StoppedError: A stop was asked for, before or within the block.
        """
        self._raises = True
        try:
            if self.is_made:
                raise StoppedError("stopped by SIGTERM")
            yield
        finally:
            self._raises = False
