"""The header of a text table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from error_sequence_model.errors import InputError
from error_sequence_model.tables.streams import LONGEST_HEADER, open_stream


@dataclass(frozen=True)
class Header:
    """The line that names the columns.

    Attributes:
        names: Of the columns.
        skipped: Lines before it.
        has_rows: Whether anything follows it.
        is_quoted: Whether the names are in quotes.
    """

    names: list[str]
    skipped: int
    has_rows: bool
    is_quoted: bool


def read_header(path: Path, delimiter: str) -> Header:
    """Find the header of a text table, below its lines of ``##``.

    Args:
        path: TSV or CSV, plain or gzip.
        delimiter: What stands between two columns.

    Raises:
        InputError: There is none, or its line is endless.
    """
    skipped = 0
    with open_stream(path) as file:
        while raw := file.readline(LONGEST_HEADER):
            if len(raw) == LONGEST_HEADER:
                raise InputError(
                    f"{path}: line {skipped + 1} is longer than {LONGEST_HEADER} bytes;"
                    " not a table"
                )
            line = raw.decode("utf-8-sig")
            if not line.startswith("##"):
                given = line.rstrip("\r\n").lstrip("#").split(delimiter)
                names = [name.strip().strip('"') for name in given]
                # A table whose columns are named in quotes (as R writes it) has its
                # text in quotes; in any other a quote is a letter like others.
                is_quoted = given[0].strip()[:1] == '"'
                return Header(names, skipped, bool(file.peek(1)), is_quoted)
            skipped += 1
    raise InputError(f"{path}: the file is empty; a header line is needed")


def refuse_repeated(path: Path, names: list[str]) -> None:
    """Refuse columns that share a name, or have none."""
    repeated = sorted({n for n in names if names.count(n) > 1})
    if "" in repeated:
        raise InputError(
            f"{path}: {names.count('')} columns have no name; remove them, or name them"
        )
    if repeated:
        raise InputError(f"{path}: columns named more than once: {repeated}")
