"""The audit of a split."""

from __future__ import annotations

from pathlib import Path

import pytest

from error_sequence_model.core import InputError, write_json
from error_sequence_model.splits import summarise_audits


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
