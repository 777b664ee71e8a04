"""What every script shares: logging on, user errors as one message, exit codes."""

from __future__ import annotations

import argparse
import errno
import json
import logging
import os
import sys
from collections.abc import Callable
from typing import Any

from error_sequence_model.core.errors import InputError, StoppedError
from error_sequence_model.core.logs import configure_logging

logger = logging.getLogger("error_sequence_model")

# What the machine refuses, and what to do.
_REFUSED = {
    errno.ENOSPC: "make room there, then run again; earlier results are as they were",
    errno.EDQUOT: "make room there, then run again; earlier results are as they were",
    errno.EROFS: "results are written below the working directory; choose another one",
}
# A path that leads nowhere, or to something of another kind.
_MISPLACED = (
    *(FileNotFoundError, PermissionError, IsADirectoryError),
    *(NotADirectoryError, FileExistsError),
)


def parse_json(text: str) -> Any:
    """Read a command-line value that is JSON (argparse ``type=``)."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {text!r} ({error})") from error


def run_step(main: Callable[[argparse.Namespace], None], arguments: Any) -> None:
    """Run one step of the workflow and exit.

    Args:
        main: The step; gets the parsed arguments.
        arguments: What ``argparse`` returned.

    An ``InputError`` (a missing file, a full disk) ends with its message and exit
    code 1, a ``StoppedError`` with code 75; any other exception is a defect and keeps
    its traceback.
    """
    configure_logging()
    try:
        main(arguments)
    except InputError as error:
        _stop(str(error))
    except StoppedError as error:
        logger.warning("%s", error)
        sys.exit(os.EX_TEMPFAIL)
    except _MISPLACED as error:
        _stop(f"{error.filename}: {error.strerror}")
    except OSError as error:
        if error.errno not in _REFUSED:
            raise
        place = f"{error.filename}: " if error.filename else ""
        reason = os.strerror(error.errno)
        _stop(f"{place}{reason}; {_REFUSED[error.errno]}")


def _stop(message: str) -> None:
    """Say why and exit; on the screen too where the log goes to a file."""
    logger.error("%s", message)
    if not os.path.sameopenfile(sys.stdout.fileno(), sys.stderr.fileno()):
        sys.stdout.write(f"ERROR: {message}\n")
    sys.exit(1)
