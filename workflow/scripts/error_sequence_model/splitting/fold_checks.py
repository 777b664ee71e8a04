"""Checks of several folds put together: what failed in one fold has failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# Worst first: what failed anywhere has failed, what was not judged is not passed.
ORDER = {False: 0, None: 1, True: 2}


def merge_checks(folds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Put the checks of several folds together: each map's worst fold counts.

    Args:
        folds: Contents of ``faithfulness.json``, one per fold; empty if not stored.

    Returns:
        One content of the same form; empty if a fold has none.
    """
    if not folds or not all(folds):
        return {}
    merged = dict(folds[0])
    for key in ("methods", "attention_views"):
        names = dict.fromkeys(name for fold in folds for name in fold.get(key, {}))
        merged[key] = {
            name: min(
                (fold.get(key, {}).get(name, {"passed": None}) for fold in folds),
                key=lambda checks: ORDER.get(checks.get("passed"), 1),
            )
            for name in names
        }
    merged["n_sites"] = sum(fold.get("n_sites") or 0 for fold in folds)
    return merged
