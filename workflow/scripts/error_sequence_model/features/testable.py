"""Classical features that a change of the sequence can test, and where they lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from error_sequence_model.features.elements import find_hits
from error_sequence_model.features.families import Layout, say_range


def list_testable(
    names: Sequence[str], layout: Layout
) -> dict[str, tuple[list[str], str]]:
    """Group features into those that a change of the sequence can test.

    Args:
        names: Names of features.
        layout: The windows.

    Returns:
        Testable feature -> its columns, and a definition.
    """
    found: dict[str, tuple[list[str], str]] = {}
    fixed = {
        "strength": "strength of the site",
        "tract": "polypyrimidine tract",
        "branch": "branch point",
        "decoy:same": "competitors of the same type",
        "decoy:other": "competitors of the other type",
    }
    for name in names:
        group, *rest = name.split(":")
        if group == "decoy":
            key, words = f"decoy:{rest[0]}", fixed[f"decoy:{rest[0]}"]
        elif group in fixed:
            key, words = group, fixed[group]
        elif group == "element":
            words = f"{rest[0]} at {say_range(int(rest[1]), int(rest[2]))}"
            key = name
        elif group == "gc" and rest[0] != "difference":
            where = {"5prime": "5' of the junction", "3prime": "3' of the junction"}
            words = f"GC {where.get(rest[0], f'within {rest[0]} nt')}"
            key = name
        else:
            continue
        found.setdefault(key, ([], words))[0].append(name)
    return found


def find_starts(
    feature: str, codes: np.ndarray, layout: Layout, elements: Mapping[str, str]
) -> np.ndarray:
    """Columns at which sites have hits of an element in its bin, int (hits,)."""
    group, *rest = feature.split(":")
    if group != "element":
        return np.zeros(0, dtype=np.int64)
    hits = find_hits(codes, elements[rest[0]])
    columns = layout.get_slice(int(rest[1]), int(rest[2]))
    return np.nonzero(hits[:, columns])[1] + columns.start
