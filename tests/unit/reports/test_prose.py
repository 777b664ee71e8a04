"""Texts of the reports: all of them are used, filled in, and known to the rules."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from error_sequence_model.core import PACKAGE
from error_sequence_model.reports.prose import explain, tell

REPORTS = PACKAGE / "reports"
# Parts of other macros of the same file.
PARTS = {"maps", "share"}


@pytest.mark.parametrize(
    ("template", "call"), [("captions", "explain"), ("findings", "tell")]
)
def test_every_text_has_its_place(template, call):
    files = REPORTS.rglob("*.py")
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    called = set(re.findall(rf'\b{call}\(\s*"(\w+)"', text))
    defined = re.findall(r"{% macro (\w+)", read_source(template))
    assert set(defined) - PARTS == called


def read_source(template: str) -> str:
    path = REPORTS / "templates" / f"{template}.j2"
    return path.read_text(encoding="utf-8")


def test_rules_wait_for_every_template():
    rules = PACKAGE.parents[1] / "rules" / "helpers" / "results.smk"
    (names,) = re.findall(
        r"\"texts\": expand\(.*?name=(\[.*?\])", rules.read_text(encoding="utf-8"), re.S
    )
    named = set(re.findall(r'"([\w.]+)"', names))
    assert named == {Path(p).stem for p in (REPORTS / "templates").iterdir()}


def test_a_text_without_its_numbers_is_refused():
    with pytest.raises(UndefinedError):
        explain("motifs", error="FP")


def test_a_finding_is_parted_and_its_lines_are_joined():
    parts = tell("checks")
    assert len(parts) == 4 and not any("\n" in part or "¶" in part for part in parts)
