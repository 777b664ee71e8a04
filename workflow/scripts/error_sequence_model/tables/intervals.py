"""Reading tab-separated files without a header: GTF, GFF3, BED and bedGraph.

Rows keep the number of their line (1-based) as index, so that messages can name it.
Lines that start with ``#``, ``track`` or ``browser`` and blank ones are no rows.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from error_sequence_model.core import InputError
from error_sequence_model.tables.readers import refuse
from error_sequence_model.tables.streams import open_stream

_NO_ROW = ("#", "track ", "track\t", "browser ")


def read_rows(
    path: str | Path, names: Mapping[int, str], *, what: str, optional: int = 0
) -> pd.DataFrame:
    """Read some fields of every row as text.

    Args:
        path: The file, plain or gzip by its content.
        names: Number of a field (0-based) -> name of its column.
        what: The kind of file, for messages.
        optional: So many of the last fields may be missing in the whole file.

    Returns:
        The columns, text with nulls; the index is the line.

    Raises:
        InputError: No such file, not text, or no row has so many fields.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file")
    width = max(names) + 1
    for count in range(width, width - optional - 1, -1):
        chosen = {field: name for field, name in names.items() if field < count}
        try:
            with open_stream(path) as stream:
                rows = pd.read_csv(
                    stream,
                    sep="\t",
                    names=list(range(count)),
                    usecols=list(chosen),
                    dtype="str",
                    quoting=3,
                    skip_blank_lines=False,
                    na_filter=True,
                    keep_default_na=False,
                    na_values=[""],
                )
            break
        except pd.errors.EmptyDataError:
            rows = pd.DataFrame({field: [] for field in chosen}, dtype="str")
            break
        except (OSError, EOFError, ValueError, zlib.error) as error:
            if isinstance(error, InputError):
                raise
            reason = str(error)
            is_narrow = "columns specified" in reason or "Usecols" in reason
            if is_narrow and count > width - optional:
                continue
            if is_narrow:
                reason = f"no row has {count} fields separated by tabs"
            raise InputError(f"{path}: not a {what} file ({reason})") from error
    rows.index = np.arange(1, len(rows) + 1)
    first = rows[min(chosen)]
    is_row = first.notna() & ~first.str.startswith(_NO_ROW, na=False)
    rows = rows[is_row & ~first.isin(["track", "browser"])]
    return rows.rename(columns=names).reindex(columns=list(names.values()))


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
