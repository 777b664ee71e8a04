"""The exceptions of this package: what a user can mend, and a stop from outside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


class InputError(ValueError):
    """Bad input: a file, a row, a value or a setting.

    The message says what was given (file, row, value), what is allowed and where to
    change it. Scripts print it without a traceback and exit with code 1.

    Attributes:
        settings: Keys of the config's entry that the error is about, with the values
            that would mend it, where they are known.
    """

    def __init__(self, message: str, *, settings: Mapping[str, Any] | None = None):
        super().__init__(message)
        self.settings = dict(settings or {})


class StoppedError(RuntimeError):
    """The system asked the process to end; what was done so far is kept.

    Scripts exit with code 75 (``EX_TEMPFAIL``: try again): the next run goes on.
    """


def list_few(names: Sequence[str], most: int = 5) -> str:
    """Name the first ones in one line, and say how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def list_problems(problems: Iterable[str], *, shown: int = 20) -> str:
    """Join the problems of one file into one message.

    Args:
        problems: One line per problem.
        shown: How many to spell out; the rest is counted.

    Returns:
        The first ``shown`` problems, one per line, and the number left out.
    """
    lines = list(problems)
    text = "\n".join(f"  - {line}" for line in lines[:shown])
    left = len(lines) - shown
    return f"{text}\n  … and {left} more" if left > 0 else text
