"""Reading tables of any origin as text: header, rows, and the line each came from.

TSV, CSV (plain, gzip or bgzip) and Parquet. ``.`` and the empty field are null. Lines
are 1-based and count the header, so they are what an editor shows; for Parquet they are
1-based row numbers.
"""

from __future__ import annotations

import logging
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq

from error_sequence_model.core import DAMAGE, InputError, list_problems
from error_sequence_model.tables.streams import LONGEST_HEADER, is_parquet, open_stream

logger = logging.getLogger(__name__)

NULLS = ("", ".")
# Also null, but only in a column whose other values are all numbers: NA may be a name.
NUMBER_NULLS = ("NA", "NaN", "nan", "NULL", "None")
MOST_ROWS = 500_000_000
BLOCK = 1 << 24  # bytes read at once


@dataclass(frozen=True)
class Table:
    """A table and where its rows stand in the file.

    Attributes:
        frame: The columns; text as ``str`` with nulls.
        lines: int64 ``(n_rows,)``, 1-based line (Parquet: row) of each row.
        problems: ``(line, message)`` of the rows that could not be read at all.
    """

    frame: pd.DataFrame
    lines: np.ndarray
    problems: tuple[tuple[int, str], ...] = ()


def read_table(path: str | Path) -> Table:
    """Read a TSV, CSV or Parquet file whole; see ``iterate_table``."""
    parts = list(iterate_table(path))
    if len(parts) == 1:
        return parts[0]
    return Table(
        pd.concat([part.frame for part in parts], ignore_index=True),
        np.concatenate([part.lines for part in parts]),
        parts[-1].problems,
    )


