"""What is found about the files of a config, and the lines that would mend it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from error_sequence_model.core import InputError

UNDERSTOOD, ODD, WRONG = "understood", "odd", "wrong"


class Finding(NamedTuple):
    """One thing that was found.

    Attributes:
        subject: The key of the config that it is about.
        kind: understood, odd or wrong.
        text: What was found.
        remedy: Lines of the config that would mend it; "" where none is known.
    """

    subject: str
    kind: str
    text: str
    remedy: str = ""


def write_lines(subject: str, settings: Mapping[str, Any]) -> str:
    """Lines of YAML that set keys of an entry of the config."""
    import yaml

    nested: Any = dict(settings)
    for key in reversed(subject.split(".")):
        nested = {key: nested}
    return yaml.safe_dump(nested, sort_keys=False, default_flow_style=None).rstrip()


def guard(
    subject: str,
    read: Callable[[], Iterator[Finding]],
    *,
    missing: Collection[str] = (),
    entry: str = "",
) -> Iterator[Finding]:
    """What reading finds, its warnings as odd and its refusal as wrong.

    Args:
        subject: The key of the config that is read.
        read: Reads it.
        missing: Keys of files that are not there; those of the subject are not read.
        entry: The entry of the config whose keys would mend it.
    """
    if any(f"{key}.".startswith(f"{subject}.") for key in missing):
        return
    with _collect_warnings() as warnings:
        try:
            yield from read()
        except InputError as error:
            remedy = write_lines(entry, error.settings) if error.settings else ""
            yield Finding(subject, WRONG, str(error), remedy)
        except OSError as error:
            yield Finding(subject, WRONG, f"{error.filename}: {error.strerror}")
    for text in dict.fromkeys(warnings):
        yield Finding(subject, ODD, text)


@contextmanager
def _collect_warnings() -> Iterator[list[str]]:
    """Gather the library's warnings; nothing of its log is printed meanwhile.

    An error of the log is left out: it is raised too, and names millions of rows.
    """
    gathered: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.addFilter(lambda record: record.levelno < logging.ERROR)
    handler.emit = lambda record: gathered.append(record.getMessage())  # type: ignore[method-assign]
    root = logging.getLogger("error_sequence_model")
    handlers, propagate = root.handlers[:], root.propagate
    root.handlers[:], root.propagate = [handler], False
    try:
        yield gathered
    finally:
        root.handlers[:], root.propagate = handlers, propagate
