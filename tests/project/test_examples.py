"""The examples in the library's docstrings say what comes out."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
# Functions that a reader of the library meets first.
FIRST = {
    "calling": ("find_threshold", "match_calls"),
    "genome": (
        *("extract_window", "get_junctions", "get_positions", "get_window_starts"),
        *("normalise_contig", "reverse_complement"),
    ),
    "settings": ("label_sites", "parse_contrast"),
    "splits": ("assign_parts",),
    "statistics": (
        *("choose_threshold", "compute_auprc", "compute_auroc", "compute_ece"),
        *("estimate_odds_ratio", "get_interval"),
    ),
    "tokenizers": ("centre_tokens", "junction_tokens", "project_to_bases"),
    "windows": ("get_regions", "make_windows"),
}


def find_modules() -> list[str]:
    files = sorted((SCRIPTS / "error_sequence_model").rglob("*.py"))
    return [
        ".".join(path.relative_to(SCRIPTS).with_suffix("").parts)
        for path in files
        if ">>> " in path.read_text(encoding="utf-8")
    ]


@pytest.mark.parametrize("name", find_modules())
def test_examples_are_exact(name: str) -> None:
    failed, tried = doctest.testmod(import_module(name))
    assert tried and not failed


@pytest.mark.parametrize("package", FIRST)
def test_what_a_reader_meets_first_has_an_example(package: str) -> None:
    face = import_module(f"error_sequence_model.{package}")
    for name in FIRST[package]:
        assert ">>> " in (getattr(face, name).__doc__ or ""), name