def iterate_table(path: str | Path) -> Iterator[Table]:
    """Read a TSV, CSV or Parquet file block by block.

    Args:
        path: The file; ``.parquet`` and ``.pq`` are Parquet, ``.csv[.gz]`` has commas,
            everything else tabs. A byte-order mark, CRLF line ends and, where the
            header is quoted, quoted fields are accepted.

    Yields:
        At least one table, without rows if there are none; every column of a text file
        is ``str``. ``problems`` are those of all blocks so far.

    Raises:
        InputError: No such file, not a table, truncated, or two columns of one name.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    yield from _iterate_parquet(path) if is_parquet(path) else _iterate_text(path)


def _iterate_parquet(path: Path) -> Iterator[Table]:
    n_rows = 0
    with open_parquet(path) as file:
        refuse_repeated(path, file.schema_arrow.names)
        groups = range(file.metadata.num_row_groups)
        for group in groups or [None]:
            table = file.read() if group is None else file.read_row_group(group)
            frame = _clean_parquet(table.to_pandas())
            yield Table(frame, np.arange(n_rows + 1, n_rows + len(frame) + 1))
            n_rows += len(frame)


def _clean_parquet(frame: pd.DataFrame) -> pd.DataFrame:
    # pandas hides a named index among the columns that the file has.
    named = [name for name in frame.index.names if name is not None]
    frame = frame.reset_index(named).reset_index(drop=True)
    for name in frame.columns:
        if isinstance(frame[name].dtype, pd.CategoricalDtype):
            frame[name] = frame[name].astype(frame[name].cat.categories.dtype)
        if pd.api.types.is_string_dtype(frame[name]):
            frame[name] = frame[name].mask(frame[name].isin(NULLS))
    return frame


@contextmanager
def open_parquet(path: str | Path) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file.

    Raises:
        InputError: No such file, damaged (which may show only while it is read), or of
            more rows than ``MOST_ROWS``: a few bytes can say any number.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file")
    try:
        with pq.ParquetFile(path) as file:
            if file.metadata.num_rows > MOST_ROWS:
                raise InputError(
                    f"{path}: {file.metadata.num_rows} rows; at most {MOST_ROWS} are "
                    "read at once, split the table"
                )
            yield file
    except InputError:
        raise
    except DAMAGE as error:
        raise InputError(f"{path}: not a readable Parquet file ({error})") from error


def _iterate_text(path: Path) -> Iterator[Table]:
    is_csv = path.name.lower().removesuffix(".gz").endswith(".csv")
    delimiter = "," if is_csv else "\t"
    bad: list[tuple[int, str]] = []

    def note(row: pc_csv.InvalidRow) -> str:
        if row.text.strip("\r\n"):
            bad.append(
                (
                    row.number,
                    f"{row.actual_columns} fields where the header has "
                    f"{row.expected_columns}: {row.text[:60]!r}",
                )
            )
        else:
            blank.append(row.number)
        return "skip"

    blank: list[int] = []
    try:
        header = read_header(path, delimiter)
        names, skipped = header.names, header.skipped
        refuse_repeated(path, names)
        nothing = pd.DataFrame(columns=names, dtype="str")
        if not header.has_rows:
            yield Table(nothing, np.zeros(0, np.int64))
            return
        with open_stream(path) as stream:
            blocks = pc_csv.open_csv(
                stream,
                # One thread: only then does the handler learn the line of a bad row.
                pc_csv.ReadOptions(
                    use_threads=False,
                    column_names=names,
                    skip_rows=skipped + 1,
                    block_size=BLOCK,
                ),
                pc_csv.ParseOptions(
                    delimiter=delimiter,
                    quote_char='"' if is_csv or header.is_quoted else False,
                    invalid_row_handler=note,
                    ignore_empty_lines=False,
                ),
                pc_csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()),
                    null_values=list(NULLS),
                    strings_can_be_null=True,
                ),
            )
            line, n_told = skipped + 2, -1
            for block in blocks:
                table = pa.Table.from_batches([block])
                _refuse_binary(path, table)
                others = {number for number, _ in bad} | {*blank}
                lines = np.arange(line, line + len(table) + len(others))
                lines = np.setdiff1d(lines, [*others])[: len(table)]
                frame = table.to_pandas()
                kept = ~frame.isna().all(axis=1).to_numpy()
                line = int(lines[-1]) + 1 if len(lines) else line
                frame = frame[kept].reset_index(drop=True)
                n_told = len(bad)
                yield Table(frame, lines[kept], tuple(bad))
            if n_told < len(bad) or n_told < 0:  # a block of bad rows alone, or none
                yield Table(nothing, np.zeros(0, np.int64), tuple(bad))
    except (pa.ArrowException, OSError, EOFError, ValueError, zlib.error) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: not a readable table ({error})") from error


def _refuse_binary(path: Path, table: pa.Table) -> None:
    """Refuse text with NUL characters: a damaged file, or not text at all."""
    for name in table.column_names:
        found = pc.any(pc.match_substring(table[name], "\0")).as_py()
        if found:
            raise InputError(
                f"{path}: column {name} holds NUL characters; the file is damaged, "
                "make it or copy it anew"
            )


def rename_columns(
    frame: pd.DataFrame,
    path: str | Path,
    *,
    required: Iterable[str],
    column_names: Mapping[str, str] | None = None,
    is_mapped: bool = True,
) -> pd.DataFrame:
    """Give a table's columns our names.

    Args:
        frame: The table as read.
        path: Its file, for the message.
        required: Our names that must be there.
        column_names: Our name -> the table's name, where they differ.
        is_mapped: Whether a setting can give them, for the message.

    Raises:
        InputError: A column is missing; the message lists those the table has.
    """
    mapping = dict(column_names or {})
    named = list(mapping.values())
    shared = sorted({name for name in named if named.count(name) > 1})
    if shared:
        raise InputError(
            f"{path}: `columns` gives {', '.join(map(repr, shared))} more than one "
            f"name: {mapping}; name each column of the table once"
        )
    absent = {ours: theirs for ours, theirs in mapping.items() if theirs not in frame}
    if absent:
        raise InputError(
            f"{path}: `columns` names what the table has not: {absent}; its columns "
            f"are {list(frame.columns)}"
        )
    # A column that already has our name but is not the one meant gives way.
    taken = [
        n
        for n in mapping
        if n in frame and mapping[n] != n and n not in mapping.values()
    ]
    renamed = frame.drop(columns=taken).rename(
        columns={theirs: ours for ours, theirs in mapping.items()}
    )
    required = list(required)
    missing = [name for name in required if name not in renamed]
    given = [f"{n!r} the name {ours!r}" for ours, n in mapping.items() if n in missing]
    if given:
        raise InputError(
            f"{path}: no column {', '.join(missing)}: `columns` gives "
            f"{', '.join(given)}; write it as {{our name: the table's name}}, with our "
            f"names {', '.join(required)}"
        )
    if missing:
        guesses = guess_columns(missing, list(frame.columns))
        raise InputError(
            f"{path}: no column {', '.join(missing)}; the table has "
            f"{list(frame.columns)}. "
            f"{_advise(list(frame.columns), missing, is_mapped=is_mapped)}",
            settings={"columns": guesses} if guesses and is_mapped else None,
        )
    return renamed


# Names that other tools give these columns, lower case, without spaces and _.
_OTHER_NAMES = {
    "chrom": ("chr", "chromosome", "seqnames", "seqname", "seqid", "contig"),
    "position": ("pos", "site", "coordinate", "genomicposition", "start", "bp"),
    "strand": ("orientation",),
    "splice_type": ("sitetype", "type", "splicesite", "splicesitetype", "ss"),
    "pred_type": (
        *("errortype", "class", "outcome", "confusion", "result", "label"),
        *("call", "calltype", "predictiontype"),
    ),
    "score": ("probability", "prob", "splicescore", "prediction", "pred"),
    "sequence": ("seq", "window", "dna"),
    "gene_id": ("gene", "geneid", "ensemblid", "locus"),
}


def guess_columns(missing: Iterable[str], columns: Iterable[str]) -> dict[str, str]:
    """Guess which columns of a table are meant: our name -> the table's.

    Args:
        missing: Our names that the table lacks.
        columns: Its columns.
    """
    plain = {re.sub(r"[^a-z0-9]", "", str(c).lower()): str(c) for c in columns}
    guesses: dict[str, str] = {}
    for name in missing:
        for other in (name.replace("_", ""), *_OTHER_NAMES.get(name, ())):
            if other in plain and plain[other] not in guesses.values():
                guesses[name] = plain[other]
                break
    return guesses


def _advise(columns: list[str], missing: list[str], *, is_mapped: bool) -> str:
    """Say what to do about missing columns: one column only is another delimiter."""
    if len(columns) == 1:
        for name, mark in (("tab", "\t"), ("comma", ","), ("semicolon", ";")):
            if mark in columns[0]:
                return (
                    f"It seems to have a {name} between its columns: a file named "
                    ".csv has commas, every other one tabs"
                )
    if not is_mapped:
        return "Rename its columns; no setting of the config maps those of this table"
    guesses = guess_columns(missing, columns) or {missing[0]: "name_in_the_table"}
    told = ", ".join(f"{ours}: {theirs}" for ours, theirs in guesses.items())
    return f"Map other names in the config, for example `columns: {{{told}}}`"


def convert_numbers(column: pd.Series) -> pd.Series:
    """Turn a text column into int64 or float64 if all its values are numbers.

    ``NA``, ``NaN`` and the like are null in such a column; in any other column they
    stay text, because a gene or a contig may be called that.
    """
    if not pd.api.types.is_string_dtype(column):
        return column
    as_null = column.mask(column.isin(NUMBER_NULLS))
    if as_null.isna().all():
        return column if column.isna().all() else as_null.astype("float64")
    sample = as_null.dropna().head(1000)
    if pd.to_numeric(sample, errors="coerce").isna().any():
        return column
    numbers = pd.to_numeric(as_null, errors="coerce")
    if numbers.isna().sum() > as_null.isna().sum():
        return column
    return numbers


def refuse(
    path: str | Path, problems: list[tuple[int, str]], *, advice: str
) -> NoReturn:
    """Stop with every problem of one file: the first 20 shown, all in the log.

    Args:
        path: The file.
        problems: ``(line, message)``.
        advice: What to do about it.

    Raises:
        InputError: Always.
    """
    lines = [f"row {line}: {text}" for line, text in sorted(problems)]
    if len(lines) > 20:
        logger.error("%s: all %d problems:\n%s", path, len(lines), "\n".join(lines))
    raise InputError(
        f"{path}: {len(lines)} problem(s); rows are line numbers, the header is row 1 "
        f"(Parquet: the first row is row 1). {advice}\n{list_problems(lines)}"
    )


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
    """Find the header of a text table, below its comments.

    A comment is a line of ``##``, or of ``#`` and no delimiter: ``#chrom`` may be the
    first name of a header.

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
            line = raw.decode("utf-8")
            _refuse_variants(path, line)
            is_comment = line[:1] == "#" and delimiter not in line
            if not line.startswith("##") and not is_comment:
                given = line.rstrip("\r\n").lstrip("#").split(delimiter)
                names = [name.strip().strip('"') for name in given]
                # A table whose columns are named in quotes (as R writes it) has its
                # text in quotes; in any other a quote is a letter like others.
                is_quoted = given[0].strip()[:1] == '"'
                return Header(names, skipped, bool(file.peek(1)), is_quoted)
            skipped += 1
    raise InputError(f"{path}: the file is empty; a header line is needed")


def _refuse_variants(path: Path, line: str) -> None:
    """Refuse what tells how variants change scores: VCF and JSON."""
    found = "a VCF of variants" if line.startswith("##fileformat=VCF") else ""
    found = "JSON" if line.lstrip()[:1] in {"{", "["} else found
    if found:
        raise InputError(
            f"{path}: {found}, no table. SpliceAI and Pangolin tell there how variants "
            "change their scores; what is needed are the scores of every base of the "
            "reference sequence (a table, bigWig or bedGraph), see docs/own-data.md"
        )


def refuse_repeated(path: Path, names: list[str]) -> None:
    """Refuse columns that share a name, or have none."""
    repeated = sorted({n for n in names if names.count(n) > 1})
    if "" in repeated:
        raise InputError(
            f"{path}: {names.count('')} columns have no name; remove them, or name them"
        )
    if repeated:
        is_data = any(name.replace(".", "", 1).isdigit() for name in repeated)
        hint = "; the first line looks like data: is the header missing?" * is_data
        raise InputError(f"{path}: columns named more than once: {repeated}{hint}")
