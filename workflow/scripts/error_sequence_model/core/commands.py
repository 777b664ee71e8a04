"""What every script shares: its command line, logs, user errors as one message."""

from __future__ import annotations

import argparse
import atexit
import errno
import gc
import json
import logging
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
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


class _Words(argparse.Action):
    """A list: words, with or without commas, or JSON as rules write it."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: Any = None):
        try:
            parts = [parse_json(v) if v[:1] == "[" else v.split(",") for v in values]
        except argparse.ArgumentTypeError as error:
            parser.error(f"argument {option}: {error}")
        setattr(namespace, self.dest, [str(word) for part in parts for word in part])


def _make_file(meaning: str | None = None) -> dict[str, Any]:
    return {"type": Path, "required": True, "help": meaning}


def _make_json(meaning: str, **more: Any) -> dict[str, Any]:
    return {"type": parse_json, "default": {}, "help": f"{meaning}, JSON", **more}


# What stands in several command lines, by name.
OPTIONS: dict[str, dict[str, Any]] = {
    "sites": _make_file("sites.parquet"),
    "windows": _make_file("windows.arrow"),
    "split": _make_file("split.parquet"),
    "features": _make_file("features.parquet"),
    "tokens": _make_file("token store"),
    "leakage": _make_file("the audit, JSON"),
    "audit": _make_file("audit.json"),
    "errors": _make_file("error table"),
    "predictions": _make_file(),
    "output": _make_file(),
    "run": _make_file("the run folder"),
    "runs": {"type": Path, "nargs": "+", "required": True, "help": "run folders"},
    "maps": {"type": Path, "nargs": "+", "required": True, "help": "attributions/*.h5"},
    "checkpoints": {"type": Path, "help": "kept until the run is done"},
    "results": {"type": Path, "default": Path("results"), "help": "of the workflow"},
    "predictor": {"required": True, "help": "name of the predictor"},
    "contrast_name": {"required": True},
    "contrast": {"type": parse_json, "help": "its definition, JSON"},
    "splice_type": {"required": True, "choices": ("donor", "acceptor", "any")},
    "fold": {"type": int, "required": True},
    "seed": {"type": int, "default": 1},
    "draws": {"type": int, "default": 2000, "help": "bootstrap samples"},
    "coordinate_base": {"type": int, "choices": (0, 1), "default": 1},
    "biotypes": {
        **{"nargs": "+", "action": _Words, "metavar": "NAME"},
        "help": "of the gene bodies, such as protein_coding; without it all",
    },
    "site_base": {"choices": ("exon", "intron"), "default": "exon"},
    "genome": {"type": Path, "help": "FASTA, plain or bgzip"},
    "aliases": {"type": Path, "help": "other names of the contigs, a table"},
    "annotations": _make_json("[[prefix, path, smallest intron, …], …]", default=[]),
    "backbone": _make_json("its entry", required=True, default=None),
    "settings": _make_json("fields of the settings"),
    "training": _make_json("training settings"),
    "explanation": _make_json("explanation settings"),
    "pretraining": _make_json("pretraining settings"),
    "splits": _make_json("split settings"),
}
# What every step of a run is told, and every step that explains it.
RUN = (
    *("sites", "split", "tokens", "contrast_name", "contrast"),
    *("fold", "training", "run"),
)
EXPLAINED_RUN = (*RUN, "windows", "explanation", "output")


def make_parser(
    description: str | None, *shared: str, **own: dict[str, Any] | str
) -> argparse.ArgumentParser:
    """Make the parser of a script.

    Args:
        description: What the script does: its docstring.
        *shared: Names in `OPTIONS`.
        **own: What `add_argument` is told of options that are the script's own, or
            otherwise than in `OPTIONS`; a text alone: what an optional file holds.
    """
    parser = argparse.ArgumentParser(description=description)
    for name in dict.fromkeys((*shared, *own)):
        mine = own.get(name, {})
        mine = {"type": Path, "help": mine} if isinstance(mine, str) else mine
        options = {**OPTIONS.get(name, {}), **mine}
        parser.add_argument(f"--{name.replace('_', '-')}", **options)
    return parser


def run_step(
    main: Callable[[argparse.Namespace], None], arguments: Any, *, is_rule: bool = True
) -> None:
    """Run one step of the workflow and exit.

    Args:
        main: The step; gets the parsed arguments.
        arguments: What ``argparse`` returned.
        is_rule: Whether a rule runs it, so that its log is a file that nobody sees;
            False for what people run.

    An ``InputError`` (a missing file, a full disk) ends with its message and exit
    code 1, a ``StoppedError`` with code 75; any other exception is a defect and keeps
    its traceback.
    """
    configure_logging()
    # Modules are no garbage: with torch's, the last search at exit takes a third of a
    # second, and each one before it as long.
    gc.freeze()
    atexit.register(gc.freeze)
    try:
        main(arguments)
    except InputError as error:
        message = str(error)
    except StoppedError as error:
        logger.warning("%s", error)
        sys.exit(os.EX_TEMPFAIL)
    except _MISPLACED as error:
        message = f"{error.filename}: {error.strerror}"
    except OSError as error:
        if error.errno not in _REFUSED:
            raise
        place = f"{error.filename}: " if error.filename else ""
        message = f"{place}{os.strerror(error.errno)}; {_REFUSED[error.errno]}"
    else:
        return
    logger.error("%s", message)
    if is_rule and _keeps_log():
        sys.stdout.write(f"ERROR: {message}\n")
    sys.exit(1)


def _keeps_log() -> bool:
    """Whether the log goes to a file, and the screen is another place."""
    out, log = sys.stdout.fileno(), sys.stderr.fileno()
    is_file = stat.S_ISREG(os.fstat(log).st_mode)
    return is_file and not os.path.sameopenfile(out, log)
