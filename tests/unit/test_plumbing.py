from __future__ import annotations

import argparse
import json
import logging
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
    find_sources,
    hash_sources,
    list_problems,
    logs,
    parse_json,
    provenance,
    read_json,
    read_saved_table,
    run_step,
    sources,
    write_json,
    write_parquet,
    write_tsv,
)
from error_sequence_model.reports import describe_results
from error_sequence_model.splits import summarise_audits


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
from error_sequence_model.files import atomic_path
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


def run_script(tmp_path: Path, body: str) -> subprocess.CompletedProcess:
    script = tmp_path / "step.py"
    script.write_text(
        "from error_sequence_model.jobs.commands import run_step\n"
        "from error_sequence_model.errors import InputError\n"
        f"def main(arguments):\n    {body}\nrun_step(main, None)\n"
    )
    return subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(PACKAGE.parent)},
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise InputError('row 3 is bad')", "row 3 is bad"),
        ("open('/nowhere/x.tsv')", "/nowhere/x.tsv: No such file"),
        ("open('/etc/passwd/x.tsv')", "/etc/passwd/x.tsv: Not a directory"),
        ("import os; os.mkdir('/etc/passwd')", "/etc/passwd: File exists"),
        ("raise OSError(28, 'full', 'a.h5')", "a.h5: No space left on device; make"),
        ("raise OSError(30, 'fixed', 'a.h5')", "a.h5: Read-only file system; results"),
    ],
)
def test_user_errors_are_one_message_on_both_streams(tmp_path, body, message) -> None:
    done = run_script(tmp_path, body)
    assert done.returncode == 1
    assert message in done.stderr
    assert message in done.stdout
    assert "Traceback" not in done.stderr


def test_defects_keep_their_traceback(tmp_path) -> None:
    done = run_script(tmp_path, "1 / 0")
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert "Traceback" in done.stderr
    assert run_script(tmp_path, "pass").returncode == 0


def test_json_arguments() -> None:
    assert parse_json('{"a": null}') == {"a": None}
    with pytest.raises(argparse.ArgumentTypeError, match="not JSON"):
        parse_json("{a: 1}")
    assert callable(run_step)


def test_problems_are_counted_beyond_the_shown() -> None:
    text = list_problems([f"line {i}" for i in range(25)], shown=3)
    assert text.splitlines()[-1] == "  … and 22 more"
    assert len(text.splitlines()) == 4


def test_progress_passes_items_through_and_logs_count_and_rate(
    caplog, monkeypatch
) -> None:
    monkeypatch.setattr(logs.logger.parent, "propagate", True)
    caplog.set_level(logging.INFO)
    assert list(logs.get_progress(range(3), what="work", unit="sites")) == [0, 1, 2]
    assert "work: 3/3 sites" in caplog.text
    assert list(logs.get_progress(iter("ab"), what="more")) == ["a", "b"]
    assert "more: 2 it" in caplog.text


def test_sources_follow_imports_and_leave_the_plumbing_out() -> None:
    scripts = PACKAGE.parent
    names = {
        p.relative_to(PACKAGE).as_posix() for p in find_sources(scripts / "train.py")
    }
    assert {"training.py", "classifier.py"} <= names
    assert {"optimisation/groups.py", "optimisation/batching.py"} <= names
    assert "backbones/stem.py" in names
    assert not names & {"jobs/logs.py", "errors.py", "files.py", "provenance.py"}
    assert "reports.py" not in names
    assert "training.py" not in {p.name for p in find_sources(scripts / "windows.py")}


def test_hash_of_sources_follows_their_content(tmp_path, monkeypatch) -> None:
    package = tmp_path / "toy"
    package.mkdir()
    monkeypatch.setattr(sources, "PACKAGE", package)
    monkeypatch.setattr(sources, "PLUMBING", frozenset())

    def hash_with(module: str) -> str:
        (package / "one.py").write_text(module)
        (package / "other.py").write_text("changed = " + repr(module))
        (tmp_path / "step.py").write_text("import toy.one")
        sources._read_imports.cache_clear()
        hash_sources.cache_clear()
        return hash_sources(tmp_path / "step.py")

    first = hash_with("a = 1")
    assert hash_with("a = 2") != first
    assert hash_with("a = 1") == first  # whatever its time, and what is not imported


def test_sources_of_every_script_exist() -> None:
    for script in PACKAGE.parent.glob("*.py"):
        found = find_sources(script)
        assert all(path.is_file() for path in found)
        assert found == sorted(set(found))


def test_importing_the_package_needs_no_torch() -> None:
    code = "import sys, error_sequence_model.settings; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(PACKAGE.parent)},
        check=True,
    )
    assert done.stdout.strip() == "False"


def test_provenance_names_versions_hardware_and_hashes(tmp_path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert provenance.hash_file(tmp_path / "a") == digest
    assert {"python", "torch", "transformers"} <= set(provenance.get_versions())
    hardware = provenance.get_hardware()
    assert hardware["cores"] >= 1
    json.dumps(hardware)


def write_audit(root: Path, passed: bool) -> Path:
    path = root / "net" / "fp_vs_tp" / "donor" / "leakage.json"
    counts = {"train": {"error": 3, "correct": 4}, "validation": {"error": 1}}
    counts["test"] = {"error": 2, "correct": 2}
    fold = {"counts": counts, "removed_from_training": 5}
    write_json(path, {"folds": {"0": fold}, "passed": passed})
    return path


def test_audits_are_gathered_and_a_leak_stops(tmp_path) -> None:
    (row,) = summarise_audits([write_audit(tmp_path, True)])
    assert row == {
        "predictor": "net",
        "contrast": "fp_vs_tp",
        "splice_type": "donor",
        "fold": "0",
        "train": 7,
        "validation": 1,
        "test": 4,
        "removed_from_training": 5,
        "passed": True,
    }
    with pytest.raises(InputError, match="share sites"):
        summarise_audits([write_audit(tmp_path, False)])


def test_results_in_a_few_lines(tmp_path) -> None:
    with pytest.raises(InputError, match="run the workflow"):
        list(describe_results(tmp_path, "net"))
    row = dict.fromkeys(["auprc", "auprc_low", "auprc_high"], 0.5)
    row |= dict.fromkeys(["auroc", "auroc_low", "auroc_high"], 0.75)
    row |= {"model": "encoder", "kind": "backbone", "prevalence": 0.25}
    row |= {"against": "kmers", "delta_auprc": 0.125}
    write_tsv(
        tmp_path / "net" / "fp_vs_tp" / "donor" / "comparison.tsv",
        pd.DataFrame([row, {**row, "model": "kmers", "kind": "baseline"}]),
    )
    report = tmp_path / "reports" / "net" / "overview.pdf"
    report.parent.mkdir(parents=True)
    report.touch()
    text = "\n".join(describe_results(tmp_path, "net"))
    assert "AUROC 0.75 [0.75, 0.75]" in text
    assert "kmers: +0.12 AUPRC" in text
    assert str(report) in text
    assert text.count("AUPRC 0.50") == 1, "baselines are in the table only"
