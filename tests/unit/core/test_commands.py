"""Steps: their command lines, and what users see when one fails."""

from __future__ import annotations

import argparse
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from error_sequence_model.core import PACKAGE, make_parser, parse_json, run_step


def run_script(
    tmp_path: Path, body: str, log: Path | None = None, options: str = ""
) -> subprocess.CompletedProcess:
    script = tmp_path / "step.py"
    script.write_text(
        "from error_sequence_model.core import run_step\n"
        "from error_sequence_model.core import InputError\n"
        f"def main(arguments):\n    {body}\nrun_step(main, None{options})\n"
    )
    with log.open("w") if log else nullcontext(subprocess.PIPE) as stderr:
        return subprocess.run(
            [sys.executable, str(script)],
            stdout=subprocess.PIPE,
            stderr=stderr,
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
def test_user_errors_are_in_the_log_and_on_the_screen(tmp_path, body, message) -> None:
    log = tmp_path / "step.log"
    done = run_script(tmp_path, body, log)
    assert done.returncode == 1
    assert message in log.read_text()
    assert message in done.stdout
    assert "Traceback" not in log.read_text()


def test_where_no_file_keeps_the_log_an_error_is_told_once(tmp_path) -> None:
    done = run_script(tmp_path, "raise InputError('row 3 is bad')")
    assert done.returncode == 1
    assert "row 3 is bad" in done.stderr
    assert not done.stdout
    log = tmp_path / "step.log"
    done = run_script(tmp_path, "raise InputError('no')", log, ", is_rule=False")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no" in log.read_text()


def test_defects_keep_their_traceback(tmp_path) -> None:
    done = run_script(tmp_path, "1 / 0")
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert "Traceback" in done.stderr
    assert run_script(tmp_path, "pass").returncode == 0


def test_what_is_loaded_is_not_searched_for_garbage(tmp_path) -> None:
    body = "import gc; print(gc.get_freeze_count() > 1000)"
    assert run_script(tmp_path, body).stdout.strip() == "True"


def test_json_arguments() -> None:
    assert parse_json('{"a": null}') == {"a": None}
    with pytest.raises(argparse.ArgumentTypeError, match="not JSON"):
        parse_json("{a: 1}")
    assert callable(run_step)


@pytest.mark.parametrize(
    "words",
    [
        ["protein_coding", "lncRNA"],
        ["protein_coding,lncRNA"],
        ['["protein_coding", "lncRNA"]'],
    ],
)
def test_biotypes_are_words_or_json(words) -> None:
    parser = make_parser("it", "biotypes")
    given = parser.parse_args(["--biotypes", *words])
    assert given.biotypes == ["protein_coding", "lncRNA"]
    assert parser.parse_args([]).biotypes is None


def test_biotypes_that_are_no_json_are_refused(capsys) -> None:
    with pytest.raises(SystemExit):
        make_parser("it", "biotypes").parse_args(["--biotypes", '["a"'])
    assert "--biotypes: not JSON" in capsys.readouterr().err


def test_a_parser_has_shared_options_own_ones_and_changed_ones(capsys) -> None:
    parser = make_parser(
        *("what it does", "sites", "seed", "contrast_name"),
        seed={"default": 7},
        truth="BED of causes",
    )
    words = ["--sites", "a.parquet", "--contrast-name", "fp_vs_tp"]
    given = vars(parser.parse_args([*words, "--truth", "b.bed"]))
    assert given == {
        "sites": Path("a.parquet"),
        "seed": 7,
        "contrast_name": "fp_vs_tp",
        "truth": Path("b.bed"),
    }
    assert parser.parse_args(words).truth is None
    with pytest.raises(SystemExit):
        parser.parse_args(words[2:])
    assert "required: --sites" in capsys.readouterr().err
