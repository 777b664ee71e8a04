"""Steps of the workflow run in this process, over the files of an earlier run."""

from __future__ import annotations

import importlib.util
import json
import logging
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from error_sequence_model.core import run_step
from tiny_calls import write_gtf, write_tracks
from tiny_genome import TinyGenome, make_tiny_genome

SCRIPTS = Path(__file__).resolve().parents[2] / "workflow" / "scripts"
# What an earlier run left: a step that refuses its input must not touch it.
EARLIER = b"of an earlier run\n"


class Inputs(NamedTuple):
    """Sound input of every step of the front end, and where its outputs go."""

    genome: TinyGenome
    folder: Path
    fasta: Path
    errors: Path
    annotation: Path
    out: Path


def write_inputs(folder: Path) -> Inputs:
    """Write a sound genome, error table and annotation into a folder."""
    genome = make_tiny_genome()
    return Inputs(
        genome,
        folder,
        genome.write_fasta(folder / "genome.fa"),
        genome.write_table(folder / "errors.tsv"),
        write_gtf(genome, folder / "genes.gtf"),
        folder / "out",
    )


def options_of(step: str, inputs: Inputs, changes: dict[str, Any]) -> dict[str, Any]:
    """The options of a step: those that would succeed, then the changes; None: none."""
    scores = None
    if step == "call" and "scores" not in changes:
        scores = write_tracks(inputs.genome, inputs.folder, "bigwig")
    options = {**list_options(step, inputs, scores), **changes}
    return {name: value for name, value in options.items() if value is not None}


def list_options(step: str, inputs: Inputs, scores: Any) -> dict[str, Any]:
    """The options of a step that would succeed."""
    out = inputs.out
    if step == "sites":
        return {
            "errors": inputs.errors,
            "genome": inputs.fasta,
            "sites": out / "sites.parquet",
            "audit": out / "audit.json",
        }
    if step == "call":
        return {
            "scores": scores,
            "genome": inputs.fasta,
            "annotation": inputs.annotation,
            "errors": out / "errors.tsv",
            "audit": out / "calls.json",
        }
    if step == "windows":
        return {
            "sites": inputs.folder / "sites.parquet",
            "genome": inputs.fasta,
            "upstream": 30,
            "downstream": 30,
            "windows": out / "windows.arrow",
        }
    if step == "tokens":
        return {
            "windows": inputs.folder / "windows.arrow",
            "backbone": {"architecture": "nucleotide_encoder"},
            "tokens": out / "tokens.arrow",
        }
    raise ValueError(step)


OUTPUTS = {
    "sites": ("sites", "audit"),
    "call": ("errors", "audit"),
    "windows": ("windows",),
    "tokens": ("tokens",),
}


@cache
def load_script(name: str) -> ModuleType:
    """Import a script by its path, as a module of its own."""
    place = SCRIPTS / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"step_{name}", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_here(step: str, options: dict[str, Any], monkeypatch: Any) -> int:
    """Run a step in this process; give its exit code."""
    words = [f"{step}.py"]
    for name, value in options.items():
        is_json = isinstance(value, (dict, list))
        text = json.dumps(value) if is_json else str(value)
        words += [f"--{name.replace('_', '-')}", text]
    monkeypatch.setattr(sys, "argv", words)
    module = load_script(step)
    log = logging.getLogger("error_sequence_model")
    before = log.handlers[:], log.level, log.propagate
    try:
        run_step(module.main, module.parse_arguments())
    except SystemExit as stop:
        return int(stop.code or 0)
    finally:
        log.handlers[:], log.level, log.propagate = before
    return 0


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its bytes, hidden ones too."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


class Refusal:
    """Runs steps that must refuse their input."""

    def __init__(self, inputs: Inputs, capfd: Any, monkeypatch: Any) -> None:
        self.inputs = inputs
        self._capfd = capfd
        self._monkeypatch = monkeypatch

    def __call__(self, step: str, *words: str, **changes: Any) -> str:
        """Run a step with some options changed; check how it refuses.

        Exit code 1, one message on both streams that holds all ``words``, no
        traceback, and the files of an earlier run as they were.
        """
        options = options_of(step, self.inputs, changes)
        self.inputs.out.mkdir(exist_ok=True)
        for name in OUTPUTS[step]:
            Path(options[name]).write_bytes(EARLIER)
        before = snapshot(self.inputs.out)
        self._capfd.readouterr()
        code = run_here(step, options, self._monkeypatch)
        output, log = self._capfd.readouterr()
        assert code == 1, f"exit code {code}\n{log}"
        assert "Traceback" not in log + output
        assert output.count("ERROR: ") == 1, output
        for word in words:
            assert word in output, f"{word!r} is not in:\n{output}"
        assert snapshot(self.inputs.out) == before
        return output


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    """Sound inputs in a folder of their own, to be spoilt."""
    return write_inputs(tmp_path)


@pytest.fixture
def refuse(inputs: Inputs, capfd: Any, monkeypatch: Any) -> Refusal:
    """Run a step on spoilt input and check how it refuses."""
    return Refusal(inputs, capfd, monkeypatch)
