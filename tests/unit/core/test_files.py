from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from error_sequence_model.core import (
    PACKAGE,
    InputError,
    atomic_path,
    files,
    read_json,
    read_saved_table,
    write_json,
    write_parquet,
    write_tsv,
)


def test_a_file_is_whole_or_not_there(tmp_path) -> None:
    path = tmp_path / "new" / "a.txt"
    with atomic_path(path) as temporary:
        temporary.write_text("first")
        assert not path.exists()
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "first"
    with atomic_path(path) as temporary:
        temporary.write_text("second")
    assert path.read_text() == "second"
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]


KILLED = """
import os, signal, sys
from error_sequence_model.core import atomic_path
with atomic_path(sys.argv[1]) as temporary:
    temporary.write_text("half")
    print(temporary.parent.name, flush=True)
    if sys.argv[2] == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    sys.stdin.read()
"""


def start_writer(path: Path, end: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path), end],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": str(PACKAGE.parent)},
    )


def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path) -> None:
    path, other = tmp_path / "a[1].json", tmp_path / "a[1].json.b"
    killed = [start_writer(name, "killed") for name in (path, other)]
    alive = start_writer(path, "waits")
    remains = [run.stdout.readline().decode().strip() for run in (*killed, alive)]
    assert [run.wait(60) for run in killed] == [-9, -9]
    assert not path.exists()
    assert {p.name for p in tmp_path.iterdir()} == set(remains)
    write_json(path, {"whole": True})
    # The writer that lives keeps its folder, and other files their remains.
    assert {p.name for p in tmp_path.iterdir()} == {path.name, *remains[1:]}
    alive.communicate(timeout=60)
    assert path.read_text() == "half", "the last to finish wins, with a whole file"
    write_json(other, {})
    assert {p.name for p in tmp_path.iterdir()} == {path.name, other.name}


def test_folders_are_replaced_whole(tmp_path) -> None:
    for name in ("one", "two"):
        with atomic_path(tmp_path / "model") as temporary:
            temporary.mkdir()
            (temporary / name).touch()
    assert [p.name for p in (tmp_path / "model").iterdir()] == ["two"]
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_folders_are_replaced_where_the_system_cannot_exchange(
    tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(files.ctypes, "CDLL", lambda *_, **__: None)
    test_folders_are_replaced_whole(tmp_path)


def test_infinite_numbers_are_no_table(tmp_path) -> None:
    frame = pd.DataFrame({"x": [1.0, float("inf")], "y": ["a", "b"]})
    for write in (write_tsv, write_parquet):
        with pytest.raises(ValueError, match=r"table: infinite numbers in x"):
            write(tmp_path / "table", frame)
    frame = pd.DataFrame({"z": [None, "a", np.float32("inf")]}, dtype=object)
    with pytest.raises(ValueError, match="infinite numbers in z"):
        write_parquet(tmp_path / "table", frame)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, float])
@pytest.mark.parametrize("text", ["nan", "inf", "-inf"])
def test_no_kind_of_number_without_a_value_is_written(tmp_path, kind, text) -> None:
    place = tmp_path / "a.json"
    for content in ({"x": [{"y": kind(text)}]}, {"x": [{"y": [kind(text)]}]}):
        with pytest.raises(ValueError, match=rf"a\.json\.x\[0\]\.y.* is {text}"):
            write_json(place, content)
    with pytest.raises(ValueError, match=r"a\.json\.x\[1\] is"):
        write_json(place, {"x": np.array([0, text], np.float32)})
    assert not list(tmp_path.iterdir())


def test_numbers_of_numpy_are_written_as_numbers(tmp_path) -> None:
    content = {"a": np.float32(0.5), "b": np.int64(3), "c": np.bool_(True)}
    write_json(tmp_path / "a.json", {**content, "d": np.arange(2), "e": (1, "x")})
    found = read_json(tmp_path / "a.json")
    assert found == {"a": 0.5, "b": 3, "c": True, "d": [0, 1], "e": [1, "x"]}


def test_json_keeps_order_and_refuses_nan_with_its_place(tmp_path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"b": 1, "a": [1.5, None]})
    assert list(read_json(path)) == ["b", "a"]
    with pytest.raises(ValueError, match=r"a\.json\.x\[1\] is nan"):
        write_json(path, {"x": [0.0, float("nan")]})
    assert read_json(path)["b"] == 1
    path.write_text("{")
    with pytest.raises(InputError, match="not JSON"):
        read_json(path)
    with pytest.raises(InputError, match="no such file"):
        read_json(tmp_path / "b.json")


def test_tables_have_no_index(tmp_path) -> None:
    frame = pd.DataFrame({"x": [1.23456789, None], "y": ["a", "b"]}, index=[5, 6])
    write_tsv(tmp_path / "a.tsv", frame)
    assert (tmp_path / "a.tsv").read_bytes() == b"x\ty\n1.23457\ta\n\tb\n"
    write_parquet(tmp_path / "a.parquet", frame)
    assert list(pd.read_parquet(tmp_path / "a.parquet").columns) == ["x", "y"]


def test_saved_tables_are_read_back_and_damage_is_told(tmp_path) -> None:
    frame = pd.DataFrame({"x": [1.5, None], "y": ["a", "b"]})
    for name, write in (("a.tsv", write_tsv), ("a.parquet", write_parquet)):
        with pytest.raises(InputError, match="no such file"):
            read_saved_table(tmp_path / name)
        write(tmp_path / name, frame)
        assert read_saved_table(tmp_path / name).equals(frame)
    parquet = tmp_path / "a.parquet"
    assert list(read_saved_table(parquet, ("y",)).columns) == ["y"]
    with pytest.raises(InputError, match="remove it and run again"):
        read_saved_table(parquet, ["z"])
    parquet.write_bytes(parquet.read_bytes()[:-9])
    with pytest.raises(InputError, match="remove it and run again"):
        read_saved_table(parquet)
    # Nothing found is a result too.
    write_tsv(tmp_path / "none.tsv", pd.DataFrame())
    assert read_saved_table(tmp_path / "none.tsv").empty
