"""Reading tab-separated files without a header: GTF, GFF3, BED and bedGraph.

Rows keep the number of their line (1-based) as index, so that messages can name it.
Lines that start with ``#``, ``track`` or ``browser`` and blank ones are no rows. Files
are read block by block; a caller that keeps little of each needs little memory.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from error_sequence_model.core import InputError
from error_sequence_model.tables.readers import refuse
from error_sequence_model.tables.streams import LONGEST_HEADER, is_parquet, open_stream

_NO_ROW = r"^(#|track[ \t]|browser |track$|browser$|\s*$)"
BLOCK = 1 << 24  # bytes read at once
LONGEST_LINE = 1 << 26  # bytes


def read_rows(
    path: str | Path, names: Mapping[int, str], *, what: str, optional: int = 0
) -> pd.DataFrame:
    """Read some fields of every row as text; see ``iterate_rows``."""
    parts = list(iterate_rows(path, names, what=what, optional=optional))
    if len(parts) == 1:
        return parts[0]
    empty = pd.DataFrame({name: [] for name in names.values()}, dtype="str")
    return pd.concat(parts) if parts else empty


def iterate_rows(
    path: str | Path, names: Mapping[int, str], *, what: str, optional: int = 0
) -> Iterator[pd.DataFrame]:
    """Read some fields of every row as text, block by block.

    Args:
        path: The file, plain or gzip by its content.
        names: Number of a field (0-based) -> name of its column.
        what: The kind of file, for messages.
        optional: So many of the last fields may be missing in the whole file.

    Yields:
        The columns, text with nulls; the index is the line.

    Raises:
        InputError: No such file, not text, or no row has so many fields.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file")
    needed = max(names) + 1 - optional
    n_lines = widest = 0
    try:
        with open_stream(path) as stream:
            for block in _cut_blocks(stream):
                lines = pa.array(block.split(b"\n"), pa.binary()).cast(pa.string())
                numbers = np.arange(n_lines + 1, n_lines + len(lines) + 1)
                n_lines += len(lines)
                is_row = pc.invert(pc.match_substring_regex(lines, _NO_ROW))
                rows = _split(lines.filter(is_row), names)
                rows.index = numbers[is_row.to_numpy(zero_copy_only=False)]
                if len(rows):
                    widest = max(widest, rows.attrs.pop("widest"))
                    yield rows
    except (pa.ArrowException, OSError, EOFError, ValueError, zlib.error) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: not a {what} file ({error})") from error
    if n_lines and widest < needed:
        raise InputError(
            f"{path}: not a {what} file (no row has {needed} fields separated by tabs)"
        )


def read_first_row(path: str | Path) -> list[str]:
    """Fields of the first line that is a row, [] if there is none (as in Parquet).

    Raises:
        InputError: No such file.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file")
    if is_parquet(path):
        return []
    try:
        with open_stream(path) as stream:
            while line := stream.readline(LONGEST_HEADER):
                text = line.decode("utf-8", "replace").rstrip("\r\n")
                if not re.match(_NO_ROW, text):
                    return text.split("\t")
    except (OSError, EOFError, zlib.error):
        pass  # who reads the file says so
    return []


def _cut_blocks(stream: BinaryIO) -> Iterator[bytes]:
    """Whole lines of about ``BLOCK`` bytes, without the last line's end."""
    rest = b""
    while chunk := stream.read(BLOCK):
        head, end, tail = chunk.rpartition(b"\n")
        if end:
            yield (rest + head).replace(b"\r\n", b"\n").removesuffix(b"\r")
            rest = tail
        else:
            rest += chunk
            if len(rest) > LONGEST_LINE:
                raise ValueError(f"a line is longer than {LONGEST_LINE >> 20} MiB")
    if rest:
        yield rest.replace(b"\r\n", b"\n").removesuffix(b"\r")


def _split(lines: pa.Array, names: Mapping[int, str]) -> pd.DataFrame:
    """Fields of rows by tabs; one that a row has not, or that is empty, is null."""
    fields = pc.split_pattern(lines, "\t", max_splits=max(names) + 1)
    widths = pc.list_value_length(fields).to_numpy(zero_copy_only=False)
    starts = fields.offsets.to_numpy()[:-1]
    values = fields.flatten()
    columns = {}
    for field, name in names.items():
        places = pa.array(starts + field, mask=widths <= field)
        column = values.take(places)
        is_empty = pc.equal(column, "")
        columns[name] = pc.if_else(is_empty, pa.scalar(None, pa.string()), column)
    rows = pa.table(columns).to_pandas() if len(lines) else pd.DataFrame(columns)
    rows.attrs["widest"] = int(widths.max(initial=0))
    return rows


def convert_intervals(
    rows: pd.DataFrame, path: str | Path, *, first: int, what: str
) -> pd.DataFrame:
    """Turn ``start`` and ``end`` into int64.

    Args:
        rows: From ``read_rows``.
        path: Their file, for the message.
        first: What the file calls a contig's first base, 0 or 1. From 0 on, an end is
            one past the last base, and start and end may be equal.
        what: The kind of file, for the message.

    Raises:
        InputError: Rows whose start or end is no whole number, lies before the first
            base or after the end; each with its line.
    """
    numbers = {name: _get_numbers(rows[name]) for name in ("start", "end")}
    is_bad = np.zeros(len(rows), dtype=bool)
    for values in numbers.values():
        # A number beyond 2**53 is no place on any contig, and not exact.
        is_bad |= ~(np.isfinite(values) & (values % 1 == 0) & (np.abs(values) < 2**53))
    is_bad |= ~(numbers["start"] >= first) | ~(numbers["end"] >= numbers["start"])
    if is_bad.any():
        problems = [
            (
                int(line),
                f"start {row.start!r} and end {row.end!r} are no interval; they must "
                f"be whole numbers, {first} ≤ start ≤ end",
            )
            for line, row in rows[is_bad].iterrows()
        ]
        refuse(path, problems, advice=f"Is it a {what} file? Correct the rows.")
    return rows.assign(**{name: v.astype(np.int64) for name, v in numbers.items()})


def convert_scores(rows: pd.DataFrame, path: str | Path) -> pd.DataFrame:
    """Turn ``score`` into float64.

    Raises:
        InputError: Scores that are no finite numbers, each with its line.
    """
    scores = _get_numbers(rows["score"])
    is_bad = ~np.isfinite(scores)
    if is_bad.any():
        problems = [
            (int(line), f"score is {row.score!r}; it must be a finite number")
            for line, row in rows[is_bad].iterrows()
        ]
        refuse(path, problems, advice="Correct the rows.")
    return rows.assign(score=scores)


def _get_numbers(column: pd.Series) -> np.ndarray:
    numbers = pd.to_numeric(column, errors="coerce")
    return numbers.to_numpy("float64", na_value=np.nan)
