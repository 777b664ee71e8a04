"""Whole files or none: every output is written beside its name, then renamed.

Reading says so where a file of an earlier step is damaged. Steps write whole files, so
these are sound unless a disk, a copy or a hand damaged them: the remedy is always to
remove the file and run again.
"""

from __future__ import annotations

import ctypes
import glob
import json
import math
import os
import platform
import shutil
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from error_sequence_model.core.errors import InputError

if TYPE_CHECKING:
    import h5py
    import pandas as pd
    import pyarrow as pa


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of ``path``; rename it on success.

    Args:
        path: The file (or folder) to be there at the end. Its folder is created.

    Yields:
        A path that does not exist yet. It may become a file or a folder. If the block
        raises, it is removed and an earlier ``path`` stays as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_remains(path)
    prefix = f".{path.name}.{_name_machine()}-{os.getpid()}-"
    holder = Path(tempfile.mkdtemp(prefix=prefix, dir=path.parent))
    temporary = holder / path.name
    try:
        yield temporary
        if temporary.is_dir() and path.is_dir():
            # A folder cannot be renamed over a full one.
            _exchange(temporary, path)
        else:
            temporary.replace(path)
    finally:
        shutil.rmtree(holder, ignore_errors=True)


@cache
def _name_machine() -> str:
    """Eight digits for what process numbers are unique in: a machine, a container."""
    try:
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        space = ""
    return f"{zlib.crc32(f'{platform.node()} {space}'.encode()):08x}"


def _remove_remains(path: Path) -> None:
    """Remove the temporary folders of this file whose process was killed."""
    for holder in path.parent.glob(f".{glob.escape(path.name)}.{_name_machine()}-*-*"):
        process = holder.name.split("-")[-2]
        if process.isdigit() and not _is_alive(int(process)):
            shutil.rmtree(holder, ignore_errors=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _exchange(new: Path, old: Path) -> None:
    """Let two folders change places, at once where the system can."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    if rename and not rename(here, os.fsencode(new), here, os.fsencode(old), exchange):
        return
    # For a moment the folder is missing: killed then, it lies beside its place.
    aside = new.with_name("previous")
    old.rename(aside)
    new.rename(old)
    aside.rename(new)


def _make_plain(value: Any, where: str) -> Any:
    """Turn numbers of numpy into Python's; refuse those that are not finite."""
    if isinstance(value, dict):
        return {key: _make_plain(v, f"{where}.{key}") for key, v in value.items()}
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_make_plain(v, f"{where}[{i}]") for i, v in enumerate(value)]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{where} is {value}; write null where there is no number")
    return value


def _is_infinite(value: Any) -> bool:
    return isinstance(value, (float, np.floating)) and bool(np.isinf(value))


def _refuse_infinite(frame: pd.DataFrame, path: str | Path) -> None:
    # NaN is how a table says that there is no number; infinity says nothing.
    numbers = frame.select_dtypes("floating")
    is_infinite = np.isinf(numbers.to_numpy("float64", na_value=np.nan)).any(axis=0)
    names = list(numbers.columns[is_infinite])
    for name, kind in frame.dtypes.items():
        if pd.api.types.is_object_dtype(kind) and any(map(_is_infinite, frame[name])):
            names.append(name)
    if names:
        raise ValueError(f"{Path(path).name}: infinite numbers in {', '.join(names)}")


def write_json(path: str | Path, content: Any) -> None:
    """Write JSON atomically, keys in the given order; NaN and infinity are refused.

    Args:
        path: The file to write.
        content: Plain Python values; numbers of numpy are turned into them.

    Raises:
        ValueError: A number is not finite (its place is named).
    """
    content = _make_plain(content, Path(path).name)
    with atomic_path(path) as temporary:
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises:
        InputError: The file is missing or is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise InputError(f"{path}: no such file") from error
    # Numbers of too many digits and brackets that never close are no JSON either.
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON ({error})") from error


def write_parquet(path: str | Path, frame: pd.DataFrame) -> None:
    """Write a table as Parquet, atomically and without the index.

    Raises:
        ValueError: A number is infinite (its column is named); NaN is a missing value.
    """
    _refuse_infinite(frame, path)
    with atomic_path(path) as temporary:
        frame.to_parquet(temporary, index=False)


def write_tsv(path: str | Path, frame: pd.DataFrame) -> None:
    """Write a small table for people as TSV, atomically and without the index.

    Raises:
        ValueError: A number is infinite (its column is named); NaN is a missing value.
    """
    _refuse_infinite(frame, path)
    with atomic_path(path) as temporary:
        frame.to_csv(
            temporary, sep="\t", index=False, float_format="%.6g", lineterminator="\n"
        )


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
