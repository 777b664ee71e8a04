"""The table of features: its description, and reading the features of one fold.

A feature that is learnt from training genes has a column per fold, ``{name}@fold{k}``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from error_sequence_model.core import read_saved_table, refuse_damage
from error_sequence_model.features.families import Feature

FOLD = "@fold"


def describe_features(
    features: Sequence[Feature], left_out: Mapping[Feature, str]
) -> pd.DataFrame:
    """One row per feature, those left out last; the folds of one are one row."""
    rows = {}
    for feature in [*features, *left_out]:
        name = feature.name.split(FOLD)[0]
        rows[name] = {
            "name": name,
            "group": feature.group,
            "unit": feature.unit,
            "definition": feature.definition,
            "left_out": left_out.get(feature, ""),
        }
    return pd.DataFrame(list(rows.values()))


def list_columns(path: str | Path, fold: int) -> dict[str, str]:
    """Features of a fold: name without the fold -> column of the file.

    Raises:
        InputError: No such file, or it cannot be read.
    """
    with refuse_damage(path):
        names = pq.read_schema(path).names
    columns = [name for name in names if name != "site_id"]
    ours = [n for n in columns if FOLD not in n or n.endswith(f"{FOLD}{fold}")]
    return {name.split(FOLD)[0]: name for name in ours}


def load_features(
    path: str | Path, *, fold: int, groups: Sequence[str] | None = None
) -> pd.DataFrame:
    """Read the features of one fold.

    Args:
        path: ``features.parquet``.
        fold: Whose learnt features.
        groups: Only features of these groups ("gc", "element" …); None: all.

    Returns:
        float32, index site_id, one column per feature without the fold in its name.
    """
    columns = {
        name: column
        for name, column in list_columns(path, fold).items()
        if groups is None or name.split(":")[0] in groups
    }
    frame = read_saved_table(path, columns=["site_id", *columns.values()])
    frame = frame.set_index("site_id")
    frame.columns = list(columns)
    return frame
