"""Reading what earlier steps wrote; a damaged file says so, and how to mend it.

Every step writes whole files (see `files`), so these are sound unless a disk, a copy or
a hand damaged them: the remedy is always to remove the file and run again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from error_sequence_model.errors import InputError

if TYPE_CHECKING:
    import h5py
    import pandas as pd
    import pyarrow as pa

# What pyarrow, pandas and h5py raise on damaged files; MemoryError where a few bytes
# claim any number of rows. Arrow's own errors are ValueError, KeyError and the like.
DAMAGE = (
    *(OSError, ValueError, LookupError, TypeError, RuntimeError, EOFError),
    *(MemoryError, OverflowError, NotImplementedError, AttributeError),
)


@contextmanager
def refuse_damage(path: str | Path) -> Iterator[None]:
    """Turn what libraries raise on a damaged file into an ``InputError``.

    Raises:
        InputError: No such file, or it cannot be read.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file")
    try:
        yield
    except InputError:
        raise
    except DAMAGE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{path}: damaged or not what this workflow writes ({reason}); remove it "
            "and run again, the step that makes it will"
        ) from error


def read_saved_table(
    path: str | Path, columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """Read a table that an earlier step wrote, Parquet or TSV by its name.

    Args:
        path: The file.
        columns: Of a Parquet file, the columns to read; None: all.

    Raises:
        InputError: No such file, no such column, or it cannot be read.
    """
    import pandas as pd

    with refuse_damage(path):
        if Path(path).suffix == ".parquet":
            return pd.read_parquet(path, columns=columns and list(columns))
        try:
            return pd.read_csv(path, sep="\t")
        except pd.errors.EmptyDataError:
            # A table of no rows and no columns is one blank line.
            return pd.DataFrame()


def read_arrow(path: str | Path) -> pa.Table:
    """Memory-map an Arrow file that an earlier step wrote.

    Raises:
        InputError: No such file, or its parts do not lie where it says.
    """
    import pyarrow as pa

    with refuse_damage(path), pa.memory_map(str(path)) as source:
        table = pa.ipc.open_file(source).read_all()
        # Cheap: the buffers, and where values begin; not what is in them.
        table.validate()
        for column in table.columns:
            for chunk in column.chunks:
                _check_offsets(chunk)
    return table


def _check_offsets(values: pa.Array) -> None:
    """Refuse text and lists that would lie outside their file: reading them crashes."""
    import numpy as np
    import pyarrow as pa

    kind = values.type
    if pa.types.is_string(kind) or pa.types.is_binary(kind) or pa.types.is_list(kind):
        _, offsets, *data = values.buffers()
        end = values.offset + len(values) + 1
        places = np.frombuffer(offsets, np.int32)[values.offset : end]
        if pa.types.is_list(kind):
            size = len(values.values)
        else:
            size = data[0].size if data[0] else 0
        is_sound = len(places) == len(values) + 1 or not len(values)
        if not is_sound or (np.diff(places, prepend=0, append=size) < 0).any():
            raise ValueError("values lie outside the file")


@contextmanager
def open_hdf5(path: str | Path) -> Iterator[h5py.File]:
    """Open maps that an earlier step wrote.

    Raises:
        InputError: No such file, or it cannot be read, which may show only then.
    """
    import h5py

    with refuse_damage(path), h5py.File(path, "r") as file:
        yield file


def read_metadata(table: pa.Table, path: str | Path, *keys: str) -> dict[str, Any]:
    """Read whole numbers that an Arrow file says of itself.

    Raises:
        InputError: One is missing, or no number.
    """
    with refuse_damage(path):
        metadata = table.schema.metadata or {}
        return {key: int(metadata[key.encode()]) for key in keys}
