"""The audits of all splits in one table: what must be sound before training."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from error_sequence_model.errors import InputError
from error_sequence_model.files import read_json


def summarise_audits(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Read the audits of splits.

    Args:
        paths: ``results/{predictor}/{contrast}/{splice_type}/leakage.json`` files.

    Returns:
        One row per split and fold: predictor, contrast, splice_type, fold, the sites of
        each part, those removed from training, and whether the audit passed.

    Raises:
        InputError: An audit did not pass.
    """
    rows = []
    for path in paths:
        predictor, contrast, splice_type = path.parts[-4:-1]
        audit = read_json(path)
        if not audit["passed"]:
            raise InputError(f"{path}: the parts of this split share sites; see there")
        for fold, counts in audit["folds"].items():
            rows.append(
                {
                    "predictor": predictor,
                    "contrast": contrast,
                    "splice_type": splice_type,
                    "fold": fold,
                    **{
                        part: sum(counts["counts"][part].values())
                        for part in ("train", "validation", "test")
                    },
                    "removed_from_training": counts["removed_from_training"],
                    "passed": audit["passed"],
                }
            )
    return rows
